//! What follows a message's fixed part: type, length, data, padded to eight bytes.

use crate::error::{DecodeError, ErrorCode};
use crate::reader::Reader;
use crate::trace::Trace;

/// A receiver that does not know the type refuses the frame.
const MUST_UNDERSTAND: u16 = 0x8000;

/// The types; `docs/native-frame.md`, "TLVs".
pub mod kind {
    /// The plate as the camera's own software wrote it: charset (0 UTF-8, 1 GBK), then bytes.
    pub const RAW_PLATE: u16 = 1;
    /// The vendor's own id of the record, UTF-8.
    pub const RECORD: u16 = 2;
    /// A photo: SHA-256, kind, three zero bytes, then where it can be fetched.
    pub const IMAGE: u16 = 3;
    /// Another plate that it may have been: confidence u16, colour, zero, then UTF-8.
    pub const CANDIDATE: u16 = 4;
    /// What the device already did at the gate: one byte, as a command's action.
    pub const GATE_ACTION: u16 = 5;
    /// Induction loops: one byte, as in a heartbeat.
    pub const LOOPS: u16 = 6;
    /// Bytes that came in through a serial port: port, then data.
    pub const SERIAL: u16 = 7;
    /// Text to show, UTF-8.
    pub const SHOW: u16 = 8;
    /// Text to say, UTF-8.
    pub const SAY: u16 = 9;
    /// The vehicle in the device's own words, UTF-8.
    pub const VEHICLE: u16 = 10;
    /// A ticket's number, UTF-8.
    pub const TICKET: u16 = 11;
    /// A tag or beacon in the vehicle, UTF-8.
    pub const TAG: u16 = 12;
    /// The firmware in the vendor's own words, UTF-8.
    pub const FIRMWARE: u16 = 13;
    /// What is wrong, UTF-8.
    pub const DETAIL: u16 = 14;
    /// Who gave a command, UTF-8.
    pub const ACTOR: u16 = 15;
    /// The last type that this version knows.
    pub(crate) const LAST: u16 = ACTOR;
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// One of [`kind`](self::kind), without the must-understand bit.
    pub kind: u16,
    /// Its data.
    pub data: &'a [u8],
    /// Where the data begin in the frame.
    offset: usize,
}

impl<'a> Tlv<'a> {
    /// Its data as text.
    ///
    /// # Errors
    /// [`ErrorCode::Encoding`] where they are not UTF-8.
    pub fn text(&self) -> Result<&'a str, DecodeError> {
        core::str::from_utf8(self.data)
            .map_err(|e| DecodeError::new(ErrorCode::Encoding, self.offset + e.valid_up_to(), "tlv_data"))
    }
}

/// Goes through them; ends after the first error.
#[derive(Clone, Copy)]
pub(crate) struct Tlvs<'a, T: Trace> {
    bytes: Reader<'a, T>,
    at: usize,
}

impl<'a, T: Trace> Tlvs<'a, T> {
    pub(super) fn new(bytes: Reader<'a, T>) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == 0
    }

    fn read(&mut self) -> Result<Tlv<'a>, DecodeError> {
        let at = core::mem::replace(&mut self.at, usize::MAX);
        let word = self.bytes.u16_le(at, "tlv_type")?;
        let kind = word & !MUST_UNDERSTAND;
        if word & MUST_UNDERSTAND != 0 && !(1..=kind::LAST).contains(&kind) {
            return Err(self.bytes.error(ErrorCode::Version, at, "tlv_type"));
        }
        let len = usize::from(self.bytes.u16_le(at + 2, "tlv_len")?);
        let data = self.bytes.slice(at + 4, len, "tlv_data")?;
        let end = at + (4 + len).next_multiple_of(8);
        self.bytes.part(at, end - at, "tlv_padding")?;
        self.at = end;
        Ok(Tlv { kind, data, offset: self.bytes.offset() + at + 4 })
    }
}

impl<'a, T: Trace> Iterator for Tlvs<'a, T> {
    type Item = Result<Tlv<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.at < self.bytes.len()).then(|| self.read())
    }
}

/// Appends one, padded; `None` and nothing appended where the data are longer than 65,535 bytes.
pub fn push(tlvs: &mut Vec<u8>, kind: u16, data: &[u8]) -> Option<()> {
    let len = u16::try_from(data.len()).ok()?;
    tlvs.extend_from_slice(&kind.to_le_bytes());
    tlvs.extend_from_slice(&len.to_le_bytes());
    tlvs.extend_from_slice(data);
    tlvs.resize(tlvs.len().next_multiple_of(8), 0);
    Some(())
}
