//! What a vehicle is, and which way it goes.

use crate::words;

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
