//! Frames on the command line: which protocol, what the transport said, and the bytes of a line.

use std::path::PathBuf;

use device_codec::{Context, DecodeError, ErrorCode, Payload, Protocol};

use super::CannotRun;

/// What `decode` and `explain` are told about their frames.
#[derive(Debug, clap::Args)]
pub(super) struct FrameArgs {
    /// The protocol: a name of `parkline protocols`, or NAME:PORT
    #[arg(long, value_name = "NAME[:PORT]")]
    protocol: String,
    /// LoRaWAN's FPort
    #[arg(long, value_name = "N")]
    fport: Option<u8>,
    /// The MQTT topic, or the HTTP path with its query
    #[arg(long, value_name = "TEXT")]
    route: Option<String>,
    /// The HTTP content type
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Files with one frame a line; stdin where there is none
    pub(super) files: Vec<PathBuf>,
}

/// A protocol and its context, checked.
pub(super) struct Frames<'a> {
    pub(super) protocol: Protocol,
    pub(super) context: Context<'a>,
}

impl FrameArgs {
    /// # Errors
    /// An unknown protocol, or a port that is none.
    pub(super) fn checked(&self) -> Result<Frames<'_>, CannotRun> {
        let (name, port) = match self.protocol.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (self.protocol.as_str(), None),
        };
        let protocol = Protocol::parse(name).ok_or_else(|| {
            let meant = nearest(name).map_or_else(String::new, |known| format!(", did you mean {known}?"));
            CannotRun(format!("there is no protocol {name}{meant}; `parkline protocols` lists all"))
        })?;
        let port = port
            .map(|port| port.parse::<u8>().map_err(|_| CannotRun(format!("{port} is no port"))))
            .transpose()?;
        let context = Context {
            port: self.fport.or(port),
            route: self.route.as_deref(),
            content_type: self.content_type.as_deref(),
            ..Context::default()
        };
        Ok(Frames { protocol, context })
    }
}

impl Frames<'_> {
    /// Whether a line is passed over: an empty one, but for a protocol that has a frame without bytes.
    pub(super) fn passes_over(&self, line: &[u8]) -> bool {
        line.trim_ascii().is_empty()
            && device_codec::decode(self.protocol, b"", &self.context, &mut |_| {}).is_err()
    }

    /// The payload that a line stands for: hex, or the text itself where the protocol speaks text and the line is no hex.
    ///
    /// # Errors
    /// The first character that is no hex digit, and where it stands.
    pub(super) fn payload(&self, line: &[u8]) -> Result<Vec<u8>, BadLine> {
        let text = line.trim_ascii();
        let bad = match unhex(text) {
            Ok(bytes) => return Ok(bytes),
            Err(bad) => bad,
        };
        let may_be_text = match self.protocol.info().payload {
            Payload::Json | Payload::Text => !bad.looks_like_hex(text),
            Payload::Binary => self.protocol.takes_json() && text.starts_with(b"{"),
        };
        if may_be_text {
            return Ok(text.to_vec());
        }
        let lead = line.len() - line.trim_ascii_start().len();
        Err(BadLine { code: ErrorCode::Syntax, offset: lead + bad.at, message: bad.message(text, lead) })
    }
}

/// What is wrong with a line, or with the frame in it.
pub(super) struct BadLine {
    code: ErrorCode,
    offset: usize,
    message: String,
}

impl From<DecodeError> for BadLine {
    fn from(error: DecodeError) -> Self {
        Self { code: error.code, offset: error.offset, message: error.to_string() }
    }
}

impl BadLine {
    /// `{"error":{"code","offset","message"}}`
    pub(super) fn json(&self) -> String {
        let about =
            serde_json::json!({"code": self.code.as_str(), "offset": self.offset, "message": self.message});
        serde_json::json!({ "error": about }).to_string()
    }

    /// For people, under a table of fields.
    pub(super) fn line(&self) -> String {
        format!("{:>6}        {} ({})\n", self.offset, self.message, self.code.as_str())
    }
}

/// What is no hex in a text, and which byte of the frame it would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BadHex {
    at: usize,
    byte: usize,
}

impl BadHex {
    /// Whether the text was meant as hex all the same: it begins with two bytes of it, and is no form or line of text.
    fn looks_like_hex(self, text: &[u8]) -> bool {
        self.byte >= 2 && !text.contains(&b'=')
    }

    fn message(self, text: &[u8], lead: usize) -> String {
        let place =
            format!("at character {} of the line, in byte {} of the frame", lead + self.at, self.byte);
        let rest = String::from_utf8_lossy(text.get(self.at..).unwrap_or_default());
        match rest.chars().next() {
            Some(found) => format!("{found:?} is no hex digit, {place}"),
            None => format!("the last hex digit has no second one, {place}"),
        }
    }
}

/// The protocol whose name is most like this one, if any is.
fn nearest(name: &str) -> Option<Protocol> {
    let name = name.to_ascii_lowercase().replace(['_', ' '], "-");
    let likeness = |known: &Protocol| strsim::jaro_winkler(&name, known.name());
    let best = Protocol::ALL.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) > 0.75).then_some(best)
}

/// Bytes of hex digits, between which blanks and colons may stand, and `0x` before each group of bytes; else what is none.
fn unhex(text: &[u8]) -> Result<Vec<u8>, BadHex> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let (mut at, mut high, mut group) = (0, None, true);
    while let Some(byte) = text.get(at) {
        let prefix = group && high.is_none() && matches!(text.get(at..at + 2), Some([b'0', b'x' | b'X']));
        group = byte.is_ascii_whitespace() || *byte == b':';
        if prefix {
            at += 2;
            continue;
        }
        if !group {
            let bad = BadHex { at, byte: bytes.len() };
            let digit = char::from(*byte).to_digit(16).ok_or(bad)? as u8;
            high = match high {
                None => Some(digit),
                Some(high) => {
                    bytes.push(high << 4 | digit);
                    None
                }
            };
        }
        at += 1;
    }
    if high.is_some() { Err(BadHex { at: text.len(), byte: bytes.len() }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex() {
        assert_eq!(unhex(b"0aFF"), Ok(vec![10, 255]));
        assert_eq!(unhex(b"0a ff"), Ok(vec![10, 255]));
        assert_eq!(unhex(b""), Ok(vec![]));
        assert_eq!(unhex(b"0a f"), Err(BadHex { at: 4, byte: 1 }));
        assert_eq!(unhex(b"0x12 0XaB"), Ok(vec![0x12, 0xab]));
        assert_eq!(unhex(b"0x12ab"), Ok(vec![0x12, 0xab]));
        assert_eq!(unhex(b"12:aB:00"), Ok(vec![0x12, 0xab, 0]));
        assert_eq!(unhex(b"120x34"), Err(BadHex { at: 3, byte: 1 }));
        assert_eq!(unhex(b"0x1 0x2"), Err(BadHex { at: 5, byte: 1 }));
        assert_eq!(unhex(b"1g"), Err(BadHex { at: 1, byte: 0 }));
    }

    fn refused(protocol: Protocol, line: &str) -> Option<String> {
        let frames = Frames { protocol, context: Context::default() };
        frames.payload(line.as_bytes()).err().map(|bad| bad.json())
    }

    #[test]
    fn bad_hex_is_told_by_its_character_and_its_byte() {
        for (protocol, line, message, offset) in [
            (
                Protocol::BoschTps110,
                "  01 0g",
                "'g' is no hex digit, at character 6 of the line, in byte 1 of the frame",
                6,
            ),
            (
                Protocol::F6213,
                "b0é1",
                "'é' is no hex digit, at character 2 of the line, in byte 1 of the frame",
                2,
            ),
            (
                Protocol::BoschTps110,
                "011",
                "the last hex digit has no second one, at character 3 of the line, in byte 1 of the frame",
                3,
            ),
            (
                Protocol::VzHttp,
                "7b22x2",
                "'x' is no hex digit, at character 4 of the line, in byte 2 of the frame",
                4,
            ),
        ] {
            let wanted =
                serde_json::json!({"error": {"code": "syntax", "offset": offset, "message": message}});
            assert_eq!(refused(protocol, line), Some(wanted.to_string()), "{line}");
        }
    }

    #[test]
    fn text_is_text_where_the_protocol_speaks_it() {
        for (protocol, line) in [
            (Protocol::VzHttp, "{\"a\":1}"),
            (Protocol::VzHttp, "deadbeef=1&serialno=x"),
            (Protocol::DahuaHttp, "Error"),
            (Protocol::HikvisionIsapi, "<a/>"),
            (Protocol::VzTcp, "{\"cmd\":\"getsn\"}"),
        ] {
            assert_eq!(refused(protocol, line), None, "{line}");
        }
    }

    #[test]
    fn names_that_are_nearly_right() {
        for (written, meant) in [
            ("bosch", Some(Protocol::BoschTps110)),
            ("vz_http", Some(Protocol::VzHttp)),
            ("Dahua", Some(Protocol::DahuaHttp)),
            ("dingtek-d0200", Some(Protocol::DingtekDo200)),
            ("hikvison-isapi", Some(Protocol::HikvisionIsapi)),
            ("plate-recogniser", Some(Protocol::PlateRecognizer)),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
    }
}
