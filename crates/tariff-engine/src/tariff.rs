//! A tariff ready for pricing, and sets of versions.

use core::fmt;
use std::{collections::BTreeMap, sync::Arc};

use parking_types::{Currency, Instant, Local, PlateColor, Resolved, Span, VehicleClass, Zone};

use crate::{
    compiled::{Compiled, DAY},
    document::{self, CapPer, Document, FreePer},
    error::{Code, DocumentError},
    json::{self, Json},
    named::{Color, Vehicle},
    read::{Path, Reader},
};

/// One version of a tariff, checked and compiled; cheap to clone, safe to share between threads.
#[derive(Clone)]
pub struct Tariff(Arc<Inner>);

struct Inner {
    document: Document,
    compiled: Compiled,
    /// Where the clock was set back over midnight: `[from, to)` in which the local date is that of the day before,
    /// though its next day has begun. Nearly every zone has none.
    second_evenings: Vec<(i64, i64)>,
    /// The dates that were left out when a place moved over the date line.
    lost_days: Vec<i32>,
    digest: String,
    canonical: Vec<u8>,
}

impl Tariff {
    /// Reads and compiles one version of a tariff.
    ///
    /// # Errors
    /// [`DocumentError`] with `bad_json`, `unknown_field`, `bad_field`, `unknown_time_zone` or `unknown_currency`.
    pub fn from_json(input: &[u8]) -> Result<Self, DocumentError> {
        let value = parse(input)?;
        let mut reader = Reader::new(document::KNOWN);
        let document = document::read(&mut reader, &value, &Path::Root);
        reader.finish()?;
        // Whatever is missing has been refused.
        let document = document.ok_or_else(|| DocumentError::new(Code::BadField, "", "not a tariff"))?;
        Ok(Self::compile(document, &value))
    }

    pub(crate) fn compile(document: Document, value: &Json<'_>) -> Self {
        let mut canonical = Vec::new();
        json::write_canonical(&mut canonical, value);
        let digest = json::sha256_hex(&canonical);
        let compiled = Compiled::new(&document);
        let (second_evenings, lost_days) = odd_days(&document.zone);
        Self(Arc::new(Inner { document, compiled, second_evenings, lost_days, digest, canonical }))
    }

    /// The same tariff with its document changed, for trying out; it has no digest and no canonical form.
    pub(crate) fn with_document(&self, document: Document) -> Self {
        let compiled = Compiled::new(&document);
        let Inner { second_evenings, lost_days, .. } = &*self.0;
        Self(Arc::new(Inner {
            document,
            compiled,
            second_evenings: second_evenings.clone(),
            lost_days: lost_days.clone(),
            digest: String::new(),
            canonical: Vec::new(),
        }))
    }

    pub(crate) fn document(&self) -> &Document {
        &self.0.document
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.0.compiled
    }

    /// The natural day of an instant: its local date, or the next one where the clock was set back over that midnight.
    pub(crate) fn natural_day(&self, at: i64) -> i32 {
        self.zone().local(Instant::from_nanos(at)).date().days() + i32::from(self.in_second_evening(at))
    }

    pub(crate) fn in_second_evening(&self, at: i64) -> bool {
        self.0.second_evenings.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    /// The dates that the zone never had.
    pub(crate) fn lost_days(&self) -> &[i32] {
        &self.0.lost_days
    }

    /// Whether the zone never had this date.
    pub(crate) fn never_was(&self, day: i32) -> bool {
        self.0.lost_days.contains(&day)
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.document().id
    }
    /// The currency.
    pub fn currency(&self) -> Currency {
        self.document().currency
    }
    /// The time zone of every local time in the tariff.
    pub fn zone(&self) -> &Zone {
        &self.document().zone
    }
    /// SHA-256 of the canonical document, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }
    /// The document in canonical form (RFC 8785).
    pub fn canonical(&self) -> &[u8] {
        &self.0.canonical
    }
    /// How long after a payment that covered everything the exit stays free of further charge.
    pub fn exit_grace(&self) -> Span {
        self.document().exit_grace
    }
    /// Whether this version may be chosen for a stay that begins at `entry`.
    pub fn in_force(&self, entry: Instant) -> bool {
        let (from, until) = self.valid();
        if from.is_none() && until.is_none() {
            return true;
        }
        let local = self.zone().local(entry);
        from.is_none_or(|from| from <= local) && until.is_none_or(|until| local < until)
    }
    /// The first instant from which this version may no longer be chosen; `None` where it has no end.
    pub fn valid_until(&self) -> Option<Instant> {
        let until = self.document().valid_until.filter(|until| until.as_nanos() < i64::MAX)?;
        match self.zone().resolve(until) {
            Resolved::Once(at) | Resolved::Twice(at, _) | Resolved::Skipped { at } => Some(at),
        }
    }
    /// The local times from and until which this version may be chosen.
    pub fn valid(&self) -> (Option<Local>, Option<Local>) {
        (self.document().valid_from, self.document().valid_until)
    }
    /// Whether some rule or package is for this vehicle and plate colour; a tariff without rules is for all.
    pub fn covers(&self, vehicle: Option<VehicleClass>, plate_color: Option<PlateColor>) -> bool {
        self.accepts(vehicle.map(Vehicle::from).as_ref(), plate_color.map(Color::from).as_ref())
    }
    /// [`covers`](Self::covers) for other platforms' words.
    pub fn accepts(&self, vehicle: Option<&Vehicle>, plate_color: Option<&Color>) -> bool {
        let Document { rules, packages, .. } = self.document();
        rules.is_empty()
            || rules.iter().any(|rule| rule.accepts.stay(vehicle, plate_color))
            || packages.iter().any(|package| package.accepts.stay(vehicle, plate_color))
    }
    /// Whether the price depends on what the plate used before: `first_stay_free`, `free` or a cap per `day`.
    pub fn uses_history(&self) -> bool {
        let document = self.document();
        document.first_stay_free
            || document.free.is_some_and(|free| free.per == FreePer::Day)
            || document.caps.iter().any(|cap| cap.per == CapPer::Day)
    }
}

impl PartialEq for Tariff {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}
impl Eq for Tariff {}

impl fmt::Debug for Tariff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tariff({} {})", self.id(), self.digest())
    }
}

fn parse(input: &[u8]) -> Result<Json<'_>, DocumentError> {
    json::parse(input).map_err(|bad| DocumentError::new(Code::BadJson, "", bad.0))
}

/// Versions of one or several tariffs; no two versions of one id are in force at the same local time.
///
/// ```
/// use tariff_engine::TariffSet;
/// let set = TariffSet::from_json(br#"[
///   { "format": 1, "id": "a", "currency": "CNY", "time_zone": "Asia/Shanghai", "rules": [],
///     "valid": { "until": "2025-01-01T00:00:00" } },
///   { "format": 1, "id": "a", "currency": "CNY", "time_zone": "Asia/Shanghai", "rules": [],
///     "valid": { "from": "2025-01-01T00:00:00" } } ]"#)?;
/// let at = |text: &str| set.version_at("a", text.parse().unwrap()).map(|t| t.digest().to_owned());
/// assert_ne!(at("2024-12-31T23:59:59+08:00"), at("2025-01-01T00:00:00+08:00"));
/// assert!(set.version_at("b", "2025-01-01T00:00:00Z".parse().unwrap()).is_none());
/// # Ok::<(), tariff_engine::DocumentError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TariffSet(BTreeMap<Box<str>, Vec<Tariff>>);

impl TariffSet {
    /// Reads one document, or an array of versions of one or several tariffs.
    ///
    /// # Errors
    /// [`DocumentError`] as [`Tariff::from_json`]; versions of one id that overlap are `bad_field` at `[i].valid`.
    /// Paths inside an array begin with the version's index.
    pub fn from_json(input: &[u8]) -> Result<Self, DocumentError> {
        let value = parse(input)?;
        let mut reader = Reader::new(document::KNOWN);
        let mut set = Self::default();
        match &value {
            Json::List(versions) => {
                for (index, version) in versions.iter().enumerate() {
                    let path = Path::Root.item(index);
                    let Some(document) = document::read(&mut reader, version, &path) else { continue };
                    if !set.add(Tariff::compile(document, version)) {
                        reader.refuse(
                            Code::BadField,
                            &path.field("valid"),
                            "overlaps another version of the same id",
                        );
                    }
                }
            }
            one => {
                set.0.extend(
                    document::read(&mut reader, one, &Path::Root)
                        .map(|document| (document.id.clone(), vec![Tariff::compile(document, one)])),
                );
            }
        }
        reader.finish().map(|()| set)
    }

    /// Adds a version; `false`, and unchanged, when it overlaps another one of its id.
    pub fn add(&mut self, tariff: Tariff) -> bool {
        let versions = self.0.entry(tariff.id().into()).or_default();
        if versions.iter().any(|other| overlap(other.valid(), tariff.valid())) {
            return false;
        }
        let at = versions.partition_point(|other| other.valid().0 < tariff.valid().0);
        versions.insert(at, tariff);
        true
    }

    /// The version of a tariff that prices stays beginning at `entry`.
    pub fn version_at(&self, id: &str, entry: Instant) -> Option<&Tariff> {
        self.versions(id).iter().find(|tariff| tariff.in_force(entry))
    }
    /// All versions of a tariff, the earliest first.
    pub fn versions(&self, id: &str) -> &[Tariff] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }
    /// The ids, in the order of their texts.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(AsRef::as_ref)
    }
}

type Valid = (Option<Local>, Option<Local>);

pub(crate) fn overlap(a: Valid, b: Valid) -> bool {
    let begins_before_end = |x: Valid, y: Valid| x.0.zip(y.1).is_none_or(|(from, until)| from < until);
    begins_before_end(a, b) && begins_before_end(b, a)
}

/// Where the clocks of a zone were set back over midnight, and the dates that they left out, between 1969 and 2262.
fn odd_days(zone: &Zone) -> (Vec<(i64, i64)>, Vec<i32>) {
    let (mut evenings, mut lost) = (Vec::new(), Vec::new());
    let mut at = Instant::from_nanos(-DAY);
    while let (_, Some(next)) = zone.offset_until(at) {
        let before = zone.local(next - Span::from_nanos(1)).date();
        let after = zone.local(next).date();
        if after < before {
            // `next` shows an evening again whose midnight has been; the second midnight ends it.
            let rest = DAY - zone.local(next).nanos_of_day();
            evenings.push((next.as_nanos(), (next + Span::from_nanos(rest)).as_nanos()));
        }
        lost.extend(before.days() + 1..after.days());
        at = next;
    }
    (evenings, lost)
}
