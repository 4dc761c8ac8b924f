//! Reading a document and asking at each step how it went.

use super::{Json, Kind, Scalar, Str};
use crate::error::{DecodeError, ErrorCode};

/// Reading and asking at each step.
impl<'a> Json<'a> {
    /// What the next value is, without taking it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Kind, DecodeError> {
        match self.byte() {
            b'{' => Ok(Kind::Object),
            b'[' => Ok(Kind::Array),
            b'"' => Ok(Kind::String),
            b't' | b'f' => Ok(Kind::Bool),
            b'n' => Ok(Kind::Null),
            b'-' | b'0'..=b'9' => Ok(Kind::Number),
            _ => {
                self.unexpected();
                Err(self.broken.unwrap_or(self.fail(ErrorCode::Syntax)))
            }
        }
    }

    /// As [`members`](Self::members).
    pub(crate) fn object(
        &mut self,
        mut visit: impl FnMut(&mut Self, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.members(|json, key| visit(json, key).unwrap_or_else(|error| json.refuse(error)));
        self.outcome(())
    }

    /// As [`elements`](Self::elements).
    pub(crate) fn array(
        &mut self,
        mut visit: impl FnMut(&mut Self, usize) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.elements(|json, index| visit(json, index).unwrap_or_else(|error| json.refuse(error)));
        self.outcome(())
    }

    /// As [`members_if_any`](Self::members_if_any).
    pub(crate) fn object_if_any(
        &mut self,
        visit: impl FnMut(&mut Self, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if self.is_object() { self.object(visit) } else { self.skip() }
    }

    /// As [`elements_if_any`](Self::elements_if_any).
    pub(crate) fn array_if_any(
        &mut self,
        visit: impl FnMut(&mut Self, usize) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if self.is_array() { self.array(visit) } else { self.skip() }
    }

    /// As [`take_scalar`](Self::take_scalar).
    pub(crate) fn scalar(&mut self) -> Result<Scalar<'a>, DecodeError> {
        let value = self.take_scalar();
        self.outcome(value)
    }

    /// As [`take_text`](Self::take_text).
    pub(crate) fn text(&mut self) -> Result<Option<Str<'a>>, DecodeError> {
        let value = self.take_text();
        self.outcome(value)
    }

    /// As [`take_int`](Self::take_int).
    pub(crate) fn int(&mut self) -> Result<Option<i64>, DecodeError> {
        let value = self.take_int();
        self.outcome(value)
    }

    /// As [`pass`](Self::pass).
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        self.pass();
        self.outcome(())
    }

    /// A value that was taken, unless something broke.
    fn outcome<T>(&self, value: T) -> Result<T, DecodeError> {
        match self.broken {
            None => Ok(value),
            Some(error) => Err(error),
        }
    }
}
