//! What people, partners and payments do (`manual`): a strict reader of one JSON document into a typed [`Action`].
//!
//! An action is no reading: it says what somebody decided, and names itself by an id that is its idempotency key.
//! Unknown fields, fields that the action does not have, repeated ones and wrong values are errors that name the
//! place. [`Action::write_json`] writes the one canonical form, and [`Action::digest`] is taken from that, so that a
//! copy with other blanks or another order of its keys has the same digest.

use parking_types::{Amount, Currency, Id, Instant, Plate, PlateColor, Span, VehicleClass, words};
use sha2::{Digest, Sha256};

use crate::error::DecodeError;

mod read;
mod target;
mod write;

words! {
    /// What kind of somebody acts.
    ByKind {
        /// An operator's user.
        User = "user",
        /// A patrol officer.
        Patrol = "patrol",
        /// A car's owner.
        Owner = "owner",
        /// A partner's system.
        Partner = "partner",
        /// A program of ours.
        System = "system",
    }
}

words! {
    /// How a payment was made.
    Method {
        /// From a prepaid balance.
        Balance = "balance",
        /// WeChat Pay.
        Wechat = "wechat",
        /// Alipay.
        Alipay = "alipay",
        /// UnionPay.
        Unionpay = "unionpay",
        /// A bank transfer or contract.
        Bank = "bank",
        /// Cash.
        Cash = "cash",
        /// A card.
        Card = "card",
        /// Electronic toll collection.
        Etc = "etc",
    }
}

words! {
    /// What a picture shows.
    ImageKind {
        /// The entry.
        Entry = "entry",
        /// The exit.
        Exit = "exit",
        /// The scene.
        Scene = "scene",
    }
}

words! {
    /// A command to a gate; the last three set the lane's mode.
    GateCommand {
        /// Open once.
        Open = "open",
        /// Close.
        Close = "close",
        /// The arm stays up.
        Hold = "hold",
        /// The arm stays down.
        Lock = "lock",
        /// Back to normal.
        Normal = "normal",
    }
}

words! {
    /// A command to a ground lock.
    LockCommand {
        /// Bar up.
        Raise = "raise",
        /// Bar down.
        Lower = "lower",
    }
}

words! {
    /// Where an adjustment comes from.
    AdjustSource {
        /// A coupon.
        Coupon = "coupon",
        /// A marketing activity.
        Activity = "activity",
        /// A complaint.
        Complaint = "complaint",
        /// A person's decision.
        Person = "person",
    }
}

words! {
    /// From which end of a stay time is taken off.
    StayEnd {
        /// Its start.
        Start = "start",
        /// Its end.
        End = "end",
    }
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// What kind of somebody.
    pub kind: ByKind,
    /// Who exactly.
    pub id: Id,
}

/// What an action is aimed at. A session's id as written may name nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This session.
    Session(Id),
    /// The session of this berth.
    Berth(Id),
    /// The session of this plate in this lot.
    LotPlate(Id, Plate),
    /// The session of this ticket in this lot.
    LotTicket(Id, Id),
    /// The session that waits at this lane, or the lane itself.
    Lane(Id),
    /// This lot.
    Lot(Id),
    /// Nothing: a reversed payment finds its session itself, and a payment that names none is still money.
    None,
}

/// One item of an adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Time that is not charged, taken from one end of the stay.
    TimeOff(Span, StayEnd),
    /// This amount instead of the calculated one.
    Instead(Amount),
    /// The amount times this factor.
    Multiply(Amount),
    /// Per cent off.
    PercentOff(Amount),
    /// An amount off.
    AmountOff(Amount),
}

/// One item of an adjustment and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// What it changes.
    pub change: Change,
    /// Where it comes from.
    pub source: Option<AdjustSource>,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The payment's id, its idempotency key together with `part`.
    pub payment: Id,
    /// Which part, where it covers several sessions.
    pub part: Option<Box<str>>,
    /// How much.
    pub amount: Amount,
    /// In which currency.
    pub currency: Currency,
    /// The instant of the price that it answers.
    pub quoted_at: Option<Instant>,
    /// How it was made.
    pub method: Option<Method>,
    /// Where it was made, in the channel's words.
    pub scene: Option<Box<str>>,
    /// Through which channel.
    pub channel: Option<Box<str>>,
    /// The channel's own order number.
    pub channel_ref: Option<Box<str>>,
    /// Who paid, in the channel's words.
    pub payer: Option<Box<str>>,
}

/// What is known about a vehicle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VehicleFacts {
    /// Its plate.
    pub plate: Option<Plate>,
    /// The plate's colour.
    pub plate_color: Option<PlateColor>,
    /// Its class.
    pub vehicle: Option<VehicleClass>,
}

/// A picture kept with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// SHA-256 of the picture.
    pub image: [u8; 32],
    /// What it shows.
    pub kind: ImageKind,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Opens a session, or supplies the entry of one that has none.
    Entry {
        /// What is known about the vehicle.
        vehicle: VehicleFacts,
        /// Its ticket.
        ticket: Option<Id>,
        /// The exit, needed where the berth has a later session.
        exit: Option<Instant>,
        /// Through which lane, where the target is a session.
        lane: Option<Id>,
        /// On which berth, where the target is a session.
        berth: Option<Id>,
    },
    /// Closes the session.
    Exit,
    /// Supplements or corrects the vehicle.
    Plate(VehicleFacts),
    /// Corrects when.
    Times {
        /// The true entry.
        entry: Option<Instant>,
        /// The true exit.
        exit: Option<Instant>,
    },
    /// Corrects where.
    Berth(Id),
    /// Joins sessions into the target.
    Merge(Vec<Id>),
    /// Makes the order void.
    Void,
    /// Takes a void back.
    Restore,
    /// Replaces the session's list of adjustments.
    Adjust(Vec<Adjustment>),
    /// Money came.
    Payment(Box<Payment>),
    /// Money went back.
    PaymentReversed {
        /// Which payment.
        payment: Id,
        /// Which part of it.
        part: Option<Box<str>>,
    },
    /// Pictures to keep.
    Evidence(Vec<Evidence>),
    /// Moves a gate or sets its lane's mode.
    Gate(GateCommand),
    /// Moves a ground lock.
    GroundLock(LockCommand),
    /// Corrects how many cars are inside.
    Count {
        /// The true number.
        open: u32,
    },
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The idempotency key.
    pub id: Id,
    /// When; absent: when the record was received.
    pub at: Option<Instant>,
    /// Who.
    pub by: By,
    /// Why; may be empty.
    pub reason: Box<str>,
    /// At what.
    pub target: Target,
    /// What.
    pub verb: Verb,
}

impl Verb {
    /// The word in `action`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Entry { .. } => "entry",
            Self::Exit => "exit",
            Self::Plate(_) => "plate",
            Self::Times { .. } => "times",
            Self::Berth(_) => "berth",
            Self::Merge(_) => "merge",
            Self::Void => "void",
            Self::Restore => "restore",
            Self::Adjust(_) => "adjust",
            Self::Payment(_) => "payment",
            Self::PaymentReversed { .. } => "payment_reversed",
            Self::Evidence(_) => "evidence",
            Self::Gate(_) => "gate",
            Self::GroundLock(_) => "ground_lock",
            Self::Count { .. } => "count",
        }
    }
}

impl Action {
    /// Reads one action.
    ///
    /// ```
    /// use device_codec::manual::{Action, GateCommand, Target, Verb};
    /// let action = Action::parse(br#"{"id":"act-12","action":"gate","at":"2026-03-02T07:00:00+08:00",
    ///     "by":{"kind":"user","id":"u-1"},"reason":"wedding","lane":"G1-out","command":"hold"}"#)?;
    /// assert_eq!(action.verb, Verb::Gate(GateCommand::Hold));
    /// assert!(matches!(action.target, Target::Lane(lane) if lane.as_str() == "G1-out"));
    /// # Ok::<(), device_codec::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`DecodeError`] with the offset and the field's path: `missing`, `unknown` (also a field that this action does
    /// not have), `repeated`, `value`, `syntax`; and `unsupported` where the action itself is none of the list.
    pub fn parse(payload: &[u8]) -> Result<Self, DecodeError> {
        read::action(payload)
    }

    /// Appends the action in its canonical form: fixed order of keys, instants in UTC, no blanks.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        write::action(self, out);
    }

    /// The first eight bytes of the SHA-256 of the canonical form: the same id with another digest is a conflict.
    pub fn digest(&self) -> u64 {
        let mut json = Vec::with_capacity(256);
        self.write_json(&mut json);
        let digest = Sha256::digest(&json);
        digest.iter().take(8).fold(0, |sum, b| sum << 8 | u64::from(*b))
    }
}

#[cfg(test)]
mod tests;
