//! `manual` in the table of protocols: its frames are actions, not readings.

use crate::context::Context;
use crate::error::DecodeError;
use crate::manual::Action;
use crate::protocol::{Out, ProtocolInfo};
use crate::reader::Reader;
use crate::trace::Trace;

pub(super) const INFO: ProtocolInfo = ProtocolInfo {
    title: "What people, partners and payments do; an action, not a reading",
    ..ProtocolInfo::JSON
};

/// Checks the action and gives no reading; [`Action::parse`] gives the action.
pub(super) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    _: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    Action::parse(frame.all()).map(drop)
}
