//! Why a document, a stay or a price was refused: a stable code, and the path of the field.

use core::fmt;

use parking_types::append_json_string;

/// The codes of refusals, in order of precedence: where several apply, the first is reported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Code {
    /// Not JSON, not UTF-8, or an object that names a field twice.
    BadJson,
    /// A field that the format does not have.
    UnknownField,
    /// A field that is missing, of the wrong type, out of range, or in the wrong place.
    BadField,
    /// A time zone that the IANA database does not have.
    UnknownTimeZone,
    /// A currency that ISO 4217 does not have.
    UnknownCurrency,
    /// A stay that ends before it begins.
    ExitBeforeEntry,
    /// No version of the tariff is in force at entry.
    NotInForce,
    /// No rule accepts the vehicle and no package fits.
    VehicleNotCovered,
    /// The stay is longer than is offered, or fits no package where there is nothing else.
    NotOffered,
    /// A date that the price depends on lies outside what the calendar covers.
    CalendarGap,
    /// A total beyond 10^12, a stay longer than 36,525 days, an entry before 1970 or after 2099.
    Overflow,
}

impl Code {
    /// All of them, in order of precedence.
    pub const ALL: &'static [Self] = &[
        Self::BadJson,
        Self::UnknownField,
        Self::BadField,
        Self::UnknownTimeZone,
        Self::UnknownCurrency,
        Self::ExitBeforeEntry,
        Self::NotInForce,
        Self::VehicleNotCovered,
        Self::NotOffered,
        Self::CalendarGap,
        Self::Overflow,
    ];

    /// The word for it in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::UnknownField => "unknown_field",
            Self::BadField => "bad_field",
            Self::UnknownTimeZone => "unknown_time_zone",
            Self::UnknownCurrency => "unknown_currency",
            Self::ExitBeforeEntry => "exit_before_entry",
            Self::NotInForce => "not_in_force",
            Self::VehicleNotCovered => "vehicle_not_covered",
            Self::NotOffered => "not_offered",
            Self::CalendarGap => "calendar_gap",
            Self::Overflow => "overflow",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A document (tariff, calendar, product) that was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DocumentError {
    code: Code,
    path: Box<str>,
    why: &'static str,
}

impl DocumentError {
    pub(crate) fn new(code: Code, path: impl Into<Box<str>>, why: &'static str) -> Self {
        Self { code, path: path.into(), why }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }
    /// The path of the field, e.g. `rules[2].charge.steps[0].every`; empty for the document as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }
    /// The sentence for people, without the path.
    pub fn why(&self) -> &'static str {
        self.why
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why)
    }
}
impl core::error::Error for DocumentError {}

/// A stay that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StayError {
    id: Option<Box<str>>,
    error: DocumentError,
}

impl StayError {
    pub(crate) fn new(id: Option<&str>, error: DocumentError) -> Self {
        Self { id: id.map(Box::from), error }
    }
    /// The stay's id, where it could be read.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
    /// The stable code.
    pub fn code(&self) -> Code {
        self.error.code
    }
    /// The path of the field; empty for the stay as a whole.
    pub fn path(&self) -> &str {
        &self.error.path
    }
    /// `{"id":…,"error":{…}}`, as it takes the receipt's place in a stream.
    pub fn to_json(&self) -> String {
        error_object(self.id(), self.code(), self.error.why, self.path())
    }
}

impl fmt::Display for StayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
impl core::error::Error for StayError {}

/// A stay that has no price. It is `Copy` and holds no text of the caller's; a total or the lack of one has two words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PriceError {
    reason: &'static Reason,
    /// The index of the payment that `path` names.
    payment: Option<u32>,
}

/// Why there is no price.
#[derive(PartialEq, Eq, Debug)]
struct Reason {
    code: Code,
    path: &'static str,
    why: &'static str,
}

/// Each lack of a price as a constant of its own.
macro_rules! reasons {
    ($($name:ident = $code:ident, $path:literal, $why:expr;)*) => {
        impl PriceError {
            $(pub(crate) const $name: Self =
                Self { reason: &Reason { code: Code::$code, path: $path, why: $why }, payment: None };)*
        }
    };
}

const GAP: &str = "the calendar does not cover a date that the price depends on";

reasons! {
    OVERFLOW = Overflow, "", "the total is beyond what can be charged";
    EXIT_BEFORE_ENTRY = ExitBeforeEntry, "exit", "the stay ends before it begins";
    NOT_IN_FORCE = NotInForce, "entry", "the tariff is not in force at entry";
    TOO_LONG = NotOffered, "exit", "the stay is longer than is offered";
    NO_PACKAGE = NotOffered, "exit", "the stay fits no package";
    NOT_COVERED = VehicleNotCovered, "vehicle", "no rule accepts the vehicle and no package fits";
    GAP_AT_ENTRY = CalendarGap, "entry", GAP;
    GAP_AT_EXIT = CalendarGap, "exit", GAP;
    LATE_PAYMENT = BadField, "at", "a payment after the exit";
}

impl PriceError {
    pub(crate) fn payment_after_exit(index: usize) -> Self {
        Self { payment: Some(u32::try_from(index).unwrap_or(u32::MAX)), ..Self::LATE_PAYMENT }
    }

    /// The stable code.
    pub const fn code(&self) -> Code {
        self.reason.code
    }
    /// The path of the stay's field, e.g. `exit`; empty where no single field is to blame.
    pub fn path(&self) -> String {
        match self.payment {
            Some(index) => format!("paid[{index}].{}", self.reason.path),
            None => self.reason.path.to_owned(),
        }
    }
}

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.why)
    }
}
impl core::error::Error for PriceError {}

/// `{"id":…,"error":{"code","message","path"}}` of a stay that cannot be priced.
pub fn error_json(id: Option<&str>, error: &PriceError) -> String {
    error_object(id, error.code(), error.reason.why, &error.path())
}

/// The error object of a document that cannot be used: `{"error":{"code","message","path"}}`.
pub fn document_error_json(error: &DocumentError) -> String {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"error\":");
    write_error(&mut out, error.code, error.why, &error.path);
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}

fn error_object(id: Option<&str>, code: Code, why: &str, path: &str) -> String {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"id\":");
    match id {
        Some(id) => append_json_string(&mut out, id),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"error\":");
    write_error(&mut out, code, why, path);
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}

fn write_error(out: &mut Vec<u8>, code: Code, why: &str, path: &str) {
    out.extend_from_slice(b"{\"code\":");
    append_json_string(out, code.as_str());
    out.extend_from_slice(b",\"message\":");
    append_json_string(out, why);
    out.extend_from_slice(b",\"path\":");
    append_json_string(out, path);
    out.push(b'}');
}
