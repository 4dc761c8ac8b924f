//! Records of the frames log: frames, ticks, outages, changes of reference data, what became of commands.

use core::fmt;
use std::borrow::Cow;

use device_codec::{DecodeError, ImageCut, Milli, Protocol, json_members, json_path};
use parking_types::{Id, Instant};
use serde::Deserialize;
use session_core::{CommandState, DeadCode, FrameName};

use crate::hash::Fnv;

/// Why a record is a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No such protocol.
    UnknownProtocol,
    /// No such device, as of the event.
    UnknownDevice,
    /// Bytes or fields that are wrong.
    Malformed,
    /// One reading of a frame whose others were used; its index.
    Reading(u16, DeadCode),
    /// What the session machine says.
    Machine(DeadCode),
    /// A worker failed on it twice.
    Poison,
}

impl Reason {
    /// The code in the dead letter.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownProtocol => "unknown_protocol",
            Self::UnknownDevice => "unknown_device",
            Self::Malformed => "malformed",
            Self::Reading(..) => "reading",
            Self::Machine(code) => code.as_str(),
            Self::Poison => "poison",
        }
    }
}

/// Why a record cannot be used, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Byte offset: in the payload where the payload is wrong, else in the record.
    pub offset: Option<u64>,
    /// The path of the value in a JSON payload.
    pub path: Option<Box<str>>,
    /// The place and the sentence for people.
    pub what: What,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.what, &self.path) {
            (What::Payload(error), Some(path)) => write!(f, "payload.{path}: {error} ({})", error.code),
            (what, _) => what.fmt(f),
        }
    }
}

/// What is wrong, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// This field, and what it should be.
    Field(&'static str, &'static str),
    /// The payload, as the codec says.
    Payload(DecodeError),
    /// A sentence.
    Says(&'static str),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name, wanted) => write!(f, "{name}: {wanted}"),
            Self::Payload(error) => write!(f, "payload: {} ({})", error, error.code),
            Self::Says(text) => f.write_str(text),
        }
    }
}

impl Refusal {
    pub(crate) const fn new(reason: Reason, what: What) -> Self {
        Self { reason, offset: None, path: None, what }
    }

    pub(crate) const fn field(name: &'static str, wanted: &'static str) -> Self {
        Self::new(Reason::Malformed, What::Field(name, wanted))
    }

    /// What the codec says about a payload.
    pub(crate) fn payload(error: DecodeError, payload: &[u8]) -> Self {
        let json = payload.trim_ascii_start().starts_with(b"{");
        let path = if json { json_path(payload, error.offset) } else { None };
        let offset = Some(error.offset as u64);
        Self { reason: Reason::Malformed, offset, path: path.map(Into::into), what: What::Payload(error) }
    }

    /// Whether the device's bytes are to blame, and not where they come from or when.
    pub(crate) fn is_undecodable(&self) -> bool {
        self.reason == Reason::Malformed && matches!(self.what, What::Payload(_))
    }
}

/// A record that was read.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub(crate) received_at: Instant,
    /// The name that an export gives it.
    pub(crate) name: Option<FrameName>,
    pub(crate) body: Body<'a>,
}

/// What a record is.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    Frame(Box<FrameRecord<'a>>),
    Tick,
    Outage {
        from: Instant,
    },
    /// The text of the `reference` object.
    Reference(&'a str),
    /// A command was given to its device, or refused by it.
    Delivery {
        command: Id,
        state: CommandState,
    },
    /// Where in the reference log this partition stands; the worker has acted on it already.
    Mark,
}

/// A frame as it was received.
#[derive(Debug)]
pub(crate) struct FrameRecord<'a> {
    pub(crate) device: Option<Id>,
    pub(crate) protocol: Option<Cow<'a, str>>,
    /// The text of a JSON value.
    pub(crate) payload: &'a str,
    pub(crate) port: Option<u8>,
    pub(crate) counter: Option<u64>,
    /// A hash of the LoRaWAN session.
    pub(crate) join: Option<u64>,
    pub(crate) network_at: Option<Instant>,
    pub(crate) rssi: Option<Milli>,
    pub(crate) route: Option<Cow<'a, str>>,
    pub(crate) content_type: Option<Cow<'a, str>>,
    pub(crate) images: Vec<ImageCut>,
}

/// A record's members as they stand.
#[derive(Default)]
struct Raw<'a> {
    received_at: Option<Cow<'a, str>>,
    device: Option<Cow<'a, str>>,
    protocol: Option<Cow<'a, str>>,
    payload: Option<&'a str>,
    port: Option<u8>,
    counter: Option<u64>,
    join: Option<&'a str>,
    network_at: Option<Cow<'a, str>>,
    rssi_dbm: Option<&'a str>,
    route: Option<Cow<'a, str>>,
    content_type: Option<Cow<'a, str>>,
    images: Option<Vec<RawImage>>,
    position: Option<Cow<'a, str>>,
    tenant: Option<Cow<'a, str>>,
    tick: Option<bool>,
    outage: Option<RawOutage<'a>>,
    reference: Option<&'a str>,
    command: Option<Cow<'a, str>>,
    state: Option<Cow<'a, str>>,
    mark: Option<&'a str>,
}

impl<'a> Raw<'a> {
    /// Reads the members; of those with one name the first may stand alone.
    ///
    /// # Errors
    /// The offset of what does not belong there.
    fn read(line: &'a str) -> Result<Self, usize> {
        let mut raw = Self::default();
        let read = json_members(line, |name, value, _| value == "null" || raw.take(name, value).is_some());
        read.map(|()| raw).map_err(|error| error.offset)
    }

    /// Takes a member; `None` where its value is of another kind, or the member was there before.
    fn take(&mut self, name: &str, value: &'a str) -> Option<()> {
        match name {
            "received_at" => once(&mut self.received_at, string(value)),
            "device" => once(&mut self.device, string(value)),
            "protocol" => once(&mut self.protocol, string(value)),
            "payload" => once(&mut self.payload, Some(value)),
            "port" => once(&mut self.port, value.parse().ok()),
            "counter" => once(&mut self.counter, value.parse().ok()),
            "join" => once(&mut self.join, Some(value)),
            "network_at" => once(&mut self.network_at, string(value)),
            "rssi_dbm" => once(&mut self.rssi_dbm, Some(value)),
            "route" => once(&mut self.route, string(value)),
            "content_type" => once(&mut self.content_type, string(value)),
            "images" => once(&mut self.images, serde_json::from_str(value).ok()),
            "position" => once(&mut self.position, string(value)),
            "tenant" => once(&mut self.tenant, string(value)),
            "tick" => once(&mut self.tick, value.parse().ok()),
            "outage" => once(&mut self.outage, serde_json::from_str(value).ok()),
            "reference" => once(&mut self.reference, Some(value)),
            "command" => once(&mut self.command, string(value)),
            "state" => once(&mut self.state, string(value)),
            "mark" => once(&mut self.mark, Some(value)),
            _ => Some(()),
        }
    }
}

/// Fills a slot that is empty with a value that was read.
fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Option<()> {
    if slot.is_some() {
        return None;
    }
    *slot = Some(value?);
    Some(())
}

/// A string's text, where the value is one.
fn string(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(value).ok() } else { Some(Cow::Borrowed(inner)) }
}

#[derive(Deserialize)]
struct RawImage {
    offset: u64,
    bytes: u64,
}

#[derive(Deserialize)]
struct RawOutage<'a> {
    #[serde(borrow)]
    from: Cow<'a, str>,
}

/// A record that is refused, with what could be read of it.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) received_at: Option<Instant>,
    pub(crate) device: Option<Id>,
    /// Whether the record is a JSON object, so that a dead letter can hold it as it is.
    pub(crate) object: bool,
    pub(crate) refusal: Refusal,
}

/// Records from before or after are not believed: they would move the clock for ever.
const YEARS: (i64, i64) = (0, 4_102_444_800);

fn instant(name: &'static str, text: &str) -> Result<Instant, Refusal> {
    let at: Instant =
        text.parse().map_err(|_| Refusal::field(name, "expected an RFC 3339 time with an offset"))?;
    if (YEARS.0..YEARS.1).contains(&at.as_secs()) {
        Ok(at)
    } else {
        Err(Refusal::field(name, "expected a time from 1970 to 2099"))
    }
}

fn id(name: &'static str, text: &str) -> Result<Id, Refusal> {
    Id::new(text).map_err(|_| Refusal::field(name, "expected an id: 1 to 32 characters of 0-9 A-Z a-z _ -"))
}

impl<'a> Record<'a> {
    /// Reads one record of this tenant.
    pub(crate) fn read(line: &'a [u8], tenant: &Id) -> Result<Self, Box<Unread>> {
        let unread = |object, offset: usize, what| {
            let refusal = Refusal::new(Reason::Malformed, What::Says(what));
            let refusal = Refusal { offset: Some(offset as u64), ..refusal };
            Box::new(Unread { received_at: None, device: None, object, refusal })
        };
        let line = simdutf8::compat::from_utf8(line)
            .map_err(|error| unread(false, error.valid_up_to(), "the record is no UTF-8"))?;
        let raw = Raw::read(line).map_err(|offset| {
            let what = "the record is no JSON object of the wanted form";
            unread(is_object(line), offset, what)
        })?;
        let text = raw.received_at.as_deref();
        let at = text
            .ok_or(Refusal::field("received_at", "is missing"))
            .and_then(|text| instant("received_at", text));
        let device = raw.device.as_deref().map(|text| id("device", text)).transpose();
        let (received_at, known) = (at.as_ref().ok().copied(), device.as_ref().ok().copied().flatten());
        let read = at.and_then(|at| Self::of(raw, at, device?, tenant));
        read.map_err(|refusal| Box::new(Unread { received_at, device: known, object: true, refusal }))
    }

    fn of(raw: Raw<'a>, received_at: Instant, device: Option<Id>, tenant: &Id) -> Result<Self, Refusal> {
        if raw.tenant.as_deref().is_some_and(|other| other != tenant.as_str()) {
            return Err(Refusal::field("tenant", "another tenant's record"));
        }
        let name = raw.position.as_deref().map(frame_name).transpose()?;
        let body = if raw.tick == Some(true) {
            Body::Tick
        } else if let Some(outage) = &raw.outage {
            Body::Outage { from: instant("outage.from", &outage.from)? }
        } else if let Some(reference) = raw.reference {
            Body::Reference(reference)
        } else if let Some(command) = &raw.command {
            let state = match raw.state.as_deref() {
                Some("sent") => CommandState::Sent,
                Some("refused") => CommandState::Refused,
                _ => return Err(Refusal::field("state", "expected sent or refused")),
            };
            Body::Delivery { command: id("command", command)?, state }
        } else if raw.mark.is_some() {
            Body::Mark
        } else {
            Body::Frame(Box::new(FrameRecord::of(raw, device)?))
        };
        Ok(Self { received_at, name, body })
    }
}

impl<'a> FrameRecord<'a> {
    /// What a person, a partner or a payment does comes as a frame of this protocol.
    pub(crate) fn is_manual(&self) -> bool {
        self.protocol.as_deref() == Some(Protocol::Manual.name())
    }

    fn of(raw: Raw<'a>, device: Option<Id>) -> Result<Self, Refusal> {
        let payload = raw.payload.ok_or(Refusal::field("payload", "is missing"))?;
        let network_at = raw.network_at.as_deref().map(|text| instant("network_at", text)).transpose()?;
        let images = raw.images.unwrap_or_default();
        Ok(Self {
            device,
            protocol: raw.protocol,
            payload,
            port: raw.port,
            counter: raw.counter,
            join: raw.join.map(|join| Fnv::of(join.as_bytes())),
            network_at,
            rssi: raw.rssi_dbm.and_then(Milli::parse),
            route: raw.route,
            content_type: raw.content_type,
            images: images.iter().map(|cut| ImageCut { offset: cut.offset, bytes: cut.bytes }).collect(),
        })
    }

    /// The payload's bytes: hex, or the compact text of a JSON value, which mostly is compact already.
    pub(crate) fn bytes<'b>(&'b self, json: bool, into: &'b mut Vec<u8>) -> Result<&'b [u8], Refusal> {
        into.clear();
        let text = self.payload.as_bytes();
        match text {
            [b'"', digits @ .., b'"'] => unhex(digits, into)?,
            _ if !json => return Err(Refusal::field("payload", "expected hex")),
            _ if !has_blanks(text) => return Ok(text),
            _ => compact(text, into),
        }
        Ok(into)
    }
}

/// Whether a text may hold blanks; looks at many bytes at a time.
fn has_blanks(text: &[u8]) -> bool {
    text.chunks(64).any(|some| some.iter().fold(false, |found, b| found | (*b <= b' ')))
}

/// Whether a line is one JSON object, whatever its fields.
fn is_object(line: &str) -> bool {
    line.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
}

fn unhex(digits: &[u8], into: &mut Vec<u8>) -> Result<(), Refusal> {
    let value = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    };
    for pair in digits.chunks(2) {
        let byte = match pair {
            [high, low] => value(*high).zip(value(*low)).map(|(high, low)| (high << 4) | low),
            _ => None,
        };
        match byte {
            Some(byte) => into.push(byte),
            None => {
                let offset = Some(into.len() as u64);
                return Err(Refusal { offset, ..Refusal::field("payload", "expected pairs of hex digits") });
            }
        }
    }
    Ok(())
}

/// JSON without the blanks between its tokens.
fn compact(text: &[u8], into: &mut Vec<u8>) {
    into.reserve(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for b in text {
        if quoted {
            match b {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if b.is_ascii_whitespace() {
            continue;
        } else if *b == b'"' {
            quoted = true;
        }
        into.push(*b);
    }
}

/// `partition-offset` or `partition-offset.index`.
pub(crate) fn frame_name(text: &str) -> Result<FrameName, Refusal> {
    let read = || {
        let (partition, rest) = text.split_once('-')?;
        let (offset, index) = match rest.split_once('.') {
            Some((offset, index)) => (offset, Some(index.parse().ok()?)),
            None => (rest, None),
        };
        Some(FrameName { partition: partition.parse().ok()?, offset: offset.parse().ok()?, index })
    };
    read().ok_or(Refusal::field("position", "expected partition-offset or partition-offset.index"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Record<'_>, Box<Unread>> {
        Record::read(line.as_bytes(), &Id::new("default").unwrap())
    }

    fn frame(line: &str) -> Box<FrameRecord<'_>> {
        match read(line).unwrap().body {
            Body::Frame(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_payload_is_hex_or_json() {
        let mut buffer = Vec::new();
        let hex = frame(r#"{"received_at":"2026-03-02T08:00:00+08:00","device":"d","payload":"01fF"}"#);
        assert_eq!(hex.bytes(false, &mut buffer).unwrap(), [1, 255]);
        let json =
            frame(r#"{"received_at":"2026-03-02T08:00:00+08:00","payload":{ "a" : "b \" c", "d":[1, 2] }}"#);
        assert_eq!(json.bytes(true, &mut buffer).unwrap(), br#"{"a":"b \" c","d":[1,2]}"#);
        assert!(json.bytes(false, &mut buffer).is_err());
        for (payload, offset) in [("0g", 0), ("000", 1), ("0011zz", 2)] {
            let line = format!(r#"{{"received_at":"2026-03-02T08:00:00+08:00","payload":"{payload}"}}"#);
            assert_eq!(frame(&line).bytes(false, &mut buffer).unwrap_err().offset, Some(offset), "{payload}");
        }
    }

    #[test]
    fn what_is_wrong_names_its_place() {
        let long =
            format!(r#"{{"received_at":"2026-03-02T08:00:00Z","device":"{}","payload":""}}"#, "x".repeat(33));
        for (line, message) in [
            (r#"{"device":"d","payload":""}"#, "received_at: is missing"),
            (
                r#"{"received_at":"2026-03-02T08:00:00","payload":""}"#,
                "received_at: expected an RFC 3339 time with an offset",
            ),
            (
                r#"{"received_at":"2200-03-02T08:00:00Z","payload":""}"#,
                "received_at: expected a time from 1970 to 2099",
            ),
            (r#"{"received_at":"2026-03-02T08:00:00Z"}"#, "payload: is missing"),
            (
                r#"{"received_at":"2026-03-02T08:00:00Z","payload":"","tenant":"x"}"#,
                "tenant: another tenant's record",
            ),
            (
                r#"{"received_at":"2026-03-02T08:00:00Z","payload":"","position":"7"}"#,
                "position: expected partition-offset or partition-offset.index",
            ),
            (long.as_str(), "device: expected an id: 1 to 32 characters of 0-9 A-Z a-z _ -"),
        ] {
            let unread = read(line).unwrap_err();
            assert_eq!(unread.refusal.what.to_string(), message);
            assert_eq!(unread.refusal.reason.code(), "malformed");
        }
        assert_eq!(read(r#"{"received_at":1}"#).unwrap_err().refusal.offset, Some(15));
        assert_eq!(
            read(r#"{"received_at":"2026-03-02T08:00:00Z","device":1"#).unwrap_err().received_at,
            None
        );
    }

    #[test]
    fn what_is_no_frame() {
        let body = |line| format!("{:?}", read(line).unwrap().body);
        assert_eq!(body(r#"{"received_at":"2026-03-02T08:00:00Z","tick":true}"#), "Tick");
        let outage = r#"{"received_at":"2026-03-02T08:00:00Z","outage":{"from":"2026-03-02T07:00:00Z"}}"#;
        assert!(body(outage).starts_with("Outage"));
        let sent = r#"{"received_at":"2026-03-02T08:00:00Z","device":"c","command":"c1","state":"sent"}"#;
        assert!(body(sent).contains("Sent"));
    }

    #[test]
    fn names_of_frames() {
        assert_eq!(frame_name("3-17.2").unwrap(), FrameName { partition: 3, offset: 17, index: Some(2) });
        assert!(frame_name("3-").is_err());
    }
}
