//! From JSON to typed entities, field by field; what they name is looked up later.

use device_codec::Protocol;
use parking_types::{Direction, Id, Instant, Plate, PlateClass, VehicleClass, Zone};
use session_core::{ListKind, LotKind};

use super::{entity::*, policy::read_policy};
use crate::tree::{Fault, Fields, Node, Tree, Wrong};

/// An entity that can be read.
pub(super) trait Read: Sized {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault>;
}

fn boxed(node: Node<'_, '_>) -> Result<Box<str>, Fault> {
    node.text().map(Box::from)
}

fn notes(fields: &mut Fields<'_, '_>) -> Result<Notes, Fault> {
    let name = fields.maybe("name", boxed)?;
    let label = |name: &str, value: Node<'_, '_>| Ok((name.into(), boxed(value)?));
    let labels = fields.maybe("labels", |node| node.members(label))?.unwrap_or_default();
    Ok(Notes { name, labels })
}

fn ids(node: Node<'_, '_>) -> Result<Vec<Id>, Fault> {
    let ids = node.list(|item| item.id())?;
    if ids.is_empty() { Err(node.expected("at least one id")) } else { Ok(ids) }
}

/// One id or a list of them.
fn one_or_more(node: Node<'_, '_>) -> Result<Vec<Id>, Fault> {
    match node.tree {
        Tree::List(_) => ids(node),
        _ => Ok(vec![node.id()?]),
    }
}

fn plates(node: Node<'_, '_>) -> Result<Vec<Plate>, Fault> {
    let mut plates = node.list(|item| item.plate())?;
    plates.sort_unstable();
    plates.dedup();
    Ok(plates)
}

fn location(node: Node<'_, '_>) -> Result<Location, Fault> {
    let degrees = |node: Node<'_, '_>| match node.tree {
        Tree::Number(number) => Ok(number.to_string().into_boxed_str()),
        _ => Err(node.expected("degrees, a number")),
    };
    let datum = |word: &str| match word {
        "wgs84" => Some(Datum::Wgs84),
        "gcj02" => Some(Datum::Gcj02),
        _ => None,
    };
    node.object(|fields| {
        Ok(Location {
            lat: fields.must("lat", degrees)?,
            lon: fields.must("lon", degrees)?,
            datum: fields.must("datum", |node| node.word("wgs84 or gcj02", datum))?,
        })
    })
}

fn tariff_choice(node: Node<'_, '_>) -> Result<TariffChoice, Fault> {
    match node.tree {
        Tree::Map(_) => node.object(|fields| {
            let tariff = fields.must("id", |node| node.id())?;
            let calendars = fields.maybe("calendar", one_or_more)?.unwrap_or_default();
            Ok(TariffChoice { tariff, calendars: calendars.into() })
        }),
        _ => Ok(TariffChoice { tariff: node.id()?, calendars: [].into() }),
    }
}

fn count(node: Node<'_, '_>) -> Result<u32, Fault> {
    node.whole("a whole number", 0, i64::from(u32::MAX)).map(|n| n as u32)
}

impl Read for Lot {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        let kind = |word: &str| match word {
            "roadside" => Some(LotKind::Roadside),
            "gated" => Some(LotKind::Gated),
            _ => None,
        };
        let pricing = |word: &str| matches!(word, "ours" | "reported").then_some(word == "ours");
        node.object(|fields| {
            let id = fields.must("id", |node| node.id())?;
            let ours = fields.maybe("pricing", |node| node.word("ours or reported", pricing))?;
            if ours == Some(false) {
                return Err(fields
                    .wrong("pricing", Wrong::Expected("ours: a lot that prices itself is not supported")));
            }
            Ok(Self {
                id,
                kind: fields.must("kind", |node| node.word("roadside or gated", kind))?,
                zone: fields
                    .must("time_zone", |node| node.word("an IANA time zone", |name| Zone::new(name).ok()))?,
                group: fields.maybe("group", |node| node.id())?.unwrap_or(id),
                capacity: fields.maybe("capacity", count)?,
                tariffs: fields.list("tariffs", tariff_choice)?,
                calendars: fields.maybe("calendar", one_or_more)?.unwrap_or_default().into(),
                area: fields.maybe("area", |node| node.id())?,
                operator: fields.maybe("operator", |node| node.id())?,
                policy: fields.maybe("policy", read_policy)?.unwrap_or_default(),
                address: fields.maybe("address", boxed)?,
                location: fields.maybe("location", location)?,
                code: fields.maybe("code", boxed)?,
                notes: notes(fields)?,
            })
        })
    }
}

impl Read for Berth {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        let kind = |word: &str| match word {
            "common" => Some(BerthType::Common),
            "private" => Some(BerthType::Private),
            "vip" => Some(BerthType::Vip),
            "temporary" => Some(BerthType::Temporary),
            "charging" => Some(BerthType::Charging),
            _ => None,
        };
        node.object(|fields| {
            Ok(Self {
                id: fields.must("id", |node| node.id())?,
                lot: fields.must("lot", |node| node.id())?,
                kind: fields
                    .maybe("type", |node| node.word("common, private, vip, temporary or charging", kind))?
                    .unwrap_or(BerthType::Common),
                detectors: fields.maybe("detectors", ids)?,
                tariffs: fields.list("tariffs", tariff_choice)?,
                code: fields.maybe("code", boxed)?,
                location: fields.maybe("location", location)?,
                notes: notes(fields)?,
            })
        })
    }
}

fn direction(node: Node<'_, '_>) -> Result<Direction, Fault> {
    node.word("entry or exit", Direction::parse)
}

impl Read for Lane {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        let gate = |node: Node<'_, '_>| match node.text()? {
            "none" => Ok(GateChoice::None),
            _ => node.id().map(GateChoice::Device),
        };
        node.object(|fields| {
            Ok(Self {
                id: fields.must("id", |node| node.id())?,
                lot: fields.must("lot", |node| node.id())?,
                direction: fields.must("direction", direction)?,
                gate: fields.maybe("gate", gate)?.unwrap_or(GateChoice::TheOnlyOne),
                code: fields.maybe("code", boxed)?,
                notes: notes(fields)?,
            })
        })
    }
}

const PLACES: [&str; 5] = ["berth", "berths", "lane", "lot", "area"];

fn berths(node: Node<'_, '_>) -> Result<Vec<(u32, Id)>, Fault> {
    let mut berths = node.members(|number, berth| {
        let plain = number.parse::<u32>().ok().filter(|n| n.to_string() == number);
        let number = plain.ok_or_else(|| berth.expected("a berth's number as the name"))?;
        Ok((number, berth.id()?))
    })?;
    if berths.is_empty() {
        return Err(node.expected("at least one berth"));
    }
    berths.sort_unstable();
    Ok(berths)
}

fn binding(fields: &mut Fields<'_, '_>) -> Result<Binding, Fault> {
    let mut given = PLACES.into_iter().filter(|place| fields.has(place));
    let (first, second) = (given.next(), given.next());
    if let (Some(first), Some(second)) = (first, second) {
        return Err(fields.wrong(second, Wrong::Both(first, second)));
    }
    match first {
        Some("berth") => fields.must("berth", |node| node.id()).map(Binding::Berth),
        Some("berths") => fields.must("berths", berths).map(Binding::Berths),
        Some("lane") => fields.must("lane", |node| node.id()).map(Binding::Lane),
        Some("lot") => fields.must("lot", |node| node.id()).map(Binding::Lot),
        Some("area") => fields.must("area", |node| node.id()).map(Binding::Area),
        _ => Ok(Binding::Nothing),
    }
}

/// An address or a network in CIDR notation.
fn source(node: Node<'_, '_>) -> Result<Box<str>, Fault> {
    let sound = |text: &str| {
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, bits)| (a, Some(bits)));
        let address: core::net::IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        bits.is_none_or(|bits| bits.parse::<u8>().is_ok_and(|bits| bits <= most)).then(|| text.into())
    };
    node.word("an address or a network such as 10.1.0.0/16", sound)
}

impl Read for Device {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        let protocol = |node: Node<'_, '_>| {
            Protocol::parse(node.text()?).ok_or_else(|| node.wrong(Wrong::Unknown("the list of protocols")))
        };
        let code = |code: &str, way: Node<'_, '_>| Ok((code.into(), direction(way)?));
        node.object(|fields| {
            let heartbeat = fields.maybe("heartbeat", |node| node.span())?;
            if heartbeat.is_some_and(|span| span.as_nanos() == 0) {
                return Err(fields.wrong("heartbeat", Wrong::Expected("more than no time")));
            }
            Ok(Self {
                id: fields.must("id", |node| node.id())?,
                protocol: fields.must("protocol", protocol)?,
                binding: binding(fields)?,
                heartbeat,
                direction: fields.maybe("direction", |node| node.members(code))?.unwrap_or_default(),
                serial: fields.maybe("serial", boxed)?,
                address: fields.maybe("address", boxed)?,
                sources: fields.list("sources", source)?,
                key: fields.maybe("key", boxed)?,
                supplier: fields.maybe("supplier", |node| node.id())?,
                model: fields.maybe("model", boxed)?,
                sim: fields.maybe("sim", |node| node.id())?,
                notes: notes(fields)?,
            })
        })
    }
}

fn until_after(fields: &Fields<'_, '_>, from: Option<Instant>, to: Option<Instant>) -> Result<(), Fault> {
    match (from, to) {
        (Some(from), Some(to)) if to <= from => {
            Err(fields.wrong("to", Wrong::Expected("a time after `from`")))
        }
        _ => Ok(()),
    }
}

impl Read for ListEntry {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        let kind = |word: &str| match word {
            "white" => Some(ListKind::White),
            "black" => Some(ListKind::Black),
            "arrears" => Some(ListKind::Arrears),
            _ => None,
        };
        node.object(|fields| {
            if !["plates", "plate_sets", "classes"].iter().any(|name| fields.has(name)) {
                return Err(node.wrong(Wrong::Expected("plates, plate_sets or classes")));
            }
            let (from, to) = (fields.maybe("from", |n| n.instant())?, fields.maybe("to", |n| n.instant())?);
            until_after(fields, from, to)?;
            Ok(Self {
                id: fields.must("id", |node| node.id())?,
                kind: fields.must("kind", |node| node.word("white, black or arrears", kind))?,
                plates: fields.maybe("plates", plates)?.unwrap_or_default(),
                plate_sets: fields.maybe("plate_sets", ids)?.unwrap_or_default(),
                classes: fields.list("classes", |node| node.word("a class of plates", PlateClass::parse))?,
                lots: fields.maybe("lots", ids)?.unwrap_or_default(),
                lot_sets: fields.maybe("lot_sets", ids)?.unwrap_or_default(),
                vehicle: fields.maybe("vehicle", |node| node.word("a vehicle class", VehicleClass::parse))?,
                from,
                to,
                notes: notes(fields)?,
            })
        })
    }
}

impl Read for PassEntry {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        let state = |word: &str| match word {
            "pending" => Some(PassState::Pending),
            "active" => Some(PassState::Active),
            "cancelled" => Some(PassState::Cancelled),
            _ => None,
        };
        let online = |word: &str| matches!(word, "online" | "offline").then_some(word == "online");
        node.object(|fields| {
            let by_plate = fields.has("plates") || fields.has("plate_sets");
            match (by_plate, fields.has("berths")) {
                (false, false) => return Err(node.wrong(Wrong::Expected("plates, plate_sets or berths"))),
                (true, true) => return Err(fields.wrong("berths", Wrong::Both("plates", "berths"))),
                _ => {}
            }
            if !(fields.has("berths") || fields.has("lots") || fields.has("lot_sets")) {
                return Err(node.wrong(Wrong::Expected("lots or lot_sets")));
            }
            let (from, to) = (fields.must("from", |n| n.instant())?, fields.must("to", |n| n.instant())?);
            until_after(fields, Some(from), Some(to))?;
            let spaces = |node: Node<'_, '_>| node.whole("a whole number from 1", 1, i64::from(u32::MAX));
            Ok(Self {
                id: fields.must("id", |node| node.id())?,
                plates: fields.maybe("plates", plates)?.unwrap_or_default(),
                plate_sets: fields.maybe("plate_sets", ids)?.unwrap_or_default(),
                berths: fields.maybe("berths", ids)?.unwrap_or_default(),
                lots: fields.maybe("lots", ids)?.unwrap_or_default(),
                lot_sets: fields.maybe("lot_sets", ids)?.unwrap_or_default(),
                spaces: fields.maybe("spaces", spaces)?.map(|n| n as u32),
                from,
                to,
                state: fields
                    .maybe("state", |node| node.word("pending, active or cancelled", state))?
                    .unwrap_or(PassState::Active),
                product: fields.maybe("product", boxed)?,
                online: fields.maybe("channel", |node| node.word("online or offline", online))?,
                notes: notes(fields)?,
            })
        })
    }
}

impl Read for Area {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        node.object(|fields| {
            let (id, parent) = (fields.must("id", |n| n.id())?, fields.maybe("parent", |n| n.id())?);
            Ok(Self { id, parent, notes: notes(fields)? })
        })
    }
}

impl Read for Operator {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        node.object(|fields| Ok(Self { id: fields.must("id", |n| n.id())?, notes: notes(fields)? }))
    }
}

impl Read for Supplier {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        node.object(|fields| Ok(Self { id: fields.must("id", |n| n.id())?, notes: notes(fields)? }))
    }
}

impl Read for Sim {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        node.object(|fields| {
            Ok(Self {
                id: fields.must("id", |node| node.id())?,
                carrier: fields.maybe("carrier", boxed)?,
                plan: fields.maybe("plan", boxed)?,
                data_mb: megabytes(fields, "data_mb")?,
                used_mb: megabytes(fields, "used_mb")?,
                used_at: fields.maybe("used_at", |node| node.instant())?,
                valid_until: fields.maybe("valid_until", |node| node.instant())?,
                notes: notes(fields)?,
            })
        })
    }
}

fn megabytes(fields: &mut Fields<'_, '_>, name: &'static str) -> Result<Option<u64>, Fault> {
    let whole = fields.maybe(name, |node| node.whole("a whole number", 0, i64::MAX))?;
    Ok(whole.map(i64::unsigned_abs))
}

impl Read for LotSet {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        node.object(|fields| {
            let lots = fields.must("lots", |node| node.list(|item| item.id()))?;
            Ok(Self { id: fields.must("id", |n| n.id())?, lots, notes: notes(fields)? })
        })
    }
}

impl Read for PlateSet {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        node.object(|fields| {
            let plates = fields.must("plates", plates)?;
            Ok(Self { id: fields.must("id", |n| n.id())?, plates, notes: notes(fields)? })
        })
    }
}
