//! The erasure of all photos of a plate: those of its sessions, and those of frames in which it was read.
//!
//! A request goes through a page of the log and says where to go on, first through sessions, then through frames.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use device_codec::{Context, ImageCut, Protocol, decode};
use parking_types::{Id, Instant, Plate, PlateReading};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    Api, frames,
    images::{busy, kept},
    outcomes::unhex,
    params::Params,
    problem::Problem,
    scan::Plan,
};
use crate::{host::FRAMES, images::Hash, record, view};

/// Whose photos, who erases them, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    plate: String,
    by: Id,
    reason: String,
    /// Records from then or later …
    #[serde(default, deserialize_with = "view::maybe_instant")]
    from: Option<Instant>,
    /// … and from before this.
    #[serde(default, deserialize_with = "view::maybe_instant")]
    to: Option<Instant>,
    after: Option<String>,
}

/// What is gone through, in this order.
const TOPICS: [&str; 2] = ["sessions", FRAMES];

/// Erases the photos of a plate, a page of the log at a time.
pub(super) async fn of_plate(
    State(api): State<Api>,
    Params(ask): Params<Ask>,
) -> Result<Json<Value>, Problem> {
    kept(&api)?;
    let wrong = |_| Problem::bad_request("bad_query", "plate: this is no plate");
    let plate = Plate::parse(&ask.plate).map_err(wrong)?;
    let (topic, after) = match ask.after.as_deref() {
        None => (TOPICS[0], None),
        Some(text) => {
            let parts = text.split_once(':');
            let known =
                parts.and_then(|(name, at)| Some((*TOPICS.iter().find(|topic| **topic == name)?, Some(at))));
            known.ok_or_else(|| Problem::bad_request("bad_position", "after is no position of an erasure"))?
        }
    };
    let (hashes, on) = if topic == FRAMES {
        of_frames(&api, plate, &ask, after).await?
    } else {
        of_sessions(&api, plate, &ask, after).await?
    };
    let erased = erase(&api, &ask, hashes).await?;
    let after = match on {
        Some(position) => Some(format!("{topic}:{position}")),
        None if topic == FRAMES => None,
        None => Some(format!("{FRAMES}:{}", vec!["0"; api.0.log.partitions() as usize].join("."))),
    };
    let mut answer = json!({"erased": erased});
    if let Some(after) = after {
        answer["after"] = after.into();
    }
    Ok(Json(answer))
}

type Found = (BTreeSet<Hash>, Option<String>);

fn plan(api: &Api, topic: &'static str, ask: &Ask, after: Option<&str>) -> Result<Plan, Problem> {
    let plan = Plan::new(
        api,
        topic,
        after,
        usize::MAX,
        if topic == FRAMES { record::received_at } else { |_| None },
    )?;
    Ok(if topic == FRAMES { Plan { from: ask.from, to: ask.to, ..plan } } else { plan })
}

/// Pictures that were added to the plate's sessions, and those of the frames with which they began and ended: a camera may
/// have read them otherwise, and a person put it right.
async fn of_sessions(api: &Api, plate: Plate, ask: &Ask, after: Option<&str>) -> Result<Found, Problem> {
    let (from, to) = (ask.from, ask.to);
    let page = plan(api, TOPICS[0], ask, after)?;
    let page = page.run(api, move |_, entry| {
        let session: Session = serde_json::from_slice(&entry.value).ok()?;
        let at = session.edges().find_map(|edge| edge.at.parse::<Instant>().ok());
        let within = at.is_none_or(|at| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to));
        (within && session.plate.as_deref().is_some_and(|text| names(text, &plate))).then_some(session)
    });
    let page = page.await?;
    let (mut hashes, mut names) = (BTreeSet::new(), BTreeSet::new());
    for session in page.rows {
        hashes.extend(session.evidence.iter().filter_map(|evidence| Hash::parse(&evidence.image)));
        names.extend(
            session.edges().filter_map(|edge| Some(edge.frame.as_deref()?.split('.').next()?.to_owned())),
        );
    }
    for name in names {
        if let Some((_, entry)) = frames::read(api, FRAMES, &name).await {
            hashes
                .extend(record::lines(&entry.value).filter_map(Frame::read).flat_map(|frame| frame.hashes()));
        }
    }
    Ok((hashes, page.after.map(|after| after.to_string())))
}

/// The photos of frames in which the plate was read.
async fn of_frames(api: &Api, plate: Plate, ask: &Ask, after: Option<&str>) -> Result<Found, Problem> {
    let page = plan(api, FRAMES, ask, after)?.run(api, move |_, entry| {
        let frame = Frame::read(&entry.value)?;
        frame.shows(&plate).then(|| frame.hashes())
    });
    let page = page.await?;
    Ok((page.rows.into_iter().flatten().collect(), page.after.map(|after| after.to_string())))
}

async fn erase(api: &Api, ask: &Ask, hashes: BTreeSet<Hash>) -> Result<Vec<String>, Problem> {
    let images = kept(api)?;
    let about = json!({"erased_at": api.0.clock.now().to_string(), "by": {"kind": "user", "id": ask.by}, "reason": ask.reason});
    let mut erased = Vec::new();
    for hash in hashes {
        let mut record = about.clone();
        record["image"] = hash.to_string().into();
        if images.erase(&hash, record.to_string().into()).await.map_err(|_| busy())? {
            erased.push(hash.to_string());
        }
    }
    if !erased.is_empty() {
        // Whose photos they were is what was to be forgotten.
        let mut record = about;
        record["photos"] = erased.len().into();
        images.note(record.to_string()).await.map_err(|_| busy())?;
        tracing::info!(
            change = "photos",
            photos = erased.len(),
            "{} photos of a plate were erased",
            erased.len()
        );
    }
    Ok(erased)
}

fn names(text: &str, plate: &Plate) -> bool {
    Plate::parse(text).is_ok_and(|read| read == *plate || read.parts().any(|part| part == plate.as_str()))
}

#[derive(Deserialize)]
struct Session {
    plate: Option<String>,
    entry: Option<Edge>,
    exit: Option<Edge>,
    #[serde(default)]
    evidence: Vec<Evidence>,
}

#[derive(Deserialize)]
struct Edge {
    at: String,
    frame: Option<String>,
}

#[derive(Deserialize)]
struct Evidence {
    image: String,
}

impl Session {
    fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.entry.iter().chain(&self.exit)
    }
}

/// A frame that had photos.
#[derive(Deserialize)]
struct Frame<'a> {
    protocol: String,
    #[serde(borrow)]
    payload: &'a RawValue,
    route: Option<String>,
    content_type: Option<String>,
    images: Vec<Image>,
}

#[derive(Deserialize)]
struct Image {
    sha256: String,
    offset: u64,
    bytes: u64,
}

impl<'a> Frame<'a> {
    /// `None` for what is no frame, or had no photos.
    fn read(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(line).ok().filter(|frame| !frame.images.is_empty())
    }

    fn hashes(&self) -> Vec<Hash> {
        self.images.iter().filter_map(|image| Hash::parse(&image.sha256)).collect()
    }

    /// Whether the plate is read in it.
    fn shows(&self, plate: &Plate) -> bool {
        let Some(protocol) = Protocol::parse(&self.protocol) else { return false };
        let text: Option<String> = serde_json::from_str(self.payload.get()).ok();
        let payload = match text {
            Some(hex) => unhex(&hex).unwrap_or_default(),
            None => self.payload.get().as_bytes().to_vec(),
        };
        let images: Vec<ImageCut> =
            self.images.iter().map(|image| ImageCut { offset: image.offset, bytes: image.bytes }).collect();
        let context = Context {
            route: self.route.as_deref(),
            content_type: self.content_type.as_deref(),
            images: &images,
            ..Context::default()
        };
        let mut found = false;
        // What cannot be decoded to its end may have shown it before.
        let _ = decode(protocol, &payload, &context, &mut |reading| {
            if let Some(PlateReading::Plate(read)) = &reading.plate {
                found |= names(read.as_str(), plate);
            }
        });
        found
    }
}
