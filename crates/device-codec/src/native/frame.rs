//! The frame around a message: header, checksum, lengths.

use parking_types::Instant;

use super::flag;
use super::message::{Heartbeat, Message};
use super::tag::{Key, TAG_LEN};
use super::tlv::{Tlv, Tlvs};
use crate::crc32c::crc32c;
use crate::error::{DecodeError, ErrorCode};
use crate::reader::Reader;
use crate::trace::{Quiet, Trace};

/// Offsets in the header; `docs/native-frame.md`, "Header".
pub(crate) mod at {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const CRC: usize = 4;
    /// The checksum covers everything from here to the frame's end, the tag from here to its own beginning.
    pub(crate) const COVERED: usize = 8;
    pub(crate) const MAJOR: usize = 8;
    pub(crate) const HEADER_WORDS: usize = 9;
    pub(crate) const FLAGS: usize = 10;
    pub(crate) const MESSAGE: usize = 12;
    pub(crate) const FIXED_LEN: usize = 14;
    pub(crate) const PAYLOAD_LEN: usize = 16;
    pub(crate) const KEY_ID: usize = 20;
    pub(crate) const DEVICE_ID: usize = 24;
    pub(crate) const BOOT_ID: usize = 32;
    pub(crate) const SEQ: usize = 36;
    pub(crate) const SENT_AT: usize = 40;
}

/// The first four bytes: one that is no ASCII, `PK`, and a line feed, which text-mode transfers mangle.
pub(super) const MAGIC: [u8; 4] = [0xf5, 0x50, 0x4b, 0x0a];
const MAJOR: u8 = 1;
const HEADER_LEN: usize = 48;
/// The header and the fixed part of a heartbeat.
pub(crate) const PLAIN_LEN: usize = HEADER_LEN + Heartbeat::LEN;
/// And its tag.
pub(crate) const PLAIN_TAGGED_LEN: usize = PLAIN_LEN + TAG_LEN;
/// The longest payload.
const MAX_PAYLOAD: u32 = 65_536;
/// The longest frame: the longest header that its byte can say, the longest payload and a tag.
pub const MAX_FRAME: usize = 255 * 8 + MAX_PAYLOAD as usize + TAG_LEN;

/// What the header says of a frame's sender and number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Bits of [`flag`]; [`flag::TAG`] is set by the encoder.
    pub flags: u16,
    /// Which of the device's keys made the tag; 0 without one.
    pub key_id: u32,
    /// The device, in both directions.
    pub device_id: u64,
    /// How often the device has started; kept across starts.
    pub boot_id: u32,
    /// The frame's number in this boot, from 1; 0 for frames to the device.
    pub seq: u32,
    /// When it was sent, by the sender's clock; `None` while that is not set.
    pub sent_at: Option<Instant>,
}

/// The header's numbers that are about the frame itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    crc: u32,
    payload_len: u32,
    pub(crate) message: u16,
    header_len: u16,
    fixed_len: u16,
    flags: u16,
}

/// A whole frame whose lengths and checksum are right.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    layout: Layout,
}

/// What the front of a stream of bytes holds.
#[derive(Clone, Copy, Debug)]
pub enum Split<'a> {
    /// A whole frame; its length is [`Frame::len`].
    Complete(Frame<'a>),
    /// The beginning of one: at least this many bytes in all are needed to say more.
    NeedMore(usize),
    /// No frame: skip this many bytes, up to what may be the next one's first byte.
    Skip(usize, DecodeError),
}

/// µs since 1970 as an instant; 0 stands for "not known".
pub(crate) fn instant(micros: i64) -> Option<Instant> {
    if micros == 0 { None } else { micros.checked_mul(1000).map(Instant::from_nanos) }
}

/// An instant as µs since 1970, cut to whole ones; 0 stands for "not known".
pub(super) fn micros(at: Option<Instant>) -> i64 {
    at.map_or(0, |at| at.as_nanos().div_euclid(1000))
}

/// Reads and checks what the header says of the frame itself; the frame may go on or end after it.
///
/// Where all of it is there, it is read from an array, so that one comparison stands for those of all its fields.
#[inline(always)]
fn layout<T: Trace>(frame: &Reader<'_, T>) -> Result<Layout, DecodeError> {
    match frame.all().first_chunk::<HEADER_LEN>() {
        Some(array) => layout_fields(&Reader::new(array, frame.trace())),
        None => layout_fields(frame),
    }
}

#[inline(always)]
fn layout_fields<T: Trace>(frame: &Reader<'_, T>) -> Result<Layout, DecodeError> {
    if frame.array::<4>(at::MAGIC, "magic")? != MAGIC {
        return Err(frame.error(ErrorCode::Marker, at::MAGIC, "magic"));
    }
    let crc = frame.u32_le(at::CRC, "crc32c")?;
    if frame.u8(at::MAJOR, "major")? != MAJOR {
        return Err(frame.error(ErrorCode::Version, at::MAJOR, "major"));
    }
    let header_len = u16::from(frame.u8(at::HEADER_WORDS, "header_words")?) * 8;
    frame.means(|| format!("{header_len} bytes of header"));
    if usize::from(header_len) < HEADER_LEN {
        return Err(frame.error(ErrorCode::Length, at::HEADER_WORDS, "header_words"));
    }
    let flags = frame.u16_le(at::FLAGS, "flags")?;
    frame.means(|| flags_text(flags));
    if flags & flag::MUST_UNDERSTAND & !flag::KNOWN != 0 {
        return Err(frame.error(ErrorCode::Version, at::FLAGS, "flags"));
    }
    let message = frame.u16_le(at::MESSAGE, "message")?;
    frame.means(|| super::message::name(message).to_owned());
    let fixed_len = frame.u16_le(at::FIXED_LEN, "fixed_len")?;
    let payload_len = frame.u32_le(at::PAYLOAD_LEN, "payload_len")?;
    if payload_len > MAX_PAYLOAD {
        return Err(frame.error(ErrorCode::TooLarge, at::PAYLOAD_LEN, "payload_len"));
    }
    if !payload_len.is_multiple_of(8) {
        return Err(frame.error(ErrorCode::Length, at::PAYLOAD_LEN, "payload_len"));
    }
    if !fixed_len.is_multiple_of(8) || u32::from(fixed_len) > payload_len {
        return Err(frame.error(ErrorCode::Length, at::FIXED_LEN, "fixed_len"));
    }
    // The rest of the header is there, or the frame ends too early.
    frame.at_least(HEADER_LEN)?;
    Ok(Layout { crc, payload_len, message, header_len, fixed_len, flags })
}

/// Reads what the header says of the sender.
#[inline(always)]
pub(crate) fn head<T: Trace>(frame: &Reader<'_, T>, layout: &Layout) -> Result<Head, DecodeError> {
    match frame.all().first_chunk::<HEADER_LEN>() {
        Some(array) => head_fields(&Reader::new(array, frame.trace()), layout.flags),
        None => head_fields(frame, layout.flags),
    }
}

#[inline(always)]
fn head_fields<T: Trace>(frame: &Reader<'_, T>, flags: u16) -> Result<Head, DecodeError> {
    let key_id = frame.u32_le(at::KEY_ID, "key_id")?;
    let device_id = frame.u64_le(at::DEVICE_ID, "device_id")?;
    frame.means(|| format!("{device_id:016x}"));
    let boot_id = frame.u32_le(at::BOOT_ID, "boot_id")?;
    let seq = frame.u32_le(at::SEQ, "seq")?;
    let sent_at = instant(frame.i64_le(at::SENT_AT, "sent_at")?);
    frame.means(|| sent_at.map_or("clock not set".to_owned(), |at| at.to_string()));
    Ok(Head { flags, key_id, device_id, boot_id, seq, sent_at })
}

/// A heartbeat of exactly this version without TLVs, from a device that has nothing to send again: most of what devices
/// send. All that its header says of the frame itself is known, so few comparisons stand for those of [`layout`].
#[derive(Clone, Copy)]
pub(crate) struct PlainHeartbeat<'a, const LEN: usize> {
    whole: &'a [u8; LEN],
    front: &'a [u8; PLAIN_LEN],
}

impl<'a, const LEN: usize> PlainHeartbeat<'a, LEN> {
    /// Looks at all but the checksum; what is no such frame, be it wrong or only flagged, is to be read field by field.
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        const fn shifted(value: u16, at: usize) -> u64 {
            (value as u64) << (8 * (at - at::MAJOR))
        }
        const KNOWN: u64 = shifted(MAJOR as u16, at::MAJOR)
            | shifted(HEADER_LEN as u16 / 8, at::HEADER_WORDS)
            | shifted(Heartbeat::KIND, at::MESSAGE)
            | shifted(Heartbeat::LEN as u16, at::FIXED_LEN);
        const ANY: u64 = shifted(!(flag::MUST_UNDERSTAND & !flag::ACK_WANTED), at::FLAGS);
        let whole = bytes.as_array::<LEN>()?;
        let front = whole.first_chunk::<PLAIN_LEN>()?;
        let tag = if LEN == PLAIN_LEN { 0 } else { shifted(flag::TAG, at::FLAGS) };
        let reader = Reader::new(front, Quiet);
        let known = reader.array::<4>(at::MAGIC, "").ok()? == MAGIC
            && reader.u64_le(at::MAJOR, "").ok()? & !ANY == KNOWN | tag
            && reader.u32_le(at::PAYLOAD_LEN, "").ok()? as usize == Heartbeat::LEN
            && reader.u32_le(HEADER_LEN, "queued").ok()? == 0;
        known.then_some(Self { whole, front })
    }

    /// What the header says of the sender.
    #[inline(always)]
    pub(crate) fn head(self) -> Option<Head> {
        let frame = Reader::new(self.front, Quiet);
        head_fields(&frame, frame.u16_le(at::FLAGS, "flags").ok()?).ok()
    }

    /// The message.
    #[inline(always)]
    pub(crate) fn message(self) -> Option<Heartbeat> {
        Heartbeat::read(&Reader::new(self.front, Quiet).part(HEADER_LEN, Heartbeat::LEN, "fixed").ok()?).ok()
    }

    /// Whether the checksum is right. To be asked last, but before anything is believed: eight bytes that are read for the
    /// checksum first are taken apart for the fields in them, which takes longer than to read those.
    #[inline(always)]
    pub(crate) fn is_sound(self, crc32c: impl Fn(&[u8]) -> u32) -> bool {
        let (Ok(sum), Some(covered)) =
            (Reader::new(self.front, Quiet).u32_le(at::CRC, ""), self.whole.get(at::COVERED..))
        else {
            return false;
        };
        sum == crc32c(covered)
    }
}

fn flags_text(flags: u16) -> String {
    const NAMES: [&str; 6] = ["retransmit", "offline", "ack wanted", "tag", "encrypted", "test"];
    let set = NAMES.iter().enumerate().filter(|(bit, _)| flags & (1 << bit) != 0).map(|(_, name)| *name);
    set.collect::<Vec<_>>().join(", ")
}

/// Checks the bytes of one whole frame.
#[inline(always)]
pub(crate) fn check<T: Trace>(frame: &Reader<'_, T>) -> Result<Layout, DecodeError> {
    let checked = layout(frame).and_then(|layout| layout.check(frame).map(|()| layout));
    if checked.is_err() {
        // For whoever prints a broken frame: the sender may still be readable.
        let _ = head_fields(frame, 0);
    }
    checked
}

impl Layout {
    fn tagged(&self) -> bool {
        self.flags & flag::TAG != 0
    }

    #[inline]
    fn frame_len(&self) -> usize {
        usize::from(self.header_len) + self.payload_len as usize + if self.tagged() { TAG_LEN } else { 0 }
    }

    /// Checks the length, the checksum and that the payload can be read.
    #[inline(always)]
    fn check<T: Trace>(&self, frame: &Reader<'_, T>) -> Result<(), DecodeError> {
        frame.exactly(self.frame_len())?;
        let covered = frame.all().get(at::COVERED..).unwrap_or_default();
        if self.crc != crc32c(covered) {
            return Err(frame.error(ErrorCode::Checksum, at::CRC, "crc32c"));
        }
        if self.flags & flag::ENCRYPTED != 0 {
            return Err(frame.error(ErrorCode::Encrypted, at::FLAGS, "flags"));
        }
        Ok(())
    }

    /// The fixed part of the message.
    #[inline]
    pub(crate) fn fixed<'a, T: Trace>(&self, frame: &Reader<'a, T>) -> Result<Reader<'a, T>, DecodeError> {
        frame.part(usize::from(self.header_len), usize::from(self.fixed_len), "fixed")
    }

    /// The TLVs behind the fixed part.
    pub(crate) fn tlvs<'a, T: Trace>(&self, frame: &Reader<'a, T>) -> Result<Tlvs<'a, T>, DecodeError> {
        let fixed_len = usize::from(self.fixed_len);
        let len = (self.payload_len as usize).saturating_sub(fixed_len);
        frame.part(usize::from(self.header_len) + fixed_len, len, "tlvs").map(Tlvs::new)
    }
}

impl<'a> Frame<'a> {
    /// Checks the bytes of exactly one frame: magic, version, lengths, checksum. The tag is checked by
    /// [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`DecodeError`] with the offset of the field that is wrong.
    #[inline]
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let layout = check(&Reader::new(bytes, Quiet))?;
        Ok(Self { bytes, layout })
    }

    /// Looks for a frame at the front of a stream. Nothing that is announced is believed beyond [`MAX_FRAME`].
    ///
    /// ```
    /// use device_codec::native::{Frame, Head, Message, Split, TimeRequest};
    /// let bytes = Message::TimeRequest(TimeRequest { t1: 5 }).encode(&Head::default(), None);
    /// assert!(matches!(Frame::split(&bytes[..47]), Split::NeedMore(48)));
    /// assert!(matches!(Frame::split(&bytes), Split::Complete(frame) if frame.len() == 56));
    /// assert!(matches!(Frame::split(b"noise"), Split::Skip(5, _)));
    /// ```
    pub fn split(stream: &'a [u8]) -> Split<'a> {
        // The shortest beginning that a frame can have tells noise from it; so does each later field.
        let here = stream.iter().zip(MAGIC).all(|(have, wanted)| *have == wanted);
        if !here {
            let error = DecodeError::new(ErrorCode::Marker, at::MAGIC, "magic");
            return Split::Skip(next_start(stream), error);
        }
        let layout = match layout(&Reader::new(stream, Quiet)) {
            Ok(layout) => layout,
            Err(error) if error.code == ErrorCode::Truncated => return Split::NeedMore(HEADER_LEN),
            Err(error) => return Split::Skip(next_start(stream), error),
        };
        match stream.get(..layout.frame_len()).map(Self::new_checked) {
            None => Split::NeedMore(layout.frame_len()),
            Some(Ok(frame)) => Split::Complete(frame),
            // The lengths hold, so an encrypted frame is a frame, and is passed over whole.
            Some(Err(error)) if error.code == ErrorCode::Encrypted => Split::Skip(layout.frame_len(), error),
            Some(Err(error)) => Split::Skip(next_start(stream), error),
        }
    }

    /// How many bytes it has.
    #[expect(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Sender, number and flags.
    #[inline]
    pub fn head(&self) -> Head {
        head(&Reader::new(self.bytes, Quiet), &self.layout).unwrap_or_default()
    }

    /// Whether a tag follows the payload; a sender that has a key always adds one.
    pub fn is_tagged(&self) -> bool {
        self.layout.tagged()
    }

    /// Checks the tag in constant time.
    ///
    /// # Errors
    /// [`ErrorCode::Tag`] where it does not fit or there is none.
    pub fn verify(&self, key: &Key) -> Result<(), DecodeError> {
        let end = self.bytes.len() - TAG_LEN.min(self.bytes.len());
        let (covered, tag) = self.bytes.split_at(end);
        let covered = covered.get(at::COVERED..).unwrap_or_default();
        if self.layout.tagged() && key.fits(covered, tag) {
            return Ok(());
        }
        Err(DecodeError::new(ErrorCode::Tag, end, "tag"))
    }

    /// The message; `None` for a type that this version does not know, which is no error.
    ///
    /// # Errors
    /// [`ErrorCode::Length`] where its fixed part is shorter than this version's.
    #[inline]
    pub fn message(&self) -> Result<Option<Message>, DecodeError> {
        let fixed = self.layout.fixed(&Reader::new(self.bytes, Quiet))?;
        Message::read(self.layout.message, &fixed)
    }

    /// What follows the message's fixed part; it ends after the first error.
    pub fn tlvs(&self) -> impl Iterator<Item = Result<Tlv<'a>, DecodeError>> + use<'a> {
        let reader = Reader::new(self.bytes, Quiet);
        self.layout.tlvs(&reader).unwrap_or_else(|_| Tlvs::new(Reader::new(&[], Quiet)))
    }
}

/// How many bytes to drop so that the stream begins with what may be a magic, or is empty.
fn next_start(stream: &[u8]) -> usize {
    let tail = stream.get(1..).unwrap_or_default();
    tail.iter().position(|b| *b == MAGIC[0]).map_or(stream.len(), |past| past + 1)
}

/// Writes a frame: the fixed part and the TLVs of one message.
pub(super) fn write(head: &Head, message: u16, fixed: &[u8], tlvs: &[u8], key: Option<&Key>) -> Vec<u8> {
    let payload_len = fixed.len() + tlvs.len();
    let mut out = Vec::with_capacity(HEADER_LEN + payload_len + TAG_LEN);
    let flags = head.flags & !flag::TAG | if key.is_some() { flag::TAG } else { 0 };
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&[MAJOR, (HEADER_LEN / 8) as u8]);
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&message.to_le_bytes());
    out.extend_from_slice(&(fixed.len() as u16).to_le_bytes());
    out.extend_from_slice(&(payload_len as u32).to_le_bytes());
    out.extend_from_slice(&head.key_id.to_le_bytes());
    out.extend_from_slice(&head.device_id.to_le_bytes());
    out.extend_from_slice(&head.boot_id.to_le_bytes());
    out.extend_from_slice(&head.seq.to_le_bytes());
    out.extend_from_slice(&micros(head.sent_at).to_le_bytes());
    out.extend_from_slice(fixed);
    out.extend_from_slice(tlvs);
    if let Some(key) = key {
        let tag = key.tag(out.get(at::COVERED..).unwrap_or_default());
        out.extend_from_slice(&tag);
    }
    let crc = crc32c(out.get(at::COVERED..).unwrap_or_default());
    if let Some(slot) = out.get_mut(at::CRC..at::COVERED) {
        slot.copy_from_slice(&crc.to_le_bytes());
    }
    out
}
