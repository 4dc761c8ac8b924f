//! The nouns as serde writes them: numbers as numbers, texts as texts.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{Amount, Currency, Date, Direction, Id, Instant, Plate, PlateColor, Span, VehicleClass};

macro_rules! number {
    ($($name:ident: $inner:ty, $get:ident, $make:ident;)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.$get().serialize(serializer)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$inner>::deserialize(deserializer).map(Self::$make)
            }
        }
    )+};
}

number! {
    Instant: i64, as_nanos, from_nanos;
    Span: i64, as_nanos, from_nanos;
    Amount: i64, as_micros, from_micros;
    Date: i32, days, from_days;
}

macro_rules! text {
    ($($name:ident: $get:ident, $parse:expr;)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.$get())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <&str>::deserialize(deserializer)?;
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(text).ok_or_else(|| D::Error::custom(concat!("not a ", stringify!($name))))
            }
        }
    )+};
}

text! {
    Id: as_str, |text| Self::new(text).ok();
    Plate: as_str, |text| Self::from_canonical(text).ok();
    Currency: code, |text| Self::parse(text).ok();
    PlateColor: as_str, Self::parse;
    VehicleClass: as_str, Self::parse;
    Direction: as_str, Self::parse;
}
