//! Licence plates: inline text, class, colour, canonical key and the confusion table of optical readers.

use core::fmt;

use crate::words;

mod class;
mod confusion;
mod normal;

pub use class::PlateClass;

/// The longest plate, in UTF-8 bytes: three plates of one car joined by `|` fit.
pub(crate) const MAX: usize = 39;

words! {
    /// The colour of a plate's ground.
    PlateColor {
        /// Blue: small vehicles.
        Blue = "blue",
        /// Yellow: large vehicles, trailers, learners, motorcycles.
        Yellow = "yellow",
        /// Green gradient: small new-energy vehicles.
        Green = "green",
        /// Yellow and green: large new-energy vehicles.
        YellowGreen = "yellow_green",
        /// White: police, armed police, military, emergency.
        White = "white",
        /// Black: embassies, consulates, Hong Kong, Macau, old foreign.
        Black = "black",
        /// The reader could not tell.
        Unknown = "unknown",
    }
}

/// A plate as read: canonical text, kept inline, never guessed at.
///
/// The text is NFKC-folded as far as plates need, upper case, without blanks and dots. Several plates of one car
/// stay joined by `|`. No character is ever corrected.
///
/// ```
/// use parking_types::{Plate, PlateClass};
/// let plate = Plate::parse("粤b·12345")?;
/// assert_eq!(plate.as_str(), "粤B12345");
/// assert!(plate == *"粤B12345" && plate != *"粤b12345");
/// assert_eq!(plate.class(), PlateClass::Ordinary);
/// # Ok::<(), parking_types::PlateError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Plate {
    bytes: [u8; MAX],
    len: u8,
}

/// What a reader's plate text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// There is no plate, in one of the vendors' many words for it (`_无_`, `无牌车`, `unknown`, empty …).
    Unplated,
    /// This plate.
    Plate(Plate),
}

/// Why a text is no plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlateError {
    /// Nothing is left after blanks and dots are removed.
    Empty,
    /// More than 39 bytes of UTF-8 are left.
    TooLong,
    /// A character that no plate has (control, punctuation, emoji), at this byte offset of the input.
    Character {
        /// Byte offset in the input.
        at: usize,
    },
}

/// What names one vehicle: the plate's text and the class of its colour. The same text in two colours is two vehicles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlateKey {
    /// The canonical text.
    pub plate: Plate,
    /// The colour; [`PlateColor::Unknown`] where no reader told.
    pub color: PlateColor,
}

impl Plate {
    /// Brings a text into canonical form.
    ///
    /// # Errors
    /// [`PlateError`]; the words for "no plate" are plain texts here, see [`Reading::parse`].
    #[inline]
    pub fn parse(text: &str) -> Result<Self, PlateError> {
        normal::plate(text)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|b| core::str::from_utf8(b).ok()).unwrap_or("")
    }

    /// What kind of plate it is, by its text; [`PlateClass::Foreign`] where GA 36 does not fit.
    pub fn class(&self) -> PlateClass {
        class::of(self.as_str())
    }

    /// The plates that were read together, for a car that carries several (`粤ZJ068澳|MX7742`).
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.as_str().split('|').filter(|part| !part.is_empty())
    }

    /// Whether the two differ in at most one character, and that within one group of the confusion table; plates
    /// joined by `|` are alike if one part of each is the same.
    pub fn resembles(&self, other: &Self) -> bool {
        confusion::resembles(self, other)
    }

    /// Where a text is to be [written](Self::write).
    const NONE: Self = Self { bytes: [0; MAX], len: 0 };

    /// Writes a canonical text that fits.
    #[inline]
    fn write(&mut self, text: &[u8]) {
        if let Some(place) = self.bytes.get_mut(..text.len()) {
            place.copy_from_slice(text);
            self.len = text.len() as u8;
        }
    }

    pub(crate) fn from_canonical(text: &str) -> Result<Self, PlateError> {
        let raw = text.as_bytes();
        if raw.is_empty() {
            return Err(PlateError::Empty);
        }
        if raw.len() > MAX {
            return Err(PlateError::TooLong);
        }
        let mut plate = Self::NONE;
        plate.write(raw);
        Ok(plate)
    }
}

impl Reading {
    /// Reads a vendor's plate text: a plate, or one of the vendors' words for "no plate".
    ///
    /// # Errors
    /// [`PlateError`] when it is neither.
    #[inline]
    pub fn parse(text: &str) -> Result<Self, PlateError> {
        if normal::says_unplated(text) { Ok(Self::Unplated) } else { Plate::parse(text).map(Self::Plate) }
    }

    /// As [`parse`](Self::parse), but written where it is to lie, and straight from bytes: to copy what was just written
    /// byte by byte costs more than to read it. Says whether it did: only for the plainest plates, whose text is
    /// canonical, and which no word for "no plate" begins like.
    ///
    /// ```
    /// use parking_types::{Plate, PlateReading};
    /// let mut place = None;
    /// assert!(PlateReading::plain_into(&mut place, "粤B12345".as_bytes()));
    /// assert_eq!(place, Some(PlateReading::Plate(Plate::parse("粤B12345")?)));
    /// assert!(!PlateReading::plain_into(&mut place, "粤b·12345".as_bytes()));
    /// # Ok::<(), parking_types::PlateError>(())
    /// ```
    #[inline]
    pub fn plain_into(place: &mut Option<Self>, text: &[u8]) -> bool {
        normal::plain_into(place, text)
    }
}

/// The canonical text itself; any other way of writing it is not the same.
impl PartialEq<str> for Plate {
    fn eq(&self, text: &str) -> bool {
        self.bytes.get(..usize::from(self.len)) == Some(text.as_bytes())
    }
}

impl fmt::Display for Plate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Plate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for PlateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a plate without a character"),
            Self::TooLong => write!(f, "a plate of more than {MAX} bytes"),
            Self::Character { at } => write!(f, "a character that no plate has at byte {at}"),
        }
    }
}
impl core::error::Error for PlateError {}
