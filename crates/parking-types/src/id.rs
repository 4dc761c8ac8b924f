//! Identifiers: 1–32 characters of `0-9 A-Z a-z _ -`, kept inline.

use core::{fmt, str::FromStr};

/// The longest identifier, in characters (a payment channel's order number holds no more).
const MAX: usize = 32;

/// The name of a lot, berth, lane, device, tariff, payment, tenant …: 1–32 characters of `0-9 A-Z a-z _ -`.
///
/// It is `Copy`, has no heap part and orders as its text does.
///
/// ```
/// use parking_types::{Id, IdError};
/// assert_eq!(Id::new("L1-001")?.as_str(), "L1-001");
/// assert_eq!(Id::new("a b"), Err(IdError::Character { at: 1 }));
/// # Ok::<(), IdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    bytes: [u8; MAX],
    len: u8,
}

/// Why a text is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// The text is empty.
    Empty,
    /// The text has more than 32 characters.
    TooLong,
    /// The character at this byte offset is not one of `0-9 A-Z a-z _ -`.
    Character {
        /// Byte offset of the first such character.
        at: usize,
    },
}

impl Id {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// [`IdError`] when it is empty, longer than 32 characters or holds a character outside `0-9 A-Z a-z _ -`.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let raw = text.as_bytes();
        if raw.is_empty() {
            return Err(IdError::Empty);
        }
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-';
        if let Some(at) = raw.iter().position(|b| !allowed(b)) {
            return Err(IdError::Character { at });
        }
        if raw.len() > MAX {
            return Err(IdError::TooLong);
        }
        let mut bytes = [0; MAX];
        for (slot, b) in bytes.iter_mut().zip(raw) {
            *slot = *b;
        }
        Ok(Self { bytes, len: raw.len() as u8 })
    }

    /// Keeps up to 32 of these characters, each that an identifier cannot hold as `_`; for texts that are made, not read.
    pub fn from_ascii(text: &[u8]) -> Self {
        let mut bytes = [0; MAX];
        let len = text.len().clamp(1, MAX);
        for (i, slot) in bytes.iter_mut().take(len).enumerate() {
            *slot = text.get(i).copied().filter(|b| b.is_ascii_alphanumeric() || *b == b'-').unwrap_or(b'_');
        }
        Self { bytes, len: len as u8 }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // The constructor lets ASCII in and nothing else.
        self.bytes.get(..usize::from(self.len)).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("")
    }
}

impl FromStr for Id {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an identifier is empty"),
            Self::TooLong => write!(f, "an identifier has more than {MAX} characters"),
            Self::Character { at } => {
                write!(f, "an identifier holds a character outside 0-9 A-Z a-z _ - at byte {at}")
            }
        }
    }
}

impl core::error::Error for IdError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn limits() {
        assert_eq!(Id::new(""), Err(IdError::Empty));
        assert!(Id::new(&"x".repeat(32)).is_ok());
        assert_eq!(Id::new(&"x".repeat(33)), Err(IdError::TooLong));
        assert_eq!(Id::new("泊位"), Err(IdError::Character { at: 0 }));
    }

    proptest! {
        #[test]
        fn any_text_is_kept_whole_or_refused(text in ".{0,40}") {
            if let Ok(id) = Id::new(&text) {
                prop_assert_eq!(id.as_str(), text);
            }
        }

        #[test]
        fn order_is_that_of_the_text(a in "[0-9A-Za-z_-]{1,32}", b in "[0-9A-Za-z_-]{1,32}") {
            prop_assert_eq!(Id::new(&a)?.cmp(&Id::new(&b)?), a.cmp(&b));
        }
    }
}
