//! The stay: what is priced.

use parking_types::{Amount, Date, Instant, RawInstant, Span};

use crate::{
    adjust::{self, Adjust},
    error::{Code, DocumentError, StayError},
    json::{self, Json},
    named::{Color, Vehicle},
    read::{Fields, Path, Reader, get, held},
};

/// One stay, as `docs/tariff.md` § 5 has it: read from JSON, or made in place.
///
/// ```
/// use parking_types::VehicleClass;
/// use tariff_engine::Stay;
/// let mut stay = Stay::new("a1", "2022-01-01T08:00:00+08:00".parse()?, "2022-01-01T13:57:01+08:00".parse()?);
/// stay.vehicle = Some(VehicleClass::Small.into());
/// let read = br#"{"id":"a1","entry":"2022-01-01T00:00:00Z","exit":"2022-01-01T05:57:01Z","vehicle":"small"}"#;
/// assert_eq!(Stay::from_json(read)?, stay);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stay {
    /// Whoever asks names the stay; the receipt repeats it. `None` prints as null.
    pub id: Option<Box<str>>,
    /// When it began.
    pub entry: Instant,
    /// When it ended; a stay that has not ended is priced as of an instant.
    pub exit: Instant,
    /// The vehicle, where it is known; only rules without `vehicles` accept an unknown one.
    pub vehicle: Option<Vehicle>,
    /// The plate's colour, where it is known; only rules without `plate_colors` accept an unknown one.
    pub plate_color: Option<Color>,
    /// Time covered by a pass, `[from, to)`: any order, may overlap, may reach out of the stay. A reversed one has
    /// no effect here (in JSON it is refused).
    pub exempt: Vec<(Instant, Instant)>,
    /// What the plate has used on natural days before this stay.
    pub used: Vec<(Date, Used)>,
    /// Changes of the price, in any order.
    pub adjust: Vec<Adjust>,
    /// Payments, in any order, none after the exit.
    pub paid: Vec<(Instant, Amount)>,
}

/// What a plate used on one natural day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Used {
    /// Stays that began on the day.
    pub stays: u64,
    /// Free time, of tariffs with `free` per `day`.
    pub free: Span,
    /// What the rules charged, after caps; before minimum, `adjust` and rounding.
    pub charged: Amount,
}

const FIELDS: &[&str] =
    &["id", "entry", "exit", "vehicle", "plate_color", "exempt", "used", "adjust", "paid"];
const KNOWN: &[&str] = &[
    "id",
    "entry",
    "exit",
    "vehicle",
    "plate_color",
    "exempt",
    "used",
    "adjust",
    "paid",
    "from",
    "to",
    "stays",
    "free",
    "charged",
    "time_off",
    "at",
    "multiply",
    "percent_off",
    "amount_off",
    "instead",
    "amount",
];

impl Stay {
    /// A stay of an unknown vehicle without anything special.
    pub fn new(id: &str, entry: Instant, exit: Instant) -> Self {
        Self {
            id: Some(id.into()),
            entry,
            exit,
            vehicle: None,
            plate_color: None,
            exempt: Vec::new(),
            used: Vec::new(),
            adjust: Vec::new(),
            paid: Vec::new(),
        }
    }

    /// Whether there is nothing to it but its times, its vehicle and its plate.
    pub(crate) fn is_plain(&self) -> bool {
        self.exempt.is_empty() && self.used.is_empty() && self.adjust.is_empty() && self.paid.is_empty()
    }

    /// Reads one stay.
    ///
    /// # Errors
    /// [`StayError`] with `bad_json`, `unknown_field` or `bad_field`; it keeps the id where that could be read.
    pub fn from_json(input: &[u8]) -> Result<Self, StayError> {
        let value = json::parse(input)
            .map_err(|bad| StayError::new(None, DocumentError::new(Code::BadJson, "", bad.0)))?;
        let mut reader = Reader::new(KNOWN);
        let stay = read(&mut reader, &value);
        let refused = |error| StayError::new(readable_id(&value), error);
        reader.finish().map_err(refused)?;
        // Whatever is missing has been refused.
        stay.ok_or_else(|| refused(DocumentError::new(Code::BadField, "", "not a stay")))
    }
}

fn readable_id<'j>(value: &'j Json<'j>) -> Option<&'j str> {
    match value {
        Json::Object(fields) => match get(fields, "id")? {
            Json::Text(id) => Some(id),
            _ => None,
        },
        _ => None,
    }
}

fn read(reader: &mut Reader, value: &Json<'_>) -> Option<Stay> {
    let root = Path::Root;
    let fields = reader.object(value, &root, FIELDS)?;
    let id = reader.required(fields, &root, "id", Reader::text);
    let entry = reader.required(fields, &root, "entry", Reader::raw_instant);
    let exit = reader.required(fields, &root, "exit", Reader::raw_instant);
    let vehicle = reader.optional(fields, &root, "vehicle", Reader::name).map(Vehicle::new);
    let plate_color = reader.optional(fields, &root, "plate_color", Reader::name).map(Color::new);
    let exempt = reader.optional(fields, &root, "exempt", exempt).unwrap_or_default();
    let used = reader.optional(fields, &root, "used", used).unwrap_or_default();
    let adjust = reader.optional(fields, &root, "adjust", adjust::read_list).unwrap_or_default();
    let paid = reader.optional(fields, &root, "paid", |r, v, p| paid(r, v, p, exit)).unwrap_or_default();
    let (entry, exit) = ends(entry?, exit?);
    Some(Stay { id: id.map(Box::from), entry, exit, vehicle, plate_color, exempt, used, adjust, paid })
}

/// Entry and exit, held at the ends of what an [`Instant`] can say, in the order that was written.
fn ends(entry: RawInstant, exit: RawInstant) -> (Instant, Instant) {
    let reversed = (exit.secs, exit.nanos) < (entry.secs, entry.nanos);
    let (entry, exit) = (held(entry), held(exit));
    let nanosecond = Span::from_nanos(1);
    match reversed && exit >= entry {
        false => (entry, exit),
        true if entry == Instant::MIN => (entry + nanosecond, entry),
        true => (entry, entry - nanosecond),
    }
}

fn exempt(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Vec<(Instant, Instant)>> {
    let items = reader.list(value, path)?;
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = path.item(index);
        let Some(fields) = reader.object(item, &path, &["from", "to"]) else { continue };
        let from = reader.required(fields, &path, "from", Reader::raw_instant);
        let to = reader.required(fields, &path, "to", Reader::raw_instant);
        match (from, to) {
            (Some(from), Some(to)) if (from.secs, from.nanos) <= (to.secs, to.nanos) => {
                read.push((held(from), held(to)));
            }
            (Some(_), Some(_)) => {
                reader.refuse(Code::BadField, &path.field("to"), "an interval that ends before it begins")
            }
            _ => {}
        }
    }
    Some(read)
}

fn used(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Vec<(Date, Used)>> {
    let Json::Object(days) = value else { return reader.bad(path, "not an object") };
    let mut read = Vec::with_capacity(days.len());
    for (day, item) in days {
        let path = path.field(day);
        let date = reader.date(day, &path);
        let figures = used_on(reader, item, &path);
        read.extend(date.zip(figures));
    }
    Some(read)
}

fn used_on(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Used> {
    let fields: Fields<'_> = reader.object(value, path, &["stays", "free", "charged"])?;
    Some(Used {
        stays: reader.optional(fields, path, "stays", Reader::whole).unwrap_or_default(),
        free: reader.optional(fields, path, "free", Reader::span).unwrap_or_default(),
        charged: reader.optional(fields, path, "charged", Reader::amount).unwrap_or_default(),
    })
}

fn paid(
    reader: &mut Reader,
    value: &Json<'_>,
    path: &Path<'_>,
    exit: Option<RawInstant>,
) -> Option<Vec<(Instant, Amount)>> {
    let items = reader.list(value, path)?;
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = path.item(index);
        let Some(fields) = reader.object(item, &path, &["at", "amount"]) else { continue };
        let at = reader.required(fields, &path, "at", Reader::raw_instant);
        let amount = reader.required(fields, &path, "amount", Reader::amount);
        if let (Some(at), Some(exit)) = (at, exit)
            && (at.secs, at.nanos) > (exit.secs, exit.nanos)
        {
            reader.refuse(Code::BadField, &path.field("at"), "a payment after the exit");
        }
        read.extend(at.map(held).zip(amount));
    }
    Some(read)
}
