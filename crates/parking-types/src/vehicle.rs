//! What a vehicle is, and which way it goes.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }
        impl $name {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word for it in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            /// The value that a JSON word names, or `None`.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// The class of a vehicle, as tariffs name it.
    ///
    /// ```
    /// use parking_types::VehicleClass;
    /// assert_eq!(VehicleClass::parse("extra_large"), Some(VehicleClass::ExtraLarge));
    /// assert_eq!(VehicleClass::Small.as_str(), "small");
    /// ```
    VehicleClass {
        /// Cars and small vans (小型车).
        Small = "small",
        /// Light lorries and minibuses (中型车).
        Medium = "medium",
        /// Lorries and coaches (大型车).
        Large = "large",
        /// Articulated and over-long vehicles (超大型车).
        ExtraLarge = "extra_large",
        /// Motorcycles (摩托车).
        Motorcycle = "motorcycle",
        /// Trailers (挂车).
        Trailer = "trailer",
        /// Bicycles (非机动车).
        Bicycle = "bicycle",
        /// Any other that a device's documentation names.
        Other = "other",
    }
}

words! {
    /// Which way a vehicle passed a lane.
    Direction {
        /// Into the lot.
        Entry = "entry",
        /// Out of the lot.
        Exit = "exit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for class in VehicleClass::ALL {
            assert_eq!(VehicleClass::parse(class.as_str()), Some(*class));
        }
        assert_eq!(VehicleClass::parse("Small"), None);
        assert_eq!(Direction::parse("exit"), Some(Direction::Exit));
    }
}
