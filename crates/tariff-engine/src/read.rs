//! Reading fields out of parsed JSON: every name known, every type and range checked, every refusal with its path.
//!
//! A reader goes on after a refusal and keeps the one with the first code in order of precedence (and of these the
//! first in the document), so that the answer does not depend on the order of the fields.

use core::fmt;
use std::borrow::Cow;

use parking_types::{Amount, Date, Instant, InstantError, RawInstant, Span, TimeOfDay};

use crate::{
    error::{Code, DocumentError},
    json::{self, Json},
};

/// Where a value stands in its document; built on the stack, printed only when something is refused.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    pub(crate) fn field<'a>(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }
    pub(crate) fn item(&self, index: usize) -> Path<'_> {
        Path::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Path::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// The fields of one object.
pub(crate) type Fields<'j> = &'j [(Cow<'j, str>, Json<'j>)];

/// The field of that name.
pub(crate) fn get<'j>(fields: Fields<'j>, name: &str) -> Option<&'j Json<'j>> {
    fields.iter().find(|(given, _)| given == name).map(|(_, value)| value)
}

/// Reads one document and remembers why it cannot be used.
pub(crate) struct Reader {
    /// Every field name of the format: one of these in the wrong place is a bad field, any other an unknown one.
    known: &'static [&'static str],
    refused: Option<DocumentError>,
}

impl Reader {
    pub(crate) fn new(known: &'static [&'static str]) -> Self {
        Self { known, refused: None }
    }

    /// The refusal, if there was one.
    pub(crate) fn finish(self) -> Result<(), DocumentError> {
        self.refused.map_or(Ok(()), Err)
    }

    pub(crate) fn refuse(&mut self, code: Code, path: &Path<'_>, why: &'static str) {
        if self.refused.as_ref().is_none_or(|before| code < before.code()) {
            self.refused = Some(DocumentError::new(code, path.to_string(), why));
        }
    }

    pub(crate) fn bad<T>(&mut self, path: &Path<'_>, why: &'static str) -> Option<T> {
        self.refuse(Code::BadField, path, why);
        None
    }

    /// The fields of an object that may have these names.
    pub(crate) fn object<'j>(
        &mut self,
        value: &'j Json<'j>,
        path: &Path<'_>,
        names: &[&str],
    ) -> Option<Fields<'j>> {
        let Json::Object(fields) = value else { return self.bad(path, "not an object") };
        for (name, _) in fields.iter().filter(|(name, _)| !names.contains(&name.as_ref())) {
            if self.known.contains(&name.as_ref()) {
                self.refuse(Code::BadField, &path.field(name), "a field that has no place here");
            } else {
                self.refuse(Code::UnknownField, &path.field(name), "the format has no such field");
            }
        }
        Some(fields)
    }

    pub(crate) fn list<'j>(&mut self, value: &'j Json<'j>, path: &Path<'_>) -> Option<&'j [Json<'j>]> {
        match value {
            Json::List(items) => Some(items),
            _ => self.bad(path, "not a list"),
        }
    }

    /// All items of a list that must not be empty; those that are refused are left out.
    pub(crate) fn some_of<'j, T>(
        &mut self,
        value: &'j Json<'j>,
        path: &Path<'_>,
        mut read: impl FnMut(&mut Self, &'j Json<'j>, &Path<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        match self.list(value, path)? {
            [] => self.bad(path, "an empty list"),
            items => Some(
                items.iter().enumerate().filter_map(|(i, item)| read(self, item, &path.item(i))).collect(),
            ),
        }
    }

    /// The field `name`, read by `read`, where it is given.
    pub(crate) fn optional<'j, T>(
        &mut self,
        fields: Fields<'j>,
        path: &Path<'_>,
        name: &str,
        read: impl FnOnce(&mut Self, &'j Json<'j>, &Path<'_>) -> Option<T>,
    ) -> Option<T> {
        get(fields, name).and_then(|value| read(self, value, &path.field(name)))
    }

    /// The field `name`, read by `read`; its absence is refused.
    pub(crate) fn required<'j, T>(
        &mut self,
        fields: Fields<'j>,
        path: &Path<'_>,
        name: &str,
        read: impl FnOnce(&mut Self, &'j Json<'j>, &Path<'_>) -> Option<T>,
    ) -> Option<T> {
        if get(fields, name).is_none() {
            return self.bad(&path.field(name), "a required field is missing");
        }
        self.optional(fields, path, name, read)
    }

    pub(crate) fn text<'j>(&mut self, value: &'j Json<'j>, path: &Path<'_>) -> Option<&'j str> {
        match value {
            Json::Text(text) => Some(text),
            _ => self.bad(path, "not a text"),
        }
    }

    /// A text with at least one character.
    pub(crate) fn name<'j>(&mut self, value: &'j Json<'j>, path: &Path<'_>) -> Option<&'j str> {
        match self.text(value, path)? {
            "" => self.bad(path, "an empty text"),
            text => Some(text),
        }
    }

    pub(crate) fn flag(&mut self, value: &Json<'_>, path: &Path<'_>) -> Option<bool> {
        match value {
            Json::Bool(flag) => Some(*flag),
            _ => self.bad(path, "not true or false"),
        }
    }

    pub(crate) fn whole(&mut self, value: &Json<'_>, path: &Path<'_>) -> Option<u64> {
        let number = if let Json::Number(number) = value { json::whole_number(number) } else { None };
        number.or_else(|| self.bad(path, "not a whole number"))
    }

    /// `"format": 1`.
    pub(crate) fn format(&mut self, value: &Json<'_>, path: &Path<'_>) -> Option<()> {
        match self.whole(value, path)? {
            1 => Some(()),
            _ => self.bad(path, "not a format that is known here; this is format 1"),
        }
    }

    /// One of the words of `choices`.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        value: &Json<'_>,
        path: &Path<'_>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = match value {
            Json::Text(text) => choices.iter().find(|(word, _)| word == text).map(|(_, choice)| *choice),
            _ => None,
        };
        found.or_else(|| self.bad(path, "not one of the words that may stand here"))
    }

    pub(crate) fn span(&mut self, value: &Json<'_>, path: &Path<'_>) -> Option<Span> {
        self.text(value, path)?.parse().ok().or_else(|| self.bad(path, "not a duration such as \"1h30m\""))
    }

    /// A duration longer than nothing.
    pub(crate) fn some_span(&mut self, value: &Json<'_>, path: &Path<'_>) -> Option<Span> {
        match self.span(value, path)? {
            Span::ZERO => self.bad(path, "a duration of zero"),
            span => Some(span),
        }
    }

    pub(crate) fn amount(&mut self, value: &Json<'_>, path: &Path<'_>) -> Option<Amount> {
        self.text(value, path)?.parse().ok().or_else(|| self.bad(path, "not an amount such as \"3.50\""))
    }

    pub(crate) fn time(&mut self, value: &Json<'_>, path: &Path<'_>) -> Option<TimeOfDay> {
        TimeOfDay::parse(self.text(value, path)?)
            .or_else(|| self.bad(path, "not a time of day such as \"07:30\""))
    }

    pub(crate) fn date(&mut self, text: &str, path: &Path<'_>) -> Option<Date> {
        Date::parse(text).or_else(|| self.bad(path, "not a date such as \"2026-10-01\""))
    }

    pub(crate) fn raw_instant(&mut self, value: &Json<'_>, path: &Path<'_>) -> Option<RawInstant> {
        let text = self.text(value, path)?;
        match Instant::parse_raw(text) {
            Ok(raw) => Some(raw),
            Err(InstantError::TooFine) => self.bad(path, "a time finer than a nanosecond"),
            Err(_) => self.bad(path, "not an RFC 3339 time with an offset"),
        }
    }
}

/// The instant, held at the ends of the range.
pub(crate) fn held(raw: RawInstant) -> Instant {
    raw.instant().unwrap_or(if raw.secs < 0 { Instant::MIN } else { Instant::MAX })
}
