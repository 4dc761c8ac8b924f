//! Values without parts, and what vendors mean by them.

use super::{Charset, Num, Str};
use crate::milli::Milli;

/// A value without parts; what has parts is skipped and called [`Scalar::Nested`], because a field of an unexpected
/// shape states nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    Text(Str<'a>),
    Number(Num<'a>),
    Bool(bool),
    Null,
    Nested,
}

impl<'a> Scalar<'a> {
    /// The text of a string.
    pub(crate) fn text(self) -> Option<Str<'a>> {
        if let Scalar::Text(text) = self { Some(text) } else { None }
    }

    /// A string's bytes, or a number's digits: what an identity is written as.
    pub(crate) fn id(self) -> Option<Str<'a>> {
        match self {
            Scalar::Text(text) if !text.raw().is_empty() => Some(text),
            Scalar::Number(number) => Some(Str::new(number.raw(), 0, false, Charset::Utf8)),
            _ => None,
        }
    }

    /// A whole number, also one written as a string; vendors mix the two.
    #[inline]
    pub(crate) fn int(self) -> Option<i64> {
        match self {
            Scalar::Number(number) => number.int(),
            Scalar::Text(text) => Num::parse(text.raw())?.int(),
            Scalar::Bool(_) | Scalar::Null | Scalar::Nested => None,
        }
    }

    /// A number, not one written as a string.
    pub(crate) fn number(self) -> Option<Num<'a>> {
        if let Scalar::Number(number) = self { Some(number) } else { None }
    }

    /// A decimal number in thousandths, also one written as a string.
    pub(crate) fn milli(self) -> Option<Milli> {
        if let Some(whole) = self.int() {
            return Self::whole_milli(whole);
        }
        self.scaled(3).and_then(|value| i32::try_from(value).ok()).map(Milli::new)
    }

    /// A decimal number times 10^`places`, rounded half away from zero, also one written as a string.
    pub(crate) fn scaled(self, places: i32) -> Option<i64> {
        match self {
            Scalar::Number(number) => number.scaled(places),
            Scalar::Text(text) => Num::parse(text.raw())?.scaled(places),
            Scalar::Bool(_) | Scalar::Null | Scalar::Nested => None,
        }
    }

    /// A truth value, also as 0, 1, `"0"`, `"1"`, `"true"`, `"false"` in any case.
    pub(crate) fn truth(self) -> Option<bool> {
        match self {
            Scalar::Bool(truth) => Some(truth),
            Scalar::Text(text) if text.raw().eq_ignore_ascii_case(b"true") => Some(true),
            Scalar::Text(text) if text.raw().eq_ignore_ascii_case(b"false") => Some(false),
            other => Self::whole_truth(other.int()?),
        }
    }

    pub(super) fn whole_milli(whole: i64) -> Option<Milli> {
        whole.checked_mul(1000).and_then(|value| i32::try_from(value).ok()).map(Milli::new)
    }

    pub(super) fn whole_truth(whole: i64) -> Option<bool> {
        match whole {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}
