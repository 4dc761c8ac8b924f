//! Changes of a stay's price: coupons, complaints, lost tickets, double charging.

use parking_types::{Amount, Span};

use crate::{
    error::{Code, DocumentError},
    json::{self, Json},
    read::{Path, Reader, get},
};

/// One change of a stay's price. Whatever the order given, they apply as: time off, the calculation, `Instead`,
/// `Multiply`, `PercentOff`, `AmountOff`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Adjust {
    /// Time at the start or the end of the stay that is not chargeable; several add up.
    TimeOff {
        /// How long.
        length: Span,
        /// At the end of the stay instead of at its start.
        at_end: bool,
    },
    /// This amount in place of everything that is calculated; at most one.
    Instead(Amount),
    /// The total times a decimal number, held in millionths.
    Multiply(Amount),
    /// The total less so many per cent (at most 100), held in millionths of a per cent.
    PercentOff(Amount),
    /// The total less an amount, never below zero.
    AmountOff(Amount),
}

const NAMES: &[&str] = &["time_off", "at", "multiply", "percent_off", "amount_off", "instead"];
const KINDS: &[&str] = &["time_off", "multiply", "percent_off", "amount_off", "instead"];
const WITH_SOURCE: &[&str] =
    &["time_off", "at", "multiply", "percent_off", "amount_off", "instead", "source"];
const SOURCES: &[(&str, ())] = &[("coupon", ()), ("activity", ()), ("complaint", ()), ("person", ())];

impl Adjust {
    /// Reads a list of changes from JSON. An item may name its `source` (`coupon`, `activity`, `complaint`,
    /// `person`), as people's actions do; the price does not depend on it.
    ///
    /// # Errors
    /// [`DocumentError`] with `bad_json`, `unknown_field` or `bad_field`; paths begin at the list: `[0].multiply`.
    pub fn list_from_json(input: &[u8]) -> Result<Vec<Self>, DocumentError> {
        let value = json::parse(input).map_err(|bad| DocumentError::new(Code::BadJson, "", bad.0))?;
        let mut reader = Reader::new(WITH_SOURCE);
        let list = read_list_with(&mut reader, &value, &Path::Root, WITH_SOURCE).unwrap_or_default();
        reader.finish().map(|()| list)
    }

    /// [`list_from_json`](Self::list_from_json) of a value that is parsed already.
    ///
    /// # Errors
    /// As there.
    pub fn list_from_value(value: &serde_json::Value) -> Result<Vec<Self>, DocumentError> {
        Self::list_from_json(value.to_string().as_bytes())
    }
}

/// The `adjust` of a stay.
pub(crate) fn read_list(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Vec<Adjust>> {
    read_list_with(reader, value, path, NAMES)
}

fn read_list_with(
    reader: &mut Reader,
    value: &Json<'_>,
    path: &Path<'_>,
    names: &[&str],
) -> Option<Vec<Adjust>> {
    let mut list = Vec::new();
    for (index, item) in reader.list(value, path)?.iter().enumerate() {
        let path = path.item(index);
        let Some(read) = read_one(reader, item, &path, names) else { continue };
        if matches!(read, Adjust::Instead(_))
            && list.iter().any(|before| matches!(before, Adjust::Instead(_)))
        {
            reader.refuse(Code::BadField, &path.field("instead"), "at most one `instead`");
        }
        list.push(read);
    }
    Some(list)
}

fn read_one(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>, names: &[&str]) -> Option<Adjust> {
    let fields = reader.object(value, path, names)?;
    reader.optional(fields, path, "source", |r, v, p| r.choice(v, p, SOURCES));
    let mut kinds = KINDS.iter().filter(|kind| get(fields, kind).is_some());
    let (kind, second) = (kinds.next(), kinds.next());
    if let Some(second) = second {
        return reader.bad(&path.field(second), "one change an item");
    }
    let at =
        reader.optional(fields, path, "at", |r, v, p| r.choice(v, p, &[("start", false), ("end", true)]));
    let amount = |reader: &mut Reader, name| reader.required(fields, path, name, Reader::amount);
    match kind.copied() {
        Some("time_off") => {
            let length = reader.required(fields, path, "time_off", Reader::span)?;
            Some(Adjust::TimeOff { length, at_end: at.unwrap_or(false) })
        }
        _ if get(fields, "at").is_some() => reader.bad(&path.field("at"), "only `time_off` has a place"),
        Some("instead") => amount(reader, "instead").map(Adjust::Instead),
        Some("multiply") => amount(reader, "multiply").map(Adjust::Multiply),
        Some("percent_off") => match amount(reader, "percent_off")? {
            percent if percent <= HUNDRED => Some(Adjust::PercentOff(percent)),
            _ => reader.bad(&path.field("percent_off"), "more than 100 per cent"),
        },
        Some("amount_off") => amount(reader, "amount_off").map(Adjust::AmountOff),
        _ => reader.bad(path, "a change that changes nothing"),
    }
}

/// A hundred per cent, in millionths of a per cent.
pub(crate) const HUNDRED: Amount = Amount::from_micros(100_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_with_a_source() {
        let list = serde_json::json!([{ "multiply": "2", "source": "complaint" }, { "time_off": "1h", "at": "end" }]);
        let expected = vec![
            Adjust::Multiply(Amount::from_micros(2_000_000)),
            Adjust::TimeOff { length: Span::from_hours(1), at_end: true },
        ];
        assert_eq!(Adjust::list_from_value(&list), Ok(expected));
    }

    #[test]
    fn refusals() {
        for (text, path) in [
            (r#"[{"multiply":"2","at":"start"}]"#, "[0].at"),
            (r#"[{"multiply":"2","amount_off":"1"}]"#, "[0].amount_off"),
            (r#"[{}]"#, "[0]"),
            (r#"[{"instead":"2"},{"instead":"3"}]"#, "[1].instead"),
            (r#"[{"percent_off":"100.000001"}]"#, "[0].percent_off"),
            (r#"[{"multiply":2}]"#, "[0].multiply"),
            (r#"[{"multiply":"2","source":"mood"}]"#, "[0].source"),
        ] {
            let error = Adjust::list_from_json(text.as_bytes()).unwrap_err();
            assert_eq!((error.code(), error.path()), (Code::BadField, path), "{text}");
        }
        assert_eq!(Adjust::list_from_json(br#"[{"divide":"2"}]"#).unwrap_err().code(), Code::UnknownField);
    }
}
