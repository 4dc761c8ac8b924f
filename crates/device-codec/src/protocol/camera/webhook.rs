//! Cameras and plate readers that post flat documents: one table of field paths serves them all.
//!
//! A [`Feed`] says where in a document which field stands; the engine walks the document once. What has another shape
//! has a file of its own beside this one.

use parking_types::PlateReading;

use super::{clock, form::Form, plate};
use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    json::{Json, Kind as JsonKind, Scalar},
    milli::Milli,
    protocol::Out,
    reader::Reader,
    reading::{Fact, Kind, Reading, Value},
    text::Text,
    trace::Trace,
    xml::{Event, Xml},
};

mod feeds;
mod stream;

pub(in crate::protocol) use feeds::{
    AXIS_FF_INFO, LILIN_INFO, OPENALPR_INFO, PLATE_RECOGNIZER_INFO, SURVISION_INFO,
};

/// How many readings one document may hold.
const MAX_ITEMS: usize = 256;

/// What a value at a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Plate,
    /// How certain, times 10^n per cent: 0 for per cent, 2 for a share of one.
    Confidence(u32),
    /// Since the epoch.
    Millis,
    Micros,
    /// In any written form.
    Time,
    /// Only where no other time stands.
    TimeFallback,
    Record,
    Device,
    Direction,
    Vehicle,
    /// The document's own word for its kind.
    Event,
    /// Under this name in `more`.
    More(&'static str),
}

/// Where a document's fields stand.
struct Feed {
    /// The paths whose elements are one reading each; without a match the document is one reading.
    items: &'static [&'static str],
    /// Path and field. Of two paths of one field the first that has a value counts.
    fields: &'static [(&'static str, Slot)],
    /// Fields are known by their last name wherever they stand, and each object of an array is one reading.
    flat: bool,
    /// A plate with neither a time nor a record is an entry of the device's own list: no vehicle was there.
    lists: bool,
    /// Values of [`Slot::Event`] that are signs of life.
    heartbeats: &'static [&'static str],
}

/// A value that was found: a JSON scalar, or a text.
#[derive(Clone, Debug)]
enum Found<'a> {
    Text(Text<'a>),
    Bool(bool),
}

/// The values of one reading, by the index of their field.
type Values<'a> = Vec<(usize, Found<'a>)>;

/// A document's values: those of the document itself, and those of each item.
struct Walk<'a> {
    feed: &'static Feed,
    common: Values<'a>,
    items: Vec<Values<'a>>,
}

/// `openalpr`: webhooks of OpenALPR and Rekor.
pub(in crate::protocol) fn openalpr<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    document(frame.all(), context, &feeds::OPENALPR, out)
}

/// `plate-recognizer`: Stream's webhook and Snapshot's answer.
pub(in crate::protocol) fn plate_recognizer<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    document(frame.all(), context, &feeds::PLATE_RECOGNIZER, out)
}

/// `axis-ff`: the FF plate reader on Axis cameras, JSON or XML.
pub(in crate::protocol) fn axis_ff<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    document(frame.all(), context, &feeds::AXIS_FF, out)
}

/// `survision`: messages of the WebSocket, answers of `/sync`.
pub(in crate::protocol) fn survision<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    document(frame.all(), context, &feeds::SURVISION, out)
}

/// `lilin`: the history's entries, and the stream of texts.
pub(in crate::protocol) fn lilin<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let bytes = frame.all();
    match bytes.trim_ascii_start().first() {
        Some(b'{' | b'[' | b'<') => document(bytes, context, &feeds::LILIN, out),
        _ => stream::lilin(bytes, out),
    }
}

fn document<'a>(
    bytes: &'a [u8],
    context: &Context<'a>,
    feed: &'static Feed,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let (bytes, base) = posted(bytes, context)?;
    let shift = |e: DecodeError| DecodeError { offset: e.offset + base, ..e };
    let mut walk = Walk { feed, common: Vec::new(), items: Vec::new() };
    if bytes.trim_ascii_start().starts_with(b"<") {
        walk.xml(&mut Xml::new(bytes)).map_err(shift)?;
    } else {
        let mut json = Json::new(bytes);
        walk.json(&mut json, &mut String::new(), None).and_then(|()| json.finish()).map_err(shift)?;
    }
    let readings = walk.into_readings()?;
    if readings.is_empty() {
        return Err(DecodeError::new(ErrorCode::Kind, 0, "plate"));
    }
    readings.iter().for_each(out);
    Ok(())
}

/// The document: the body, or the part called `json` of a form that brings the photo along.
fn posted<'a>(bytes: &'a [u8], context: &Context<'a>) -> Result<(&'a [u8], usize), DecodeError> {
    let Some(Form::Multipart(form)) = Form::of(bytes, context) else { return Ok((bytes, 0)) };
    let mut found = None;
    form.each(|part| {
        if part.name() == b"json" {
            found = Some((part.body, part.at));
        }
        Ok(())
    })?;
    found.ok_or(DecodeError::new(ErrorCode::Missing, 0, "json"))
}

impl<'a> Walk<'a> {
    /// Any value; `item` is the index of the item that it stands in.
    fn json(
        &mut self,
        json: &mut Json<'a>,
        path: &mut String,
        item: Option<usize>,
    ) -> Result<(), DecodeError> {
        let len = path.len();
        match json.peek()? {
            JsonKind::Object => json.object(|json, key| {
                if len > 0 {
                    path.push('.');
                }
                path.push_str(&String::from_utf8_lossy(key));
                let outcome = self.json(json, path, item);
                path.truncate(len);
                outcome
            }),
            JsonKind::Array => json.array(|json, _| {
                path.push_str("[]");
                let is_object = json.peek()? == JsonKind::Object;
                let item = self.item(path, item, is_object)?;
                let outcome = self.json(json, path, item);
                path.truncate(len);
                outcome
            }),
            _ => {
                let scalar = json.scalar()?;
                let Some(index) = self.wanted(path) else { return Ok(()) };
                let found = match scalar {
                    Scalar::Text(text) if !text.raw().is_empty() || self.is_plate(index) => {
                        Found::Text(text.decode()?)
                    }
                    Scalar::Number(number) => Found::Text(number.text()),
                    Scalar::Bool(truth) => Found::Bool(truth),
                    Scalar::Text(_) | Scalar::Null | Scalar::Nested => return Ok(()),
                };
                self.put(item, index, found);
                Ok(())
            }
        }
    }

    /// Leaves by their own name: the XML of these cameras is flat.
    fn xml(&mut self, xml: &mut Xml<'a>) -> Result<(), DecodeError> {
        while let Some(event) = xml.next()? {
            let Event::Leaf(name, text) = event else { continue };
            let Some(index) = core::str::from_utf8(name).ok().and_then(|name| self.wanted(name)) else {
                continue;
            };
            let text = text.decode()?;
            if !text.is_empty() || self.is_plate(index) {
                self.put(None, index, Found::Text(text));
            }
        }
        Ok(())
    }

    /// A new item where `path` is one; else the one around it.
    fn item(
        &mut self,
        path: &str,
        around: Option<usize>,
        is_object: bool,
    ) -> Result<Option<usize>, DecodeError> {
        let begins = if self.feed.flat { is_object } else { self.feed.items.contains(&path) };
        if around.is_some() || !begins {
            return Ok(around);
        }
        if self.items.len() >= MAX_ITEMS {
            return Err(DecodeError::new(ErrorCode::TooLarge, 0, "items"));
        }
        self.items.push(Vec::new());
        Ok(Some(self.items.len() - 1))
    }

    fn wanted(&self, path: &str) -> Option<usize> {
        let path = if self.feed.flat { path.rsplit('.').next().unwrap_or(path) } else { path };
        self.feed.fields.iter().position(|(known, _)| *known == path)
    }

    fn is_plate(&self, index: usize) -> bool {
        self.feed.fields.get(index).is_some_and(|(_, slot)| *slot == Slot::Plate)
    }

    fn put(&mut self, item: Option<usize>, index: usize, found: Found<'a>) {
        let values = match item.and_then(|item| self.items.get_mut(item)) {
            Some(values) => values,
            None => &mut self.common,
        };
        if !values.iter().any(|(known, _)| *known == index) {
            values.push((index, found));
        }
    }

    fn into_readings(self) -> Result<Vec<Reading<'a>>, DecodeError> {
        let Self { feed, common, items } = self;
        if items.is_empty() {
            return Ok(feed.reading(common, 0)?.into_iter().collect());
        }
        let several = items.into_iter().enumerate();
        let readings = several.map(|(index, mut values)| {
            values.extend(common.iter().cloned());
            feed.reading(values, index)
        });
        Ok(readings.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

impl Feed {
    /// The reading of these values; nothing where they hold neither a plate nor a sign of life.
    fn reading<'a>(&self, mut values: Values<'a>, item: usize) -> Result<Option<Reading<'a>>, DecodeError> {
        // In the order of the table, so that of two paths of one field the first counts.
        values.sort_by_key(|(index, _)| *index);
        let mut reading = Reading::new(Kind::Plate);
        let mut is_sign_of_life = false;
        for (index, found) in values {
            let Some((_, slot)) = self.fields.get(index) else { continue };
            if let (Slot::Event, Found::Text(word)) = (slot, &found) {
                is_sign_of_life |= self.heartbeats.contains(&word.as_str());
            }
            put(&mut reading, *slot, found);
        }
        if is_sign_of_life {
            reading.kind = Kind::Heartbeat;
            return Ok(Some(reading));
        }
        // Several plates of one picture have one id: the index tells them apart.
        if item > 0 {
            let record = reading.record().map(|record| Text::format(format_args!("{record}-{item}")));
            reading.set(Fact::Record, record);
        }
        let is_event = reading.device_time.is_some()
            || reading.record().is_some()
            || reading.get("device_time_raw").is_some();
        if self.lists && !is_event {
            return Ok(listed(&reading));
        }
        let has_plate = reading.plate.is_some() || reading.get("raw_plate").is_some();
        Ok(has_plate.then_some(reading))
    }
}

/// An entry of a device's own list.
fn listed<'a>(entry: &Reading<'_>) -> Option<Reading<'a>> {
    let Some(PlateReading::Plate(plate)) = entry.plate else { return None };
    let mut reading = Reading::new(Kind::Config);
    reading.put("listed_plate", Text::own(plate.as_str()));
    if let Some(Value::Text(list)) = entry.get("list") {
        reading.put("list", Text::own(list));
    }
    Some(reading)
}

fn put<'a>(reading: &mut Reading<'a>, slot: Slot, found: Found<'a>) {
    let text = match (found, slot) {
        (Found::Text(text), _) => text,
        (Found::Bool(truth), Slot::More(name)) => return reading.put(name, Value::Bool(truth)),
        (Found::Bool(_), _) => return,
    };
    let int = |text: &Text<'_>| text.parse::<i64>().ok();
    match slot {
        Slot::Plate if reading.plate.is_none() => plate::put(reading, text),
        Slot::Confidence(shift) if reading.plate_confidence.is_none() => {
            let confidence = Milli::parse_shifted(&text, shift);
            reading.plate_confidence = confidence.filter(|c| (0..=100_000).contains(&c.thousandths()));
        }
        Slot::Millis if reading.device_time.is_none() => {
            clock::put_read(reading, int(&text).and_then(clock::millis), text);
        }
        Slot::Micros if reading.device_time.is_none() => {
            clock::put_read(reading, int(&text).and_then(clock::micros), text);
        }
        Slot::Time | Slot::TimeFallback if reading.device_time.is_none() => clock::put(reading, text),
        Slot::Record if reading.record().is_none() => reading.set(Fact::Record, Some(text)),
        Slot::Device if reading.device().is_none() => reading.set(Fact::Device, Some(text)),
        Slot::Direction if reading.direction_code().is_none() => reading.set(Fact::Direction, Some(text)),
        Slot::Vehicle if reading.vehicle_text().is_none() => reading.set(Fact::VehicleText, Some(text)),
        Slot::Event => reading.put("event", text),
        Slot::More(name) => reading.put(name, text),
        _ => {}
    }
}
