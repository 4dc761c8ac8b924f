//! The site in a cluster: the records of its reference topic, which every process reads and any may write.
//!
//! The first records are the first site; `site/site`, what is in none of its lists, ends it. Behind it each record is a
//! change, whose lines in the partitions of the frames are of the same transaction.

use std::sync::Arc;

use parking_types::Instant;
use parkline::stage::Position;
use serde_json::{Value, json, value::to_raw_value};

use super::{
    ATTEMPTS, Kept, Pending, Place,
    book::{Book, Documents, News},
    change::{ChangeError, Reference},
};
use crate::{
    log::{Entry, Kafka, LogError, Name, kafka},
    record, sitefile,
};

/// The topic, and how far this process has read it.
pub(crate) struct SiteTopic {
    kafka: Arc<Kafka>,
    name: Name,
    next: u64,
}

/// The kind of the record that holds what of a site is in none of its lists.
const SITE: &str = "site";
/// The kind of a record that says what the operator's documents say of an entry.
const DOCUMENTS: &str = "documents";
/// The right to write, until another process takes it.
pub(super) struct Turn(kafka::Reference);

impl SiteTopic {
    /// Reads the topic; a new one begins with `site`. Blocks on the network.
    pub(crate) fn open(kafka: Arc<Kafka>, site: &Documents, now: Instant) -> Result<Kept, LogError> {
        let name = Name::new("reference").ok_or(LogError::Closed)?;
        let mut attempt = 1;
        loop {
            let reference = kafka.reference(&name)?;
            let known = reference.read(0)?;
            if let Some(end) = known.iter().position(ends_the_first) {
                let (genesis, book) = books(&known, end, now);
                let next = known.last().map_or(0, |last| last.offset + 1);
                let place = Place::Topic(Self { kafka, name, next });
                return Ok(Kept { place, genesis, book, pending: None });
            }
            let since = |change: sitefile::Change| News::Change(change.since(now));
            let first = sitefile::changes(&Documents::new(), site).into_iter().map(since);
            let first: Vec<_> = first.chain([News::Rest(rest(site))]).map(|news| news.record()).collect();
            match reference.publish(&first, &[]) {
                // Another process that starts has taken the reference data; it may have written the same.
                Err(LogError::Lost { .. }) if attempt < ATTEMPTS => attempt += 1,
                written => drop(written?),
            }
        }
    }

    /// Becomes the only writer; gives what others have written since this process read it.
    pub(super) async fn turn(&self) -> Result<(Turn, Vec<Entry>), ChangeError> {
        let (kafka, name, next) = (self.kafka.clone(), self.name.clone(), self.next);
        let taking = move || {
            let reference = kafka.reference(&name)?;
            let entries = reference.read(next)?;
            Ok((Turn(reference), entries))
        };
        blocking(taking).await
    }

    /// Passes over what was read before, and says what is new.
    pub(super) fn meet(&mut self, entry: &Entry) -> Option<News> {
        if entry.offset < self.next {
            return None;
        }
        self.next = entry.offset + 1;
        read(entry)
    }

    /// This process has written up to there.
    pub(super) fn wrote(&mut self, last: u64) {
        self.next = self.next.max(last + 1);
    }
}

impl Turn {
    /// Writes what is new, and its changes into every partition, all or nothing; gives the last record and the last
    /// line in each partition.
    pub(super) async fn publish(
        self,
        news: &[News],
        now: Instant,
    ) -> Result<(u64, Vec<Position>), ChangeError> {
        let records: Vec<_> = news.iter().map(News::record).collect();
        let lines: Vec<_> = news.iter().filter_map(|news| news.line(now)).collect();
        let landed = blocking(move || self.0.publish(&records, &lines)).await?;
        let position = |(partition, offset)| Position { partition, offset };
        Ok((landed.record, landed.frames.into_iter().map(position).collect()))
    }
}

/// The client blocks on the network.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, ChangeError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(LogError::Closed)).map_err(ChangeError::from)
}

/// What is to be written for a change, in a book that does not have it yet.
pub(super) fn news(pending: &Pending, book: &Book) -> Vec<News> {
    let mut news: Vec<News> = pending.references.iter().cloned().map(News::Change).collect();
    if let Some(given) = &pending.given {
        let written = |change: &sitefile::Change| {
            pending.references.iter().any(|one| one.kind == change.kind && one.id == change.id)
        };
        let said = sitefile::changes(&book.given, given).into_iter().filter(|change| !written(change));
        news.extend(said.map(News::Said));
        if rest(given) != rest(&book.given) {
            news.push(News::Rest(rest(given)));
        }
    }
    news
}

impl News {
    /// The record, with its key `kind/id`.
    fn record(&self) -> (String, Vec<u8>) {
        match self {
            Self::Change(change) => {
                let value = serde_json::to_vec(change).unwrap_or_default();
                (format!("{}/{}", change.kind, change.id), value)
            }
            Self::Said(sitefile::Change { kind, id, value }) => {
                let id = format!("{kind}/{id}");
                let record = json!({"kind": DOCUMENTS, "id": id, "value": value});
                (format!("{DOCUMENTS}/{id}"), record.to_string().into_bytes())
            }
            Self::Rest(fields) => {
                let record = json!({"kind": SITE, "id": SITE, "value": fields});
                (format!("{SITE}/{SITE}"), record.to_string().into_bytes())
            }
        }
    }

    /// The line for the frames, where they are told.
    fn line(&self, now: Instant) -> Option<Vec<u8>> {
        let Self::Change(change) = self else { return None };
        let mut line = Vec::new();
        record::reference(now, &to_raw_value(change).ok()?, &mut line);
        Some(line)
    }
}

/// What of a site is in none of its lists.
fn rest(site: &Documents) -> Documents {
    let fields = site.iter().filter(|(_, value)| !value.is_array());
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn ends_the_first(entry: &Entry) -> bool {
    entry.key.starts_with(b"site/")
}

/// What a record says; nothing where it is none of ours.
fn read(entry: &Entry) -> Option<News> {
    let record: Value = serde_json::from_slice(&entry.value).ok()?;
    match record.get("kind")?.as_str()? {
        SITE => Some(News::Rest(record.get("value")?.as_object()?.clone())),
        DOCUMENTS => {
            let (kind, id) = record.get("id")?.as_str()?.split_once('/')?;
            let value = record.get("value").filter(|value| !value.is_null()).cloned();
            Some(News::Said(sitefile::Change { kind: kind.to_owned(), id: id.to_owned(), value }))
        }
        _ => serde_json::from_value::<Reference>(record).ok().map(News::Change),
    }
}

/// The first site, whose last record is at `end`, and what has become of it by `now`.
fn books(known: &[Entry], end: usize, now: Instant) -> (Documents, Book) {
    let (first, later) = known.split_at_checked(end + 1).unwrap_or((known, &[]));
    let mut book = Book::default();
    first.iter().filter_map(read).for_each(|news| book.take(news));
    // The first site holds since ever, whatever the clock of the process that wrote it said.
    book.fold(Instant::MAX);
    let genesis = book.now.clone();
    later.iter().filter_map(read).for_each(|news| book.take(news));
    book.fold(now);
    (genesis, book)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn entries(news: &[News]) -> Vec<Entry> {
        let entry = |(offset, news): (usize, &News)| {
            let (key, value) = news.record();
            Entry { offset: offset as u64, key: key.into(), value: Bytes::from(value) }
        };
        news.iter().enumerate().map(entry).collect()
    }

    fn object(value: Value) -> Documents {
        value.as_object().unwrap().clone()
    }

    fn first(site: &Documents, since: Instant) -> Vec<News> {
        let change = |change: sitefile::Change| News::Change(change.since(since));
        let lists = sitefile::changes(&Documents::new(), site).into_iter().map(change);
        lists.chain([News::Rest(rest(site))]).collect()
    }

    #[test]
    fn a_site_comes_back_from_its_records() {
        let site =
            object(json!({"format": 1, "tenant": "sz", "lots": [{"id": "L2"}, {"id": "L1", "group": "L2"}],
            "berths": [{"id": "b", "lot": "L1"}], "tariffs": [{"id": "t", "n": 1}, {"id": "t", "n": 2}]}));
        let now = Instant::from_secs(1_000).unwrap();
        let mut written = first(&site, now);
        let end = written.len() - 1;
        let (genesis, book) = books(&entries(&written), end, Instant::EPOCH);
        assert_eq!((&genesis, &book.now, &book.given), (&site, &site, &site), "whatever the clock says");
        assert_eq!(entries(&written).iter().position(ends_the_first), Some(end));

        let mut changed = site.clone();
        changed.insert("berths".to_owned(), json!([]));
        changed.insert("name".to_owned(), json!("Shenzhen"));
        let references = sitefile::changes(&site, &changed).into_iter().map(|c| c.since(now)).collect();
        written.extend(news(&Pending { references, given: Some(changed.clone()) }, &book));
        let (genesis, book) = books(&entries(&written), end, now);
        assert_eq!((genesis, book.now, book.given), (site, changed.clone(), changed));
    }

    #[test]
    fn what_documents_say_that_holds_already_is_not_changed_again() {
        let site = object(json!({"lots": [{"id": "L1"}]}));
        let renamed = object(json!({"lots": [{"id": "L1", "name": "one"}]}));
        let now = Instant::from_secs(1_000).unwrap();
        let mut written = first(&site, now);
        let end = written.len() - 1;
        let mut by_hand = sitefile::changes(&site, &renamed).remove(0).since(now);
        by_hand.by = super::super::By { kind: "user".to_owned(), id: "u-1".to_owned() };
        written.push(News::Change(by_hand));
        let (_, book) = books(&entries(&written), end, now);
        assert_eq!((&book.now, &book.given), (&renamed, &site));

        let said = news(&Pending { references: Vec::new(), given: Some(renamed.clone()) }, &book);
        assert!(matches!(said.as_slice(), [News::Said(_)]) && said[0].line(now).is_none(), "{said:?}");
        written.extend(said);
        assert_eq!(books(&entries(&written), end, now).1.given, renamed);
    }
}
