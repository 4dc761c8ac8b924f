//! Free places by lot and area, and berths by state.

use std::collections::{BTreeMap, HashMap};

use axum::{Json, extract::State};
use parking_types::Id;
use parkline::ask::Question;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Api,
    asking::ask,
    params::{Params, page},
    problem::Problem,
};
use crate::directory::{Lot, Places};

/// Which lots.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    lot: Option<String>,
    /// The area, with those that lie in it.
    area: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Count {
    /// How many cars fit; absent where the site does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    places: Option<u64>,
    taken: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<u64>,
}

impl Count {
    fn new(places: Option<u64>, taken: u64) -> Self {
        Self { places, taken, free: places.map(|places| places.saturating_sub(taken)) }
    }

    /// Sums; what fits somewhere where nobody knows how many adds nothing to `places`.
    fn add(&mut self, other: &Self) {
        let sum = |a: Option<u64>, b: Option<u64>| a.map_or(b, |a| Some(a + b.unwrap_or(0)));
        self.places = sum(self.places, other.places);
        self.free = sum(self.free, other.free);
        self.taken += other.taken;
    }
}

/// Every lot with its counts, and the sums of the areas.
pub(super) async fn places(
    State(api): State<Api>,
    Params(which): Params<Which>,
) -> Result<Json<Value>, Problem> {
    let site = api.0.guard.directory.places();
    let lots: Vec<(&String, &Lot)> = site.lots.iter().filter(|(id, lot)| which.has(id, lot, &site)).collect();
    if lots.is_empty() && (which.lot.is_some() || which.area.is_some()) {
        return Err(Problem::not_found("no_such_place", "no lot of the site is there"));
    }
    let inside = inside(&api, &lots).await?;
    let mut areas: BTreeMap<&str, Count> = BTreeMap::new();
    let mut listed = Vec::new();
    for (id, lot) in lots {
        let seen = inside.get(id.as_str()).copied().unwrap_or(0);
        let count = Count::new(lot.places, if lot.gated { seen } else { api.0.desk.view.occupied(id) });
        site.areas_of(lot.area.as_deref()).for_each(|area| areas.entry(area).or_default().add(&count));
        let mut row = json!(count);
        row["lot"] = json!(id);
        row["kind"] = json!(if lot.gated { "gated" } else { "roadside" });
        for (name, value) in [("area", &lot.area), ("name", &lot.name)] {
            if let Some(value) = value {
                row[name] = json!(value);
            }
        }
        listed.push(row);
    }
    let areas: Vec<Value> = areas
        .into_iter()
        .map(|(area, count)| {
            let mut row = json!(count);
            row["area"] = json!(area);
            row
        })
        .collect();
    Ok(Json(json!({"lots": listed, "areas": areas})))
}

impl Which {
    fn has(&self, id: &str, lot: &Lot, site: &Places) -> bool {
        let in_area = |area: &String| site.areas_of(lot.area.as_deref()).any(|known| known == area);
        self.lot.as_deref().is_none_or(|wanted| wanted == id) && self.area.as_ref().is_none_or(in_area)
    }
}

/// How many cars are inside gated lots, as their workers count them.
async fn inside(api: &Api, lots: &[(&String, &Lot)]) -> Result<HashMap<String, u64>, Problem> {
    #[derive(Deserialize)]
    struct Inside {
        lot: String,
        inside: u64,
    }
    let mut wanted: BTreeMap<u32, Vec<Id>> = BTreeMap::new();
    for (id, lot) in lots.iter().filter(|(_, lot)| lot.gated) {
        wanted.entry(lot.partition).or_default().extend(Id::new(id).ok());
    }
    let mut inside = HashMap::new();
    for (partition, lots) in wanted {
        for member in ask(api, partition, &Question::Inside(lots)).await? {
            if let Ok(Inside { lot, inside: count }) = serde_json::from_str(member.get()) {
                inside.insert(lot, count);
            }
        }
    }
    Ok(inside)
}

/// Which berths.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Berths {
    lot: Option<String>,
    area: Option<String>,
    state: Option<Kind>,
    /// The berth after which the page starts.
    after: Option<String>,
    limit: Option<usize>,
}

/// What a berth is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A session is open there.
    Occupied,
    /// None is.
    Free,
    /// Nothing was ever heard of it.
    Unknown,
}

#[derive(Debug, Serialize)]
struct BerthRow<'a> {
    berth: &'a str,
    lot: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    state: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// What its detectors last said, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    detected: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
}

/// What a worker knows of a berth.
#[derive(Debug, Deserialize)]
struct Now {
    berth: String,
    occupied: Option<bool>,
    contact: Option<String>,
    session: Option<String>,
}

/// Berths that one request looks at: with a rare state a page may have fewer rows than it could.
const LOOKED_AT: usize = 10_000;

/// Berths by id, a page at a time.
pub(super) async fn berths(
    State(api): State<Api>,
    Params(query): Params<Berths>,
) -> Result<Json<Value>, Problem> {
    let site = api.0.guard.directory.places();
    let which = Which { lot: query.lot, area: query.area };
    let limit = page(query.limit);
    let start = query.after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
    let mut rows: Vec<Value> = Vec::new();
    let mut after = None;
    let mut looked_at = 0;
    let of_lot = |berth: &crate::directory::Berth| {
        site.lots.get_key_value(&berth.lot).is_some_and(|(id, lot)| which.has(id, lot, &site))
    };
    let mut left = site.berths.range((start, std::ops::Bound::Unbounded)).peekable();
    while rows.len() < limit && looked_at < LOOKED_AT && left.peek().is_some() {
        let chunk: Vec<_> = left.by_ref().take(limit).collect();
        looked_at += chunk.len();
        let wanted: Vec<_> = chunk.iter().filter(|(_, berth)| of_lot(berth)).copied().collect();
        let known = now(&api, &wanted, &site).await?;
        for (id, berth) in &chunk {
            after = Some((*id).clone());
            if !of_lot(berth) {
                continue;
            }
            let now = known.get(id.as_str());
            let session = now.and_then(|now| now.session.clone());
            let state = match (now, &session) {
                (_, Some(_)) => Kind::Occupied,
                (Some(_), None) => Kind::Free,
                (None, None) => Kind::Unknown,
            };
            if query.state.is_some_and(|wanted| wanted != state) {
                continue;
            }
            let (detected, contact) = now.map_or((None, None), |now| (now.occupied, now.contact.clone()));
            let row =
                BerthRow { berth: id, lot: &berth.lot, kind: &berth.kind, state, session, detected, contact };
            rows.push(json!(row));
            if rows.len() == limit {
                break;
            }
        }
    }
    let more = after.as_ref().is_some_and(|after| {
        let rest = (std::ops::Bound::Excluded(after.clone()), std::ops::Bound::Unbounded);
        site.berths.range(rest).next().is_some()
    });
    let mut answer = json!({"berths": rows});
    if let Some(after) = after.filter(|_| more) {
        answer["after"] = json!(after);
    }
    Ok(Json(answer))
}

async fn now(
    api: &Api,
    berths: &[(&String, &crate::directory::Berth)],
    site: &Places,
) -> Result<HashMap<String, Now>, Problem> {
    let mut wanted: BTreeMap<u32, Vec<Id>> = BTreeMap::new();
    for (id, berth) in berths {
        let partition = site.partition(&berth.lot).unwrap_or(0);
        wanted.entry(partition).or_default().extend(Id::new(id).ok());
    }
    let mut known = HashMap::new();
    for (partition, berths) in wanted {
        for member in ask(api, partition, &Question::Berths(berths)).await? {
            if let Ok(now) = serde_json::from_str::<Now>(member.get()) {
                known.insert(now.berth.clone(), now);
            }
        }
    }
    Ok(known)
}
