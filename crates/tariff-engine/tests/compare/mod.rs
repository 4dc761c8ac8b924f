//! The engine against the oracle: one case, every difference as a sentence.
#![allow(dead_code)] // every test binary uses its own part of it

mod lines;

use parking_types::{Date, Span};
use serde_json::Value;
use tariff_engine::{Calendar, Stay, Tariff, Used, price, price_as_of, total};

use crate::oracle::generate::Case;
use crate::oracle::quantity::signed;
use crate::oracle::receipt::Receipt;
use crate::oracle::time::{MINUTE, date, duration, instant};
use crate::oracle::{self, Nanos, Q, curve};

/// A receipt, or an error's code and path.
pub(crate) type Answer<T> = Result<T, (String, String)>;

/// What the engine says: its receipt as JSON, with or without the next change (which costs far more than the rest).
pub(crate) fn engine(
    tariff: &[u8],
    calendar: Option<&[u8]>,
    stay: &[u8],
    next_change: bool,
) -> Answer<Value> {
    let shown =
        [Some(tariff), calendar, Some(stay)].map(|json| String::from_utf8_lossy(json.unwrap_or_default()));
    let text = |code: tariff_engine::Code, path: &str| (code.as_str().to_owned(), path.to_owned());
    let tariff = Tariff::from_json(tariff).map_err(|e| text(e.code(), e.path()))?;
    let calendar = calendar.map(Calendar::from_json).transpose().map_err(|e| text(e.code(), e.path()))?;
    let stay = Stay::from_json(stay).map_err(|e| text(e.code(), e.path()))?;
    let how = if next_change { price } else { price_as_of };
    let receipt = how(&tariff, calendar.as_ref(), &stay);
    let alone = total(&tariff, calendar.as_ref(), &stay);
    let json = receipt.map(|receipt| receipt.to_json()).map_err(|e| text(e.code(), &e.path()))?;
    let json: Value = serde_json::from_str(&json).expect("a receipt is JSON");
    let alone = alone.expect("what has a receipt has a total").to_string();
    let (alone, whole) = (signed(&alone), q(&json["total"]));
    assert_eq!(alone, whole, "the total alone, and of the receipt: {}", shown.join("\n"));
    Ok(json)
}

/// The total that the engine gives.
pub(crate) fn total_of(case: &Case) -> Answer<Q> {
    let bytes = |value: &Value| value.to_string().into_bytes();
    let calendar = case.calendar.as_ref().map(bytes);
    let receipt = engine(&bytes(&case.tariff), calendar.as_deref(), &bytes(&case.stay), false)?;
    q(&receipt["total"]).ok_or_else(|| ("no total".to_owned(), String::new()))
}

/// The oracle's reading of the same documents.
pub(crate) struct Read {
    pub(crate) tariff: oracle::document::Tariff,
    pub(crate) calendar: Option<oracle::calendar::Calendar>,
    pub(crate) stay: oracle::stay::Stay,
}

pub(crate) fn read(tariff: &[u8], calendar: Option<&[u8]>, stay: &[u8]) -> Answer<Read> {
    let owned = |(code, path): oracle::parse_parts::Refusal| (code.to_owned(), path);
    Ok(Read {
        tariff: oracle::parse::tariff(tariff).map_err(owned)?,
        calendar: calendar.map(oracle::parse_parts::calendar).transpose().map_err(owned)?,
        stay: oracle::parse_parts::stay(stay).map_err(owned)?,
    })
}

impl Read {
    pub(crate) fn price(&self) -> Answer<Receipt> {
        let priced = oracle::price::price(&self.tariff, self.calendar.as_ref(), &self.stay);
        priced.map_err(|code| (code.to_owned(), String::new()))
    }
}

/// Compares both on a case and gives the first difference.
pub(crate) fn check(case: &Case, next_change: bool) -> Result<(), String> {
    let bytes = |value: &Value| value.to_string().into_bytes();
    let (tariff, calendar, stay) =
        (bytes(&case.tariff), case.calendar.as_ref().map(bytes), bytes(&case.stay));
    let ours = engine(&tariff, calendar.as_deref(), &stay, next_change);
    let read = read(&tariff, calendar.as_deref(), &stay);
    let theirs = match &read {
        Ok(read) => read.price(),
        Err(error) => Err(error.clone()),
    };
    let show = || {
        let calendar = case.calendar.as_ref().map_or_else(|| "none".to_owned(), Value::to_string);
        format!("tariff {}\ncalendar {calendar}\nstay {}", case.tariff, case.stay)
    };
    match (ours, theirs, read) {
        (Err((ours, _)), Err((theirs, _)), _) if ours == theirs => Ok(()),
        (Err(ours), Err(theirs), _) => Err(format!("error: engine {ours:?}, oracle {theirs:?}")),
        (Err(ours), Ok(theirs), _) => {
            Err(format!("error: engine {ours:?}, oracle a total of {}", theirs.total))
        }
        (Ok(ours), Err(theirs), _) => Err(format!("error: engine {ours}, oracle {theirs:?}")),
        (Ok(ours), Ok(theirs), Ok(read)) => receipts(&ours, &theirs, &read, case)
            .and_then(|()| if next_change { change(&ours, &theirs, &read) } else { Ok(()) }),
        (Ok(_), Ok(_), Err(_)) => unreachable!(),
    }
    .map_err(|difference| format!("{difference}\n{}", show()))
}

/// Prices many stays by one tariff, each moved and lengthened by so many hours. Totals alone go by the days that the tariff
/// remembers from other stays, and receipts by those of their own stay; what the plate used long ago costs nothing, but every
/// day is walked then. All must agree.
pub(crate) fn remembered(case: &Case, moved: &[(i64, i64)]) -> Result<(), String> {
    let bytes = |value: &Value| value.to_string().into_bytes();
    let calendar =
        case.calendar.as_ref().map(|calendar| Calendar::from_json(&bytes(calendar)).expect("valid"));
    let tariff = Tariff::from_json(&bytes(&case.tariff)).expect("valid");
    let Ok(mut stay) = Stay::from_json(&bytes(&case.stay)) else { return Ok(()) };
    let (entry, exit) = (stay.entry, stay.exit);
    for (later, longer) in moved {
        stay.entry = entry + Span::from_hours(*later);
        stay.exit = exit + Span::from_hours(later + longer);
        let receipt = price_as_of(&tariff, calendar.as_ref(), &stay);
        if stay.used.is_empty() {
            let mut walked = stay.clone();
            walked.used.push((Date::from_days(0), Used::default()));
            let walked = price_as_of(&tariff, calendar.as_ref(), &walked);
            if receipt != walked {
                return Err(format!(
                    "{case:?}\nmoved by {later} h, longer by {longer} h:\n{receipt:#?}\nwalked:\n{walked:#?}"
                ));
            }
        }
        let of_receipt = receipt.map(|receipt| receipt.total);
        let alone = total(&tariff, calendar.as_ref(), &stay);
        if alone != of_receipt {
            return Err(format!(
                "moved by {later} h and longer by {longer} h, after {moved:?}: alone {alone:?}, of the receipt {of_receipt:?}\n{case:?}"
            ));
        }
    }
    Ok(())
}

pub(crate) fn q(value: &Value) -> Option<Q> {
    signed(value.as_str()?)
}

pub(crate) fn at(value: &Value) -> Option<Nanos> {
    instant(value.as_str()?)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, theirs: T) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what}: engine {ours:?}, oracle {theirs:?}")) }
}

fn same_amount(what: &str, ours: &Value, theirs: Option<&Q>) -> Result<(), String> {
    let (read, shown) = (q(ours), theirs.map(Q::to_string));
    if read.as_ref() == theirs { Ok(()) } else { Err(format!("{what}: engine {ours}, oracle {shown:?}")) }
}

fn receipts(ours: &Value, theirs: &Receipt, read: &Read, case: &Case) -> Result<(), String> {
    same_amount("total", &ours["total"], Some(&theirs.total))?;
    same_amount("paid", &ours["paid"], Some(&theirs.paid))?;
    same_amount("due", &ours["due"], Some(&theirs.due))?;
    same_amount("overpaid", &ours["overpaid"], theirs.overpaid.as_ref())?;
    same("id", ours["id"].as_str(), Some(read.stay.id.as_str()))?;
    same("currency", &ours["currency"], &case.tariff["currency"])?;
    same("tariff", &ours["tariff"]["id"], &case.tariff["id"])?;
    same("digest", ours["tariff"]["digest"].as_str(), Some(digest(&case.tariff).as_str()))?;
    match &case.calendar {
        None => same("calendar", &ours["calendar"], &Value::Null)?,
        Some(calendar) => {
            same("calendar digest", ours["calendar"]["digest"].as_str(), Some(&digest(calendar)))?
        }
    }
    used(&ours["used"], theirs)?;
    lines::compare(ours["lines"].as_array().ok_or("no lines")?, theirs, read)
}

/// The documents that are generated have plain names and small whole numbers: sorted and compact is canonical.
fn digest(document: &Value) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(document.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn used(ours: &Value, theirs: &Receipt) -> Result<(), String> {
    let shown = ours.as_object().ok_or("no used")?;
    let dates: Vec<_> = shown.keys().map(|name| date(name)).collect();
    same("dates of used", dates, theirs.used.keys().copied().map(Some).collect())?;
    for (figures, (date, expected)) in shown.values().zip(&theirs.used) {
        same(&format!("stays of {date}"), figures["stays"].as_i64(), Some(expected.stays))?;
        same(&format!("free of {date}"), figures["free"].as_str().and_then(duration), Some(expected.free))?;
        same_amount(&format!("charged of {date}"), &figures["charged"], Some(&expected.charged))?;
    }
    Ok(())
}

/// The next change: by trying exits up to a horizon.
fn change(ours: &Value, theirs: &Receipt, read: &Read) -> Result<(), String> {
    let horizon =
        if read.stay.exit - read.stay.entry > 2 * 24 * 60 * MINUTE { 60 * MINUTE } else { 240 * MINUTE };
    let shown = &ours["next_change"];
    let found = curve::next_change(&read.tariff, read.calendar.as_ref(), &read.stay, MINUTE, horizon);
    let said = at(&shown["at"]);
    let fail = || Err(format!("next_change: engine {shown}, oracle {found:?}"));
    match &found {
        _ if said.is_some() && said == theirs.grace_until => Ok(()),
        curve::Change::NoPrice(_) if shown.is_null() => Ok(()),
        curve::Change::NoPrice(_) => fail(),
        curve::Change::NotYet if said.is_none_or(|said| said >= read.stay.exit + horizon) => Ok(()),
        curve::Change::NotYet => fail(),
        // One exit alone costs something else: after it nothing has changed.
        curve::Change::At(first, _, then) if *then == theirs.total => {
            if said.is_none_or(|said| said > *first) { Ok(()) } else { fail() }
        }
        curve::Change::At(first, _, then) => match said {
            Some(said) if said == *first || said == first - 1 => {
                if q(&shown["total"]).as_ref() == Some(then) { Ok(()) } else { fail() }
            }
            _ => fail(),
        },
    }
}
