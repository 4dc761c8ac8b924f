//! The list behind a reading's fields: texts, axes, and what has no name in [`Reading`].

use core::mem::ManuallyDrop;

use arrayvec::ArrayVec;

use super::Reading;
use crate::milli::Milli;
use crate::text::Text;

/// A value in the list of a reading's facts. What a decoder would have to format is kept as the numbers that it is
/// made of, and formatted when somebody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A measured value.
    Milli(Milli),
    /// Text.
    Text(Text<'a>),
    /// Bytes without a known meaning; printed as hex.
    Bytes(&'a [u8]),
    /// Three axes, or other small groups of three.
    Axes([i32; 3]),
    /// A rectangle in a picture, in the device's units: left, top, right, bottom.
    Rect([i32; 4]),
    /// A number that is written as sixteen lower-case hex digits.
    Id(u64),
    /// Sixteen bytes that are written as lower-case hex.
    Uuid([u8; 16]),
    /// A version of three numbers, written with points.
    Version([u8; 3]),
    /// Three numbers that are written one behind the other, with at least two, five and two digits.
    Serial(u8, u16, u8),
}

impl Value<'_> {
    /// Whether it has to be freed.
    #[inline(always)]
    fn on_heap(&self) -> bool {
        matches!(self, Self::Text(Text::Owned(_)))
    }

    /// The value as text; `None` for what is none.
    pub fn text(&self) -> Option<Text<'_>> {
        Some(match self {
            Self::Text(text) => Text::Borrowed(text),
            Self::Int(number) => Text::format(format_args!("{number}")),
            Self::Id(number) => Text::hex_u64(*number),
            Self::Uuid(bytes) => Text::hex_lower(bytes),
            Self::Version([major, minor, patch]) => Text::format(format_args!("{major}.{minor}.{patch}")),
            Self::Serial(a, b, c) => {
                Text::decimals([(u32::from(*a), 2), (u32::from(*b), 5), (u32::from(*c), 2)])
            }
            Self::Bool(_) | Self::Milli(_) | Self::Bytes(_) | Self::Axes(_) | Self::Rect(_) => {
                return None;
            }
        })
    }
}

/// The facts that have a name in a reading, but no field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Device,
    Record,
    Ticket,
    Tag,
    Firmware,
    ResetCause,
    VehicleText,
    Direction,
    Command,
}

/// What a fact is called.
#[derive(Clone, Copy, Debug)]
enum Name<'a> {
    Fact(Fact),
    More(&'a str),
}

/// As many facts as published frames of binary protocols state, so that none of those touches the heap.
const INLINE: usize = 28;

type Entry<'a> = (Name<'a>, Value<'a>);

/// Facts in the order in which they were stated.
///
/// What adds one is always inlined: the value is then built in its slot. Built elsewhere and copied, the copy waits for
/// the narrow stores that it reads with a wide load, which takes longer than the rest of a detector's frame.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts<'a> {
    /// Something in here lies on the heap: to look for it in each fact takes as long as to state them.
    heap: bool,
    /// What there was no more room for when others came.
    #[expect(clippy::box_collection, reason = "one word to clear in each reading, not three")]
    before: ManuallyDrop<Option<Box<Vec<Entry<'a>>>>>,
    latest: ManuallyDrop<ArrayVec<Entry<'a>, INLINE>>,
}

impl<'a> Facts<'a> {
    fn iter(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.before.iter().flat_map(|before| before.iter()).chain(self.latest.iter())
    }

    #[inline(always)]
    fn push(&mut self, name: Name<'a>, value: Value<'a>) {
        if self.latest.len() >= INLINE {
            self.make_room();
        }
        self.heap |= value.on_heap();
        // There is room: what could not be pushed does not exist.
        let _ = self.latest.try_push((name, value));
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        self.heap = true;
        self.before.get_or_insert_default().extend(self.latest.drain(..));
    }

    #[cold]
    #[inline(never)]
    fn free(&mut self) {
        self.latest.clear();
        drop(self.before.take());
    }

    /// Where the value of a fact that stands already is.
    fn slot(&mut self, fact: Fact) -> Option<&mut Value<'a>> {
        let before = self.before.iter_mut().flat_map(|before| before.iter_mut());
        let mut known = before.chain(self.latest.iter_mut());
        known.find(|(name, _)| matches!(name, Name::Fact(known) if *known == fact)).map(|(_, value)| value)
    }
}

impl Drop for Facts<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.heap {
            self.free();
        }
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $fact:ident;)+) => { $(
        $(#[$doc])*
        pub fn $name(&self) -> Option<Text<'_>> {
            self.fact(Fact::$fact)?.text()
        }
    )+ };
}

impl<'a> Reading<'a> {
    /// Adds to [`more`](Self::more).
    #[inline(always)]
    pub fn put(&mut self, name: &'a str, value: impl Into<Value<'a>>) {
        self.facts.push(Name::More(name), value.into());
    }

    /// What has no field or method here, by the names of the protocol's notes.
    pub fn more(&self) -> impl Iterator<Item = (&'a str, &Value<'a>)> {
        self.facts.iter().filter_map(|(name, value)| match name {
            Name::More(name) => Some((*name, value)),
            Name::Fact(_) => None,
        })
    }

    /// The value of [`more`](Self::more) with this name.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.more().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// States a fact, or nothing; a fact that stands already is replaced.
    #[inline(always)]
    pub(crate) fn set(&mut self, fact: Fact, value: Option<impl Into<Value<'a>>>) {
        let Some(value) = value else { return };
        let value = value.into();
        let on_heap = value.on_heap();
        match self.facts.slot(fact) {
            Some(slot) => {
                *slot = value;
                self.facts.heap |= on_heap;
            }
            None => self.facts.push(Name::Fact(fact), value),
        }
    }

    /// As [`set`](Self::set), for a fact that does not stand yet: nothing is looked for.
    #[inline(always)]
    pub(crate) fn put_fact(&mut self, fact: Fact, value: impl Into<Value<'a>>) {
        self.facts.push(Name::Fact(fact), value.into());
    }

    pub(crate) fn fact(&self, fact: Fact) -> Option<&Value<'a>> {
        self.facts
            .iter()
            .find(|(name, _)| matches!(name, Name::Fact(known) if *known == fact))
            .map(|(_, value)| value)
    }

    pub(super) fn states(&self, wanted: impl Fn(Fact) -> bool) -> bool {
        self.facts.iter().any(|(name, _)| matches!(name, Name::Fact(fact) if wanted(*fact)))
    }

    texts! {
        /// The vendor's own id of the record.
        record = Record;
        /// A paper ticket's number.
        ticket = Ticket;
        /// A tag or beacon in the vehicle.
        tag = Tag;
        /// The device's firmware.
        firmware = Firmware;
        /// Why the device started.
        reset_cause = ResetCause;
        /// The vehicle in the device's own words.
        vehicle_text = VehicleText;
        /// The device's raw direction code, for the site's `direction` map; printed in `more` as `direction`.
        direction_code = Direction;
        /// Which command an answer is to, by our id or the device's echo of it; printed in `more` as `command`.
        command = Command;
    }

    /// The device's own id.
    pub fn device(&self) -> Option<Text<'_>> {
        match self.started {
            Some(started) => Some(Text::hex_u64(started.device)),
            None => self.fact(Fact::Device)?.text(),
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! ints {
    ($($type:ty),+) => { $(impl From<$type> for Value<'_> {
        fn from(value: $type) -> Self {
            Self::Int(i64::from(value))
        }
    })+ };
}
ints!(u8, i8, u16, i16, u32, i32, i64);

impl From<Milli> for Value<'_> {
    fn from(value: Milli) -> Self {
        Self::Milli(value)
    }
}

impl<'a> From<Text<'a>> for Value<'a> {
    fn from(value: Text<'a>) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Text::Borrowed(value))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl From<[i32; 3]> for Value<'_> {
    fn from(value: [i32; 3]) -> Self {
        Self::Axes(value)
    }
}

impl From<[i32; 4]> for Value<'_> {
    fn from(value: [i32; 4]) -> Self {
        Self::Rect(value)
    }
}
