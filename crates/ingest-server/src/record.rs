//! The records that the server itself writes into the frames log (`docs/records.md`).

use device_codec::Milli;
use parking_types::Instant;
use serde_json::value::RawValue;

use crate::images::ImageRef;

/// A device's frame as it was received, with what the transport gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameRecord<'a> {
    /// Who sent it; people, partners and payments have no device.
    pub device: Option<&'a str>,
    /// The protocol of the payload.
    pub protocol: &'a str,
    /// The bytes.
    pub payload: &'a [u8],
    /// The HTTP path with its query, or the MQTT topic.
    pub route: Option<&'a str>,
    /// The HTTP content type.
    pub content_type: Option<&'a str>,
    /// What a LoRaWAN network knows of it.
    pub uplink: Option<&'a Uplink>,
    /// The photos that were cut out of it.
    pub images: &'a [ImageRef],
    /// Which listener took it.
    pub listener: &'a str,
}

/// What a LoRaWAN network server says of a device's message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uplink {
    /// FPort.
    pub port: Option<u8>,
    /// FCnt.
    pub counter: Option<u32>,
    /// What changes with each join.
    pub join: Option<String>,
    /// When the network had it.
    pub network_at: Option<Instant>,
    /// Signal strength, dBm.
    pub rssi_dbm: Option<Milli>,
    /// Signal-to-noise ratio, dB.
    pub snr_db: Option<Milli>,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl FrameRecord<'_> {
    /// Appends the record's JSON.
    pub fn encode(&self, received_at: Instant, out: &mut Vec<u8>) {
        start(received_at, out);
        self.sender(out);
        hex(self.payload, out);
        out.push(b'"');
        if let Some(uplink) = self.uplink {
            uplink.encode(out);
        }
        if let Some(route) = self.route {
            text_field("route", route, out);
        }
        if let Some(content_type) = self.content_type {
            text_field("content_type", content_type, out);
        }
        if !self.images.is_empty() {
            let cut = |image: &ImageRef| {
                let ImageRef { hash, offset, bytes } = image;
                format!("{{\"sha256\":\"{hash}\",\"offset\":{offset},\"bytes\":{bytes}}}")
            };
            let cuts: Vec<String> = self.images.iter().map(cut).collect();
            out.extend_from_slice(format!(",\"images\":[{}]", cuts.join(",")).as_bytes());
        }
        text_field("listener", self.listener, out);
        out.push(b'}');
    }

    /// What stands between the time and the payload.
    fn sender(&self, out: &mut Vec<u8>) {
        if let Some(device) = self.device {
            text_field("device", device, out);
        }
        text_field("protocol", self.protocol, out);
        out.extend_from_slice(b",\"payload\":\"");
    }
}

/// The part of a record that all frames of one device have in common, where the transport gives nothing more.
#[derive(Debug)]
pub struct Sender(Box<[u8]>);

impl Sender {
    /// The part for frames of this device.
    pub fn new(device: &str, protocol: &str) -> Self {
        let mut bytes = Vec::new();
        FrameRecord { device: Some(device), protocol, ..FrameRecord::default() }.sender(&mut bytes);
        Self(bytes.into())
    }
}

/// Writes frame records of one instant, each as [`FrameRecord::encode`] would.
pub struct Frames {
    start: Vec<u8>,
    end: Vec<u8>,
}

impl Frames {
    /// Frames that were received at this instant by this listener.
    pub fn new(received_at: Instant, listener: &str) -> Self {
        let (mut head, mut end) = (Vec::new(), vec![b'"']);
        start(received_at, &mut head);
        text_field("listener", listener, &mut end);
        end.push(b'}');
        Self { start: head, end }
    }

    /// Appends one.
    pub fn encode(&self, sender: &Sender, payload: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.start.len() + sender.0.len() + payload.len() * 2 + self.end.len());
        out.extend_from_slice(&self.start);
        out.extend_from_slice(&sender.0);
        hex(payload, out);
        out.extend_from_slice(&self.end);
    }
}

fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    let digit = |nibble: u8| HEX.get(usize::from(nibble & 15)).copied().unwrap_or(b'0');
    let from = out.len();
    out.resize(from + bytes.len() * 2, 0);
    let (digits, _) = out.get_mut(from..).unwrap_or_default().as_chunks_mut();
    for (pair, byte) in digits.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(*byte)];
    }
}

impl Uplink {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut number = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                out.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
            }
        };
        number("port", self.port.map(|port| port.to_string()));
        number("counter", self.counter.map(|counter| counter.to_string()));
        number("rssi_dbm", self.rssi_dbm.map(|rssi| rssi.to_string()));
        number("snr_db", self.snr_db.map(|snr| snr.to_string()));
        if let Some(join) = &self.join {
            text_field("join", join, out);
        }
        if let Some(at) = self.network_at {
            text_field("network_at", &at.to_string(), out);
        }
    }
}

/// Appends a tick.
pub fn tick(received_at: Instant, out: &mut Vec<u8>) {
    start(received_at, out);
    out.extend_from_slice(b",\"tick\":true}");
}

/// Appends the record of our own outage that began at `from`.
pub fn outage(received_at: Instant, from: Instant, out: &mut Vec<u8>) {
    start(received_at, out);
    out.extend_from_slice(format!(",\"outage\":{{\"from\":\"{from}\"}}}}").as_bytes());
}

/// Appends a change of reference data.
pub fn reference(received_at: Instant, change: &RawValue, out: &mut Vec<u8>) {
    start(received_at, out);
    out.extend_from_slice(b",\"reference\":");
    out.extend_from_slice(change.get().as_bytes());
    out.push(b'}');
}

/// Appends what became of a command on its way to a device.
pub fn command_state(received_at: Instant, device: &str, command: &str, state: &str, out: &mut Vec<u8>) {
    start(received_at, out);
    text_field("device", device, out);
    text_field("command", command, out);
    text_field("state", state, out);
    out.push(b'}');
}

fn start(received_at: Instant, out: &mut Vec<u8>) {
    out.extend_from_slice(RECEIVED);
    out.extend_from_slice(received_at.to_string().as_bytes());
    out.push(b'"');
}

fn text_field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    // A string cannot fail to be written as JSON.
    out.extend_from_slice(&serde_json::to_vec(value).unwrap_or_default());
}

/// The frame records of a record of the log: a line each.
pub fn lines(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    record.split(|byte| *byte == b'\n')
}

const RECEIVED: &[u8] = b"{\"received_at\":\"";

/// When a frame record was received. What the server wrote begins with it; anything else is parsed.
pub fn received_at(record: &[u8]) -> Option<Instant> {
    #[derive(serde::Deserialize)]
    struct Received<'a> {
        #[serde(borrow)]
        received_at: std::borrow::Cow<'a, str>,
    }
    let head = record.strip_prefix(RECEIVED).map(|rest| rest.get(..40).unwrap_or(rest));
    let quick = head.and_then(|head| head.split(|byte| *byte == b'"').next());
    if let Some(at) = quick.and_then(|text| std::str::from_utf8(text).ok()).and_then(|text| text.parse().ok())
    {
        return Some(at);
    }
    serde_json::from_slice::<Received<'_>>(record).ok()?.received_at.parse().ok()
}

/// Who sent a record, where a device did.
pub fn device(record: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Sent {
        device: Option<String>,
    }
    serde_json::from_slice::<Sent>(record).ok()?.device
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Hash;
    use serde_json::{Value, json};

    fn at() -> Instant {
        "2026-03-02T08:00:00.25Z".parse().unwrap()
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Value {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(received_at(&out), Some(at()));
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn records_are_the_json_of_the_contract() {
        let frame = FrameRecord {
            device: Some("c-1"),
            protocol: "vz-http",
            payload: &[0x7b, 0xff],
            route: Some("/vz/c-1?a=\"b\""),
            content_type: None,
            uplink: None,
            images: &[ImageRef { hash: Hash::of(b"photo"), offset: 1, bytes: 5 }],
            listener: "http",
        };
        let expected = json!({"received_at": "2026-03-02T08:00:00.25Z", "device": "c-1", "protocol": "vz-http",
            "payload": "7bff", "route": "/vz/c-1?a=\"b\"", "listener": "http",
            "images": [{"sha256": Hash::of(b"photo").to_string(), "offset": 1, "bytes": 5}]});
        assert_eq!(written(|out| frame.encode(at(), out)), expected);
        let plain = FrameRecord { route: None, images: &[], ..frame };
        let (mut one, mut many) = (Vec::new(), Vec::new());
        plain.encode(at(), &mut one);
        Frames::new(at(), "http").encode(&Sender::new("c-1", "vz-http"), plain.payload, &mut many);
        assert_eq!(one, many, "the quick way writes the same");
        let start = "2026-03-02T08:00:00.25Z";
        assert_eq!(written(|out| tick(at(), out)), json!({"received_at": start, "tick": true}));
        assert_eq!(
            written(|out| outage(at(), Instant::EPOCH, out)),
            json!({"received_at": start, "outage": {"from": "1970-01-01T00:00:00Z"}})
        );
        let change = RawValue::from_string(r#"{"kind":"lots"}"#.to_owned()).unwrap();
        assert_eq!(
            written(|out| reference(at(), &change, out)),
            json!({"received_at": start, "reference": {"kind": "lots"}})
        );
        assert_eq!(
            written(|out| command_state(at(), "c-1", "k1", "sent", out)),
            json!({"received_at": start, "device": "c-1", "command": "k1", "state": "sent"})
        );
    }

    #[test]
    fn the_time_is_found_wherever_it_stands() {
        assert_eq!(received_at(br#"{"tick":true, "received_at":"2026-03-02T08:00:00.25Z"}"#), Some(at()));
        assert_eq!(received_at(br#"{"received_at":"soon"}"#), None);
        assert_eq!(received_at(b"{\"received_at\":\""), None);
        assert_eq!(received_at(b"\xff"), None);
    }
}
