//! `barrier-aa55`: the barrier board, 9600 8N1. Its sum over two or three bytes is weak: ask after every command.

use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    protocol::{Numbering, Out, ProtocolInfo},
    reader::Reader,
    reading::{GateState, Kind, Reading},
    trace::Trace,
};

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "barrier boards AA 55, RS-485",
    says: &["gate", "debug", "gate_state", "at_limit", "loop"],
    commands: crate::command::BARRIER,
    numbering: Numbering::None,
    tells_change: false,
    ..ProtocolInfo::BINARY
};

/// Offsets of the frame; the sum is over what stands between the head and it.
mod at {
    pub(super) const COMMAND: usize = 2;
    pub(super) const ARM: usize = 3;
    pub(super) const LOOP: usize = 4;
}

/// The length of a command.
const COMMAND_LEN: usize = 5;
/// The length of a status.
const STATUS_LEN: usize = 6;

/// A status of the board, or a command to it.
#[inline]
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    frame.marker(0, 0xaa, "head")?;
    frame.marker(1, 0x55, "head")?;
    let command = frame.u8(at::COMMAND, "command")?;
    let is_status = frame.len() > COMMAND_LEN;
    frame.exactly(if is_status { STATUS_LEN } else { COMMAND_LEN })?;
    let sum_at = frame.len() - 1;
    let mut reading = Reading::new(Kind::Gate);
    if is_status { status(&frame, &mut reading) } else { told(&frame, command, &mut reading) }?;
    let summed = frame.slice(at::COMMAND, sum_at - at::COMMAND, "summed")?;
    let sum = summed.iter().fold(0u8, |sum, b| sum.wrapping_add(*b));
    if frame.u8(sum_at, "sum")? != sum {
        return Err(frame.error(ErrorCode::Checksum, sum_at, "sum"));
    }
    out(&reading);
    Ok(())
}

fn status<T: Trace>(frame: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    let state = match frame.u8(at::ARM, "arm")? {
        1 => GateState::Open,
        2 => GateState::Closed,
        3 => GateState::Between,
        _ => return Err(frame.error(ErrorCode::Value, at::ARM, "arm")),
    };
    frame.means(|| state.to_string());
    reading.gate_state = Some(state);
    reading.at_limit = Some(state != GateState::Between);
    reading.on_loop = match frame.u8(at::LOOP, "loop")? {
        1 => Some(false),
        2 => Some(true),
        _ => return Err(frame.error(ErrorCode::Value, at::LOOP, "loop")),
    };
    Ok(())
}

fn told<T: Trace>(frame: &Reader<'_, T>, command: u8, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    reading.kind = Kind::Debug;
    let word = match command {
        1 => "open",
        2 => "stop",
        3 => "close",
        4 => "query",
        _ => return Err(frame.error(ErrorCode::Kind, at::COMMAND, "command")),
    };
    reading.put("sent", word);
    Ok(())
}
