//! Sessions that have left memory, on disk: a file of each partition, which belongs to the partition's checkpoints.
//!
//! What a stage changes stays in memory until a checkpoint that holds it is durable; only then is it made for good, by a
//! thread beside the stage, which goes on with what it changes meanwhile: what a checkpoint holds is *cut* off, and stands
//! still until it lies in the file. So after a crash the file is never ahead of the checkpoint, and what it lacks stands in the checkpoint. A stage that is
//! derived from the first record has no checkpoint yet: what it changes goes into the file at once when it is much, and
//! counts for nothing until there is one.

use std::{
    cell::Cell,
    cmp::Ordering,
    collections::BTreeMap,
    fmt, fs,
    iter::Peekable,
    ops::{Bound, ControlFlow},
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use redb::{Database, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use session_core::{Each, Store, StoreCut};

const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("left");
/// Bytes of a file that are kept in memory.
const CACHE: usize = 16 << 20;
/// The key of how often changes were made for good, and in which history; a store's own keys are not empty.
const STAND: &[u8] = b"";
/// Bytes of changes that are kept in memory where no checkpoint must be waited for.
const MUCH: usize = 16 << 20;
/// Bytes that a key and a value take beside their own.
const EACH: usize = 64;
/// Written in the place of a length: the key is gone.
const GONE: u32 = u32::MAX;

type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;
type Table = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Which state of which history a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stand {
    /// How often the file was begun anew.
    history: u64,
    /// How often changes were made for good since.
    times: u64,
}

/// The store of one partition.
pub struct DiskStore {
    /// `None` where the file cannot be opened.
    file: Option<Arc<Database>>,
    /// What was made for good, once it is known that it belongs to the state.
    table: Option<Table>,
    /// What a checkpoint holds and the file does not yet.
    cut: Option<Arc<Changes>>,
    /// The thread that makes it for good, once that checkpoint is durable.
    writer: Option<JoinHandle<Result<(Stand, Table), redb::Error>>>,
    /// What has changed since.
    changes: Changes,
    /// Bytes that these changes take, about.
    weight: usize,
    stand: Stand,
    /// A checkpoint holds it.
    saved: bool,
    fault: Cell<bool>,
}

impl fmt::Debug for DiskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStore").field("changes", &self.changes.len()).finish_non_exhaustive()
    }
}

impl DiskStore {
    /// Opens or makes the file of a partition in `folder`. A file that cannot be opened makes a store that is not sound.
    pub fn open(folder: &Path, partition: u32) -> Self {
        let path = folder.join(format!("{partition:05}.redb"));
        let opened = fs::create_dir_all(folder).map_err(redb::Error::from);
        let make = || Database::builder().set_cache_size(CACHE).create(&path);
        let file = opened.and_then(|()| make().map_err(redb::Error::from));
        if let Err(error) = &file {
            eprintln!("{}: {error}", path.display());
        }
        let fault = Cell::new(file.is_err());
        Self {
            file: file.ok().map(Arc::new),
            table: None,
            cut: None,
            writer: None,
            changes: Changes::new(),
            weight: 0,
            stand: Stand::default(),
            saved: false,
            fault,
        }
    }

    fn failed(&self, error: &dyn fmt::Display) {
        eprintln!("what has left memory: {error}");
        self.fault.set(true);
    }

    /// The stand that the file belongs to, where it is known that it is this state's.
    fn known(&self) -> Option<Stand> {
        self.table.as_ref().map(|_| self.stand)
    }

    /// Makes what has not been cut for good, here and now.
    fn write_now(&mut self) -> Result<(), redb::Error> {
        let Some(file) = &self.file else { return Ok(()) };
        let (stand, table) = write(file, self.known(), &self.changes)?;
        (self.stand, self.table) = (stand, Some(table));
        self.changes.clear();
        self.weight = 0;
        Ok(())
    }

    /// Waits until what was cut lies in the file, where that is under way.
    fn written(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        match writer.join() {
            Ok(Ok((stand, table))) => {
                (self.stand, self.table) = (stand, Some(table));
                // Much may take a while to be forgotten.
                let cut = self.cut.take();
                drop(thread::Builder::new().spawn(move || drop(cut)));
            }
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.failed(&"its writer panicked"),
        }
    }

    /// What was changed and is not in the file: since the cut, or else by then.
    fn changed<'c>(
        &'c self,
        range: (Bound<&'c [u8]>, Bound<&'c [u8]>),
    ) -> impl Iterator<Item = (&'c Vec<u8>, &'c Option<Vec<u8>>)> {
        let mut newer = self.changes.range::<[u8], _>(range).peekable();
        let mut older = self.cut.iter().flat_map(move |cut| cut.range::<[u8], _>(range)).peekable();
        std::iter::from_fn(move || {
            let order = newer.peek().zip(older.peek()).map(|((new, _), (old, _))| new.cmp(old));
            match order {
                Some(Ordering::Less) => newer.next(),
                Some(Ordering::Greater) => older.next(),
                Some(Ordering::Equal) => older.next().and_then(|_| newer.next()),
                None => newer.next().or_else(|| older.next()),
            }
        })
    }

    /// Takes up what lies there; `false`: it is another state's.
    fn take_up(&mut self, saved: Stand) -> Result<bool, redb::Error> {
        let Some(file) = &self.file else { return Ok(true) };
        let transaction = file.begin_write()?;
        transaction.open_table(TABLE)?;
        transaction.commit()?;
        let table = file.begin_read()?.open_table(TABLE)?;
        let stand = table.get(STAND)?.map_or_else(Stand::default, |stand| Stand::read(stand.value()));
        self.table = Some(table);
        self.stand = saved;
        // The state's own changes may have been made already: then they are made once more.
        Ok(stand == saved || stand == Stand { times: saved.times + 1, ..saved })
    }

    fn change(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        if self.writer.as_ref().is_some_and(JoinHandle::is_finished) {
            self.written();
        }
        self.weight += key.len() + value.as_ref().map_or(0, Vec::len) + EACH;
        self.changes.insert(key, value);
        if !self.saved && self.cut.is_none() && self.weight > MUCH {
            self.settle();
            // No checkpoint holds what was written.
            self.saved = false;
        }
    }

    /// As if nothing had left yet; the file is emptied when something does.
    fn begin(&mut self) {
        self.written();
        self.cut = None;
        (self.stand, self.table, self.saved) = (Stand::default(), None, false);
        self.changes.clear();
        self.weight = 0;
    }

    fn each(&self, from: &[u8], to: &[u8], each: &mut Each<'_>) -> Result<(), redb::Error> {
        let mut changed = self.changed((Bound::Included(from), Bound::Excluded(to))).peekable();
        if let Some(table) = &self.table {
            for pair in table.range::<&[u8]>(from..to)? {
                let (key, value) = pair?;
                let key = key.value();
                if before(&mut changed, Some(key), each).is_break() {
                    return Ok(());
                }
                let now = changed.next_if(|(other, _)| other.as_slice() == key).map(|(_, value)| value);
                let goes_on = match now {
                    Some(Some(value)) => each(key, value),
                    Some(None) => ControlFlow::Continue(()),
                    None => each(key, value.value()),
                };
                if goes_on.is_break() {
                    return Ok(());
                }
            }
        }
        let _ended = before(&mut changed, None, each);
        Ok(())
    }
}

/// Gives what was changed and stands before a key.
fn before<'c>(
    changed: &mut Peekable<impl Iterator<Item = (&'c Vec<u8>, &'c Option<Vec<u8>>)>>,
    key: Option<&[u8]>,
    each: &mut Each<'_>,
) -> ControlFlow<()> {
    while let Some((own, value)) = changed.next_if(|(own, _)| key.is_none_or(|key| own.as_slice() < key)) {
        if let Some(value) = value {
            each(own, value)?;
        }
    }
    ControlFlow::Continue(())
}

impl Store for DiskStore {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let cut = || self.cut.as_ref().and_then(|cut| cut.get(key));
        if let Some(changed) = self.changes.get(key).or_else(cut) {
            return changed.clone();
        }
        match self.table.as_ref()?.get(key) {
            Ok(value) => value.map(|value| value.value().to_vec()),
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    fn range(&self, from: &[u8], to: &[u8], each: &mut Each<'_>) {
        if from < to
            && let Err(error) = self.each(from, to, each)
        {
            self.failed(&error);
        }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.change(key, Some(value));
    }

    fn remove(&mut self, key: &[u8]) {
        self.change(key.to_vec(), None);
    }

    fn changes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        encode(self.stand, self.changed((Bound::Unbounded, Bound::Unbounded)), &mut out);
        out
    }

    fn cut(&mut self) -> StoreCut {
        self.written();
        // What was cut before and did not become durable is part of this cut.
        let mut cut = self.cut.take().map(Arc::unwrap_or_clone).unwrap_or_default();
        cut.append(&mut self.changes);
        self.weight = 0;
        let (stand, cut) = (self.stand, Arc::new(cut));
        self.cut = Some(cut.clone());
        Box::new(move |out| encode(stand, cut.iter(), out))
    }

    fn unsaved(&self) -> usize {
        self.weight
    }

    /// Beside the stage where it was cut, else at once.
    fn settle(&mut self) {
        self.saved = true;
        let Some(cut) = self.cut.clone() else {
            if !self.changes.is_empty()
                && let Err(error) = self.write_now()
            {
                self.failed(&error);
            }
            return;
        };
        let Some(file) = self.file.clone().filter(|_| !cut.is_empty()) else {
            self.cut = None;
            return;
        };
        let known = self.known();
        let write = move || write(&file, known, &cut);
        match thread::Builder::new().name("left".to_owned()).spawn(write) {
            Ok(writer) => self.writer = Some(writer),
            Err(error) => self.failed(&error),
        }
    }

    fn resume(&mut self, changes: &[u8]) -> bool {
        let Some((stand, changes)) = decode(changes) else { return false };
        // Where nothing had been made for good yet, the changes are all there is.
        let ours = if stand == Stand::default() { Ok(true) } else { self.take_up(stand) };
        match ours {
            Ok(true) => {
                self.weight =
                    changes.iter().map(|(k, v)| k.len() + v.as_ref().map_or(0, Vec::len) + EACH).sum();
                self.changes = changes;
                self.settle();
                true
            }
            // The file belongs to another checkpoint: everything is derived from the start, and the file again with it.
            Ok(false) => {
                self.begin();
                false
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    fn is_sound(&self) -> bool {
        !self.fault.get()
    }
}

impl Drop for DiskStore {
    /// The next one that opens the file must find it closed.
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Makes changes for good in a file that is known to belong to a stand; what else lies there is nobody's and goes.
fn write(file: &Database, known: Option<Stand>, changes: &Changes) -> Result<(Stand, Table), redb::Error> {
    let mut transaction = file.begin_write()?;
    // A start after a crash need not look through the whole file.
    transaction.set_quick_repair(true);
    let before = transaction.open_table(TABLE)?.get(STAND)?.map(|stand| Stand::read(stand.value()));
    let stand = match known {
        Some(stand) => Stand { times: stand.times + 1, ..stand },
        None => {
            transaction.delete_table(TABLE)?;
            Stand { history: before.unwrap_or_default().history + 1, times: 1 }
        }
    };
    {
        let mut table = transaction.open_table(TABLE)?;
        table.insert(STAND, stand.bytes().as_slice())?;
        for (key, value) in changes {
            match value {
                Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                None => drop(table.remove(key.as_slice())?),
            }
        }
    }
    transaction.commit()?;
    Ok((stand, file.begin_read()?.open_table(TABLE)?))
}

fn encode<'c>(
    stand: Stand,
    changes: impl Iterator<Item = (&'c Vec<u8>, &'c Option<Vec<u8>>)>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(&stand.bytes());
    for (key, value) in changes {
        out.extend_from_slice(&(key.len() as u32).to_le_bytes());
        out.extend_from_slice(key);
        out.extend_from_slice(&value.as_ref().map_or(GONE, |value| value.len() as u32).to_le_bytes());
        out.extend_from_slice(value.as_deref().unwrap_or_default());
    }
}

impl Stand {
    fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (history, times) = bytes.split_at_mut(8);
        history.copy_from_slice(&self.history.to_le_bytes());
        times.copy_from_slice(&self.times.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Self {
        let number = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Self { history: number(bytes.first_chunk()), times: number(bytes.last_chunk()) }
    }
}

fn decode(bytes: &[u8]) -> Option<(Stand, Changes)> {
    fn take<'b>(bytes: &mut &'b [u8], len: u32) -> Option<&'b [u8]> {
        let (head, rest) = bytes.split_at_checked(len as usize)?;
        *bytes = rest;
        Some(head)
    }
    let length = |bytes: &mut &[u8]| Some(u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?));
    let (stand, mut bytes) = bytes.split_at_checked(16)?;
    let mut changes = Changes::new();
    while !bytes.is_empty() {
        let len = length(&mut bytes)?;
        let key = take(&mut bytes, len)?.to_vec();
        let value = match length(&mut bytes)? {
            GONE => None,
            len => Some(take(&mut bytes, len)?.to_vec()),
        };
        changes.insert(key, value);
    }
    Some((Stand::read(stand), changes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn all(store: &DiskStore) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        store.range(b"a", b"z", &mut |key, value| {
            found.push((text(key), text(value)));
            ControlFlow::Continue(())
        });
        for (key, value) in &found {
            assert_eq!(store.get(key.as_bytes()).as_deref(), Some(value.as_bytes()));
        }
        found
    }

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// At each point a crash leaves what the newest durable checkpoint had, whatever the file had been told by then.
    #[test]
    fn the_file_goes_with_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = DiskStore::open(folder.path(), 3);
        for (key, value) in [("b", "1"), ("d", "1"), ("f", "1")] {
            store.put(key.into(), value.into());
        }
        let first = store.changes();
        store.settle();
        store.put("a".into(), "2".into());
        store.put("d".into(), "2".into());
        store.remove(b"f");
        store.remove(b"nothing");
        store.put("g".into(), "2".into());
        let now = pairs(&[("a", "2"), ("b", "1"), ("d", "2"), ("g", "2")]);
        assert_eq!(all(&store), now);
        assert_eq!(store.get(b"f"), None);
        // A crash before the second checkpoint: its changes never were.
        drop(store);
        let mut store = DiskStore::open(folder.path(), 3);
        assert!(store.resume(&first));
        assert_eq!(all(&store), pairs(&[("b", "1"), ("d", "1"), ("f", "1")]));
        for (key, value) in [("a", "2"), ("d", "2"), ("g", "2")] {
            store.put(key.into(), value.into());
        }
        store.remove(b"f");
        let second = store.changes();
        // A crash after it was durable, before the file had it; and one after that.
        for _ in 0..2 {
            drop(store);
            store = DiskStore::open(folder.path(), 3);
            assert!(store.resume(&second));
            assert_eq!(all(&store), now);
        }
        assert!(store.is_sound());
        // A checkpoint that is older than the file must not be believed.
        for value in ["3", "4"] {
            store.put("a".into(), value.into());
            store.settle();
        }
        drop(store);
        let mut store = DiskStore::open(folder.path(), 3);
        assert!(!store.resume(&second));
        assert!(!store.resume(b"no changes at all"));
        assert!(store.is_sound());
        // A state that is derived from the start has none of it.
        drop(store);
        let mut store = DiskStore::open(folder.path(), 3);
        assert_eq!((all(&store), store.get(b"b")), (Vec::new(), None));
        store.put("c".into(), "3".into());
        store.settle();
        assert_eq!(all(&store), pairs(&[("c", "3")]));
    }

    /// While a checkpoint is written down and its changes go into the file, the store goes on, and a crash leaves one or
    /// the other.
    #[test]
    fn a_cut_stands_while_the_store_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = DiskStore::open(folder.path(), 1);
        let put = |store: &mut DiskStore, key: &str, value: &str| store.put(key.into(), value.into());
        put(&mut store, "b", "1");
        put(&mut store, "c", "1");
        store.settle();
        put(&mut store, "b", "2");
        put(&mut store, "d", "2");
        let as_cut = pairs(&[("b", "2"), ("c", "1"), ("d", "2")]);
        let written = |cut: StoreCut| {
            let mut out = Vec::new();
            cut(&mut out);
            out
        };
        let cut = store.cut();
        assert_eq!(store.unsaved(), 0);
        put(&mut store, "a", "3");
        store.remove(b"b");
        put(&mut store, "d", "3");
        let now = pairs(&[("a", "3"), ("c", "1"), ("d", "3")]);
        assert_eq!((all(&store), store.get(b"b")), (now.clone(), None));
        let first = written(cut);
        // It is durable: the file gets it, and the store has the same all the while.
        store.settle();
        assert_eq!((all(&store), store.get(b"b")), (now.clone(), None));
        let second = written(store.cut());
        assert_eq!(all(&store), now);
        drop(store);
        for (state, then) in [(&first, &as_cut), (&second, &now)] {
            let mut store = DiskStore::open(folder.path(), 1);
            assert!(store.resume(state));
            assert_eq!(all(&store), *then);
        }
        // What was cut and never became durable is part of the next cut.
        let mut store = DiskStore::open(folder.path(), 1);
        assert!(store.resume(&second));
        put(&mut store, "e", "4");
        drop(written(store.cut()));
        put(&mut store, "f", "5");
        let third = written(store.cut());
        drop(store);
        let mut store = DiskStore::open(folder.path(), 1);
        assert!(store.resume(&third));
        assert_eq!(all(&store), pairs(&[("a", "3"), ("c", "1"), ("d", "3"), ("e", "4"), ("f", "5")]));
    }

    /// Much that leaves before there is a checkpoint does not stay in memory, and is nobody's after a crash.
    #[test]
    fn what_is_derived_from_the_start_lies_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = DiskStore::open(folder.path(), 0);
        let one = |store: &mut DiskStore, nth: u32| store.put(format!("k{nth:06}").into(), vec![7; 1_000]);
        for nth in 0..40_000 {
            one(&mut store, nth);
            assert!(store.unsaved() <= MUCH);
        }
        store.remove(b"k000001");
        assert_eq!(
            (store.get(b"k000000").map(|value| value.len()), store.get(b"k000001")),
            (Some(1_000), None)
        );
        let first = store.changes();
        drop(store);
        let mut store = DiskStore::open(folder.path(), 0);
        assert!(store.get(b"k000000").is_none());
        one(&mut store, 5);
        store.settle();
        // It is another history, though as long.
        for _ in 0..2 {
            one(&mut store, 6);
            store.settle();
        }
        drop(store);
        assert!(!DiskStore::open(folder.path(), 0).resume(&first));
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_no_sound_store() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("00000.redb"),
            b"something else that is longer than a page header of any kind",
        )
        .unwrap();
        assert!(!DiskStore::open(folder.path(), 0).is_sound());
    }
}
