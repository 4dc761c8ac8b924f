//! Why reference data is refused.

use core::fmt;

use crate::tree::Fault;

/// Why a site is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteError {
    /// The name of the document, as the caller gave it.
    pub document: Box<str>,
    /// What is wrong, and where in the document.
    pub fault: Fault,
}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.document, self.fault)
    }
}

impl core::error::Error for SiteError {}

/// Why a change of reference data is refused; the version before stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceError {
    /// The record or its value does not validate.
    Invalid(Fault),
    /// `since` lies further back than frames may come late.
    TooFarBack,
    /// What is to be deleted is named by something that stays, or has open sessions.
    InUse,
    /// A lot's group is fixed when the lot is made.
    FixedGroup,
    /// What is to be deleted does not exist.
    Unknown,
}

impl ReferenceError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(fault) => fault.wrong.code(),
            Self::TooFarBack => "too_far_back",
            Self::InUse => "in_use",
            Self::FixedGroup => "fixed_group",
            Self::Unknown => "unknown",
        }
    }
}

impl From<Fault> for ReferenceError {
    fn from(fault: Fault) -> Self {
        Self::Invalid(fault)
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(fault) => fault.fmt(f),
            Self::TooFarBack => f.write_str("reference.since: further back than `late_window`"),
            Self::InUse => f.write_str("reference.id: still in use"),
            Self::FixedGroup => f.write_str("reference.value.group: a lot's group cannot change"),
            Self::Unknown => f.write_str("reference.id: there is no such entry to delete"),
        }
    }
}

impl core::error::Error for ReferenceError {}
