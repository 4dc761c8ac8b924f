//! The strict reader: every field is known, stands once, and belongs to the action.

use parking_types::{Amount, Currency, Id, Instant, Plate, PlateColor, Span, VehicleClass};

use super::target::target;
use super::{
    Action, AdjustSource, Adjustment, By, ByKind, Change, Evidence, GateCommand, ImageKind, LockCommand,
    Method, Payment, StayEnd, VehicleFacts, Verb,
};
use crate::error::{DecodeError, ErrorCode};
use crate::json::{Json, Scalar};

/// The fields whose values have no parts.
const NAMES: [&str; 26] = [
    "id",
    "action",
    "at",
    "reason",
    "session",
    "berth",
    "lot",
    "lane",
    "plate",
    "plate_color",
    "vehicle",
    "ticket",
    "entry",
    "exit",
    "payment",
    "part",
    "amount",
    "currency",
    "quoted_at",
    "method",
    "scene",
    "channel",
    "channel_ref",
    "payer",
    "command",
    "open",
];

/// What a document holds, each field with its offset, until the action takes it.
#[derive(Default)]
pub(super) struct Fields<'a> {
    plain: [Option<(usize, Scalar<'a>)>; NAMES.len()],
    by: Option<By>,
    sessions: Option<(usize, Vec<Id>)>,
    adjust: Option<(usize, Vec<Adjustment>)>,
    images: Option<(usize, Vec<Evidence>)>,
    /// Where the document ends: the place of what is missing.
    end: usize,
}

pub(super) fn action(payload: &[u8]) -> Result<Action, DecodeError> {
    let mut fields = read(payload)?;
    let id = fields.required("id", id)?;
    let (word_at, word) = fields.take("action").ok_or(fields.missing("action"))?;
    let word = text(word_at, word, "action")?;
    let at = fields.optional("at", instant)?;
    let reason = fields.optional("reason", text)?.unwrap_or_default();
    let by = fields.by.ok_or(fields.missing("by"))?;
    let unknown = DecodeError::new(ErrorCode::Unsupported, word_at, "action");
    let target = target(&word, &mut fields)?;
    let verb = verb(&word, &mut fields)?.ok_or(unknown)?;
    fields.nothing_left()?;
    Ok(Action { id, at, by, reason, target, verb })
}

fn read(payload: &[u8]) -> Result<Fields<'_>, DecodeError> {
    let mut fields = Fields::default();
    let mut json = Json::new(payload);
    json.object(|json, key| {
        let at = json.at();
        match key {
            b"by" => once(&mut fields.by, by(json)?, at, "by"),
            b"sessions" => once(&mut fields.sessions, (at, sessions(json)?), at, "sessions"),
            b"adjust" => once(&mut fields.adjust, (at, adjustments(json)?), at, "adjust"),
            b"images" => once(&mut fields.images, (at, images(json)?), at, "images"),
            _ => {
                let known = NAMES.iter().zip(&mut fields.plain).find(|(name, _)| name.as_bytes() == key);
                let (name, slot) = known.ok_or(DecodeError::new(ErrorCode::Unknown, at, ""))?;
                once(slot, (at, json.scalar()?), at, name)
            }
        }
    })?;
    json.finish()?;
    fields.end = json.at();
    Ok(fields)
}

fn verb(word: &str, fields: &mut Fields<'_>) -> Result<Option<Verb>, DecodeError> {
    Ok(Some(match word {
        "entry" => Verb::Entry {
            vehicle: vehicle(fields)?,
            ticket: fields.optional("ticket", id)?,
            exit: fields.optional("exit", instant)?,
            lane: fields.optional("lane", id)?,
            berth: fields.optional("berth", id)?,
        },
        "exit" => Verb::Exit,
        "plate" => Verb::Plate(some_of(vehicle(fields)?, VehicleFacts::default(), fields, "plate")?),
        "times" => {
            let (entry, exit) = (fields.optional("entry", instant)?, fields.optional("exit", instant)?);
            some_of((entry, exit), (None, None), fields, "entry")?;
            Verb::Times { entry, exit }
        }
        "berth" => Verb::Berth(fields.required("berth", id)?),
        "merge" => Verb::Merge(filled(fields.sessions.take(), fields, "sessions")?),
        "void" => Verb::Void,
        "restore" => Verb::Restore,
        // An empty list takes all adjustments back.
        "adjust" => Verb::Adjust(fields.adjust.take().ok_or(fields.missing("adjust"))?.1),
        "payment" => Verb::Payment(Box::new(payment(fields)?)),
        "payment_reversed" => Verb::PaymentReversed {
            payment: fields.required("payment", id)?,
            part: fields.optional("part", text)?,
        },
        "evidence" => Verb::Evidence(filled(fields.images.take(), fields, "images")?),
        "gate" => Verb::Gate(
            fields.required("command", |at, value, name| word_of(at, value, name, GateCommand::parse))?,
        ),
        "ground_lock" => Verb::GroundLock(
            fields.required("command", |at, value, name| word_of(at, value, name, LockCommand::parse))?,
        ),
        "count" => Verb::Count { open: fields.required("open", count)? },
        _ => return Ok(None),
    }))
}

fn vehicle(fields: &mut Fields<'_>) -> Result<VehicleFacts, DecodeError> {
    Ok(VehicleFacts {
        plate: fields.optional("plate", plate)?,
        plate_color: fields
            .optional("plate_color", |at, value, name| word_of(at, value, name, PlateColor::parse))?,
        vehicle: fields
            .optional("vehicle", |at, value, name| word_of(at, value, name, VehicleClass::parse))?,
    })
}

fn payment(fields: &mut Fields<'_>) -> Result<Payment, DecodeError> {
    let amount_at = fields.place("amount");
    let payment = Payment {
        payment: fields.required("payment", id)?,
        part: fields.optional("part", text)?,
        amount: fields.required("amount", amount)?,
        currency: fields.required("currency", currency)?,
        quoted_at: fields.optional("quoted_at", instant)?,
        method: fields.optional("method", |at, value, name| word_of(at, value, name, Method::parse))?,
        scene: fields.optional("scene", text)?,
        channel: fields.optional("channel", text)?,
        channel_ref: fields.optional("channel_ref", text)?,
        payer: fields.optional("payer", text)?,
    };
    let unit = payment.currency.minor_unit().as_micros();
    if payment.amount.as_micros() % unit == 0 {
        Ok(payment)
    } else {
        Err(DecodeError::new(ErrorCode::Value, amount_at, "amount"))
    }
}

/// Fails where an action with only optional fields has none of them.
fn some_of<T: PartialEq>(
    value: T,
    none: T,
    fields: &Fields<'_>,
    name: &'static str,
) -> Result<T, DecodeError> {
    if value == none { Err(fields.missing(name)) } else { Ok(value) }
}

fn filled<T>(
    list: Option<(usize, Vec<T>)>,
    fields: &Fields<'_>,
    name: &'static str,
) -> Result<Vec<T>, DecodeError> {
    match list {
        None => Err(fields.missing(name)),
        Some((at, list)) if list.is_empty() => Err(DecodeError::new(ErrorCode::Value, at, name)),
        Some((_, list)) => Ok(list),
    }
}

impl<'a> Fields<'a> {
    fn slot(&mut self, name: &'static str) -> Option<&mut Option<(usize, Scalar<'a>)>> {
        NAMES.iter().zip(&mut self.plain).find(|(known, _)| **known == name).map(|(_, slot)| slot)
    }

    /// Takes a field out; what nobody takes is an error in the end.
    pub(super) fn take(&mut self, name: &'static str) -> Option<(usize, Scalar<'a>)> {
        self.slot(name)?.take()
    }

    /// Whether the document has the field and nobody took it yet.
    pub(super) fn has(&mut self, name: &'static str) -> bool {
        self.slot(name).is_some_and(|slot| slot.is_some())
    }

    fn place(&mut self, name: &'static str) -> usize {
        self.slot(name).and_then(|slot| slot.as_ref().map(|(at, _)| *at)).unwrap_or_default()
    }

    pub(super) fn missing(&self, name: &'static str) -> DecodeError {
        DecodeError::new(ErrorCode::Missing, self.end, name)
    }

    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(usize, Scalar<'a>, &'static str) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        self.take(name).map(|(at, value)| parse(at, value, name)).transpose()
    }

    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(usize, Scalar<'a>, &'static str) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.optional(name, parse)?.ok_or(self.missing(name))
    }

    /// Fails where a field is left that the action does not have.
    fn nothing_left(&self) -> Result<(), DecodeError> {
        let plain = NAMES
            .iter()
            .zip(&self.plain)
            .filter_map(|(name, slot)| slot.as_ref().map(|(at, _)| (*at, *name)));
        let lists = [
            self.sessions.as_ref().map(|(at, _)| (*at, "sessions")),
            self.adjust.as_ref().map(|(at, _)| (*at, "adjust")),
            self.images.as_ref().map(|(at, _)| (*at, "images")),
        ];
        match plain.chain(lists.into_iter().flatten()).min() {
            None => Ok(()),
            Some((at, name)) => Err(DecodeError::new(ErrorCode::Unknown, at, name)),
        }
    }
}

fn once<T>(slot: &mut Option<T>, value: T, at: usize, name: &'static str) -> Result<(), DecodeError> {
    if slot.is_some() {
        return Err(DecodeError::new(ErrorCode::Repeated, at, name));
    }
    *slot = Some(value);
    Ok(())
}

fn by(json: &mut Json<'_>) -> Result<By, DecodeError> {
    let (mut kind, mut who) = (None, None);
    json.object(|json, key| {
        let at = json.at();
        match key {
            b"kind" => {
                let word = word_of(at, json.scalar()?, "by.kind", ByKind::parse)?;
                once(&mut kind, word, at, "by.kind")
            }
            b"id" => {
                let value = id(at, json.scalar()?, "by.id")?;
                once(&mut who, value, at, "by.id")
            }
            _ => Err(DecodeError::new(ErrorCode::Unknown, at, "by")),
        }
    })?;
    let missing = |name| DecodeError::new(ErrorCode::Missing, json.at(), name);
    Ok(By { kind: kind.ok_or(missing("by.kind"))?, id: who.ok_or(missing("by.id"))? })
}

fn sessions(json: &mut Json<'_>) -> Result<Vec<Id>, DecodeError> {
    let mut list = Vec::new();
    json.array(|json, _| {
        let at = json.at();
        list.push(id(at, json.scalar()?, "sessions[]")?);
        Ok(())
    })?;
    Ok(list)
}

fn images(json: &mut Json<'_>) -> Result<Vec<Evidence>, DecodeError> {
    let mut list = Vec::new();
    json.array(|json, _| {
        let (mut image, mut kind) = (None, None);
        json.object(|json, key| {
            let at = json.at();
            match key {
                b"image" => {
                    let hash = sha256(at, json.scalar()?)?;
                    once(&mut image, hash, at, "images[].image")
                }
                b"kind" => {
                    let word = word_of(at, json.scalar()?, "images[].kind", ImageKind::parse)?;
                    once(&mut kind, word, at, "images[].kind")
                }
                _ => Err(DecodeError::new(ErrorCode::Unknown, at, "images[]")),
            }
        })?;
        let missing = |name| DecodeError::new(ErrorCode::Missing, json.at(), name);
        let image = image.ok_or(missing("images[].image"))?;
        list.push(Evidence { image, kind: kind.ok_or(missing("images[].kind"))? });
        Ok(())
    })?;
    Ok(list)
}

fn adjustments(json: &mut Json<'_>) -> Result<Vec<Adjustment>, DecodeError> {
    let mut list = Vec::new();
    json.array(|json, _| {
        list.push(adjustment(json)?);
        Ok(())
    })?;
    Ok(list)
}

fn adjustment(json: &mut Json<'_>) -> Result<Adjustment, DecodeError> {
    const ITEM: &str = "adjust[]";
    let (mut change, mut end, mut source) = (None, None, None);
    json.object(|json, key| {
        let at = json.at();
        let value = json.scalar()?;
        match key {
            b"time_off" => {
                let off = parsed(at, value, "adjust[].time_off", |text| text.parse::<Span>().ok())?;
                once(&mut change, Change::TimeOff(off, StayEnd::Start), at, ITEM)
            }
            b"instead" => {
                once(&mut change, Change::Instead(amount(at, value, "adjust[].instead")?), at, ITEM)
            }
            b"multiply" => {
                once(&mut change, Change::Multiply(amount(at, value, "adjust[].multiply")?), at, ITEM)
            }
            b"percent_off" => {
                let off = amount(at, value, "adjust[].percent_off")?;
                if off.as_micros() > 100_000_000 {
                    return Err(DecodeError::new(ErrorCode::Value, at, "adjust[].percent_off"));
                }
                once(&mut change, Change::PercentOff(off), at, ITEM)
            }
            b"amount_off" => {
                once(&mut change, Change::AmountOff(amount(at, value, "adjust[].amount_off")?), at, ITEM)
            }
            b"at" => {
                once(&mut end, (at, word_of(at, value, "adjust[].at", StayEnd::parse)?), at, "adjust[].at")
            }
            b"source" => once(
                &mut source,
                word_of(at, value, "adjust[].source", AdjustSource::parse)?,
                at,
                "adjust[].source",
            ),
            _ => Err(DecodeError::new(ErrorCode::Unknown, at, ITEM)),
        }
    })?;
    let change = match (change.ok_or(DecodeError::new(ErrorCode::Missing, json.at(), ITEM))?, end) {
        (Change::TimeOff(off, _), Some((_, end))) => Change::TimeOff(off, end),
        (_, Some((at, _))) => return Err(DecodeError::new(ErrorCode::Unknown, at, "adjust[].at")),
        (change, None) => change,
    };
    Ok(Adjustment { change, source })
}

/// The text of a string, read by `parse`.
fn parsed<T>(
    at: usize,
    value: Scalar<'_>,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, DecodeError> {
    let wrong = DecodeError::new(ErrorCode::Value, at, name);
    let text = value.text().ok_or(wrong)?.decode().map_err(|error| DecodeError { field: name, ..error })?;
    parse(&text).ok_or(wrong)
}

fn word_of<T>(
    at: usize,
    value: Scalar<'_>,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, DecodeError> {
    parsed(at, value, name, parse)
}

pub(super) fn id(at: usize, value: Scalar<'_>, name: &'static str) -> Result<Id, DecodeError> {
    parsed(at, value, name, |text| Id::new(text).ok())
}

pub(super) fn plate(at: usize, value: Scalar<'_>, name: &'static str) -> Result<Plate, DecodeError> {
    parsed(at, value, name, |text| Plate::parse(text).ok())
}

fn text(at: usize, value: Scalar<'_>, name: &'static str) -> Result<Box<str>, DecodeError> {
    parsed(at, value, name, |text| Some(text.into()))
}

fn instant(at: usize, value: Scalar<'_>, name: &'static str) -> Result<Instant, DecodeError> {
    parsed(at, value, name, |text| text.parse().ok())
}

fn amount(at: usize, value: Scalar<'_>, name: &'static str) -> Result<Amount, DecodeError> {
    parsed(at, value, name, |text| text.parse().ok())
}

fn currency(at: usize, value: Scalar<'_>, name: &'static str) -> Result<Currency, DecodeError> {
    parsed(at, value, name, |text| Currency::parse(text).ok())
}

fn count(at: usize, value: Scalar<'_>, name: &'static str) -> Result<u32, DecodeError> {
    let number = if let Scalar::Number(number) = value { number.int() } else { None };
    number.and_then(|n| u32::try_from(n).ok()).ok_or(DecodeError::new(ErrorCode::Value, at, name))
}

fn sha256(at: usize, value: Scalar<'_>) -> Result<[u8; 32], DecodeError> {
    parsed(at, value, "images[].image", |text| {
        let mut hash = [0; 32];
        crate::hex::decode_exactly(text.as_bytes(), &mut hash).then_some(hash)
    })
}
