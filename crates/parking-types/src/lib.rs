//! The nouns that two or more crates of Parkline share: ids, plates, money, time and vehicles.
//!
//! They construct, check, format and calculate; they hold no policy. Nothing here reads a clock, does I/O,
//! allocates on a hot path or panics on any input. Money is exact ([`Amount`], millionths of a currency unit in
//! an integer); instants are nanoseconds ([`Instant`]); a plate is inline text with its class ([`Plate`]).
//!
//! ```
//! use parking_types::{Amount, Instant, Plate, Span};
//!
//! let entry: Instant = "2022-01-01T08:00:00+08:00".parse()?;
//! let exit: Instant = "2022-01-01T13:57:01+08:00".parse()?;
//! assert_eq!(exit - entry, "5h57m1s".parse::<Span>()?);
//! assert_eq!("7.00".parse::<Amount>()?.to_string(), "7");
//! assert_eq!(Plate::parse("粤 b·12345")?.as_str(), "粤B12345");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(clippy::float_arithmetic)]

mod civil;
mod hash;
mod id;
mod money;
mod plate;
#[cfg(feature = "serde")]
mod serial;
mod text;
mod time;
mod vehicle;
mod words;
mod zone;

pub use civil::{Date, Local, TimeOfDay, Weekday};
pub use hash::murmur2;
pub use id::{Id, IdError};
pub use money::{Amount, AmountError, Currency, CurrencyError};
pub use plate::{Plate, PlateClass, PlateColor, PlateError, PlateKey, Reading as PlateReading};
pub use text::{OffsetClock, Text, append_json_string};
pub use time::{Instant, InstantError, RawInstant, Span, SpanError};
pub use vehicle::{Direction, VehicleClass};
pub use zone::{Resolved, Zone, ZoneError, tzdb_version};
