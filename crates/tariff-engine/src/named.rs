//! Vehicle classes and plate colours: our own words, and those of other platforms.

use core::fmt;

use parking_types::{PlateColor, VehicleClass};

/// A vehicle class or plate colour: one of the project's own, or another platform's word, compared as text.
///
/// ```
/// use parking_types::VehicleClass;
/// use tariff_engine::Vehicle;
/// assert_eq!(Vehicle::new("small"), VehicleClass::Small.into());
/// assert_eq!(Vehicle::new("camper van").as_str(), "camper van");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named<T> {
    /// A word of the project's own list.
    Known(T),
    /// Any other word.
    Other(Box<str>),
}

/// What a stay's vehicle is, as tariffs name it.
pub type Vehicle = Named<VehicleClass>;
/// The colour of a stay's plate, as tariffs name it.
pub type Color = Named<PlateColor>;

impl<T> From<T> for Named<T> {
    fn from(known: T) -> Self {
        Self::Known(known)
    }
}

impl Named<VehicleClass> {
    /// The class that `word` names.
    pub fn new(word: &str) -> Self {
        VehicleClass::parse(word).map_or_else(|| Self::Other(word.into()), Self::Known)
    }
    /// The word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(class) => class.as_str(),
            Self::Other(word) => word,
        }
    }
}

impl Named<PlateColor> {
    /// The colour that `word` names.
    pub fn new(word: &str) -> Self {
        PlateColor::parse(word).map_or_else(|| Self::Other(word.into()), Self::Known)
    }
    /// The word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(color) => color.as_str(),
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for Named<VehicleClass> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Named<PlateColor> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
