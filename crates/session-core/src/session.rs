//! The name of a session and the marks it can carry.

use core::fmt;

use parking_types::{Id, Text};
use serde::{Deserialize, Serialize};

/// The id of a session: 26 characters of lower-case Crockford base32.
///
/// The first 32 bits are the murmur2 hash of the group, so that whoever has an id knows its partition; the other 96
/// are a stable hash (the leading bits of SHA-256) of tenant, place, the event that first showed it and which of that event's sessions it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(u128);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl SessionId {
    /// From the group's hash and 96 bits of the stable hash.
    pub const fn new(group_hash: u32, stable: u128) -> Self {
        Self(((group_hash as u128) << 96) | (stable & ((1 << 96) - 1)))
    }

    /// The hash of the group, which decides the partition.
    pub const fn group_hash(self) -> u32 {
        (self.0 >> 96) as u32
    }

    /// Reads the 26 characters, or `None`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 26 {
            return None;
        }
        let mut value: u128 = 0;
        for (i, c) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|a| *a == c)? as u128;
            if i == 0 && digit > 7 {
                return None;
            }
            value = (value << 5) | digit;
        }
        Some(Self(value))
    }

    /// The id as bytes, in its order.
    pub(crate) const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// What [`to_bytes`](Self::to_bytes) gave.
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The id as an identifier.
    pub fn to_id(self) -> Id {
        Id::from_ascii(&self.text())
    }

    fn text(self) -> [u8; 26] {
        let mut text = [0; 26];
        let mut rest = self.0;
        for slot in text.iter_mut().rev() {
            *slot = ALPHABET.get(usize::from(rest as u8 & 31)).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        text
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl Text for SessionId {
    fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text());
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is special about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// Frames are missing where it begins or ends.
    FramesLost,
    /// A device's clock could not be believed.
    ClockSuspect,
    /// Its detectors fell silent.
    ContactLost,
    /// Its exit's plate differs in one character.
    Fuzzy,
    /// It has no entry.
    NoEntry,
    /// Its plate came in again.
    SecondEntry,
    /// It followed another car through an open gate.
    Follow,
    /// Too short to be a stay.
    TooShort,
    /// A person corrected it.
    Corrected,
    /// It comes from an offline upload.
    Backfilled,
}

impl Mark {
    /// All marks, in the order of the contract.
    pub const ALL: [Self; 10] = [
        Self::FramesLost,
        Self::ClockSuspect,
        Self::ContactLost,
        Self::Fuzzy,
        Self::NoEntry,
        Self::SecondEntry,
        Self::Follow,
        Self::TooShort,
        Self::Corrected,
        Self::Backfilled,
    ];

    /// The word for it in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FramesLost => "frames_lost",
            Self::ClockSuspect => "clock_suspect",
            Self::ContactLost => "contact_lost",
            Self::Fuzzy => "fuzzy",
            Self::NoEntry => "no_entry",
            Self::SecondEntry => "second_entry",
            Self::Follow => "follow",
            Self::TooShort => "too_short",
            Self::Corrected => "corrected",
            Self::Backfilled => "backfilled",
        }
    }
}

/// A set of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct Marks(u16);

impl Marks {
    /// Adds one.
    pub const fn insert(&mut self, mark: Mark) {
        self.0 |= 1 << mark as u16;
    }
    /// Takes one away.
    pub const fn remove(&mut self, mark: Mark) {
        self.0 &= !(1 << mark as u16);
    }
    /// Whether it is there.
    pub const fn contains(self, mark: Mark) -> bool {
        self.0 & (1 << mark as u16) != 0
    }
    /// Both sets.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
    /// All of them, in the order of the contract.
    pub fn iter(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(move |mark| self.contains(*mark))
    }
}
