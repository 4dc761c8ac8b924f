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
            CannotRun(format!("there is no protocol {name}; `parkline protocols` lists all"))
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
    /// The offset of the first character that is no hex digit.
    pub(super) fn payload(&self, line: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let text = line.trim_ascii();
        match (unhex(text), self.protocol.info().payload) {
            (Ok(bytes), _) => Ok(bytes),
            (Err(_), Payload::Json | Payload::Text) => Ok(text.to_vec()),
            (Err(_), Payload::Binary) if self.protocol.takes_json() && text.starts_with(b"{") => {
                Ok(text.to_vec())
            }
            (Err(at), Payload::Binary) => Err(DecodeError::new(ErrorCode::Syntax, at, "hex")),
        }
    }
}

/// Bytes of hex digits, between which blanks may stand; else the offset of what is none.
fn unhex(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut digits = text.iter().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace());
    let value = |(at, byte): (usize, &u8)| char::from(*byte).to_digit(16).map(|digit| digit as u8).ok_or(at);
    let mut bytes = Vec::with_capacity(text.len() / 2);
    while let Some(high) = digits.next() {
        let high = value(high)?;
        let low = digits.next().map_or(Err(text.len()), value)?;
        bytes.push(high << 4 | low);
    }
    Ok(bytes)
}

/// `{"error":{"code","offset","message"}}`
pub(super) fn error_json(error: &DecodeError) -> String {
    let about = serde_json::json!({"code": error.code.as_str(), "offset": error.offset, "message": error.to_string()});
    serde_json::json!({ "error": about }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex() {
        assert_eq!(unhex(b"0aFF"), Ok(vec![10, 255]));
        assert_eq!(unhex(b"0a ff"), Ok(vec![10, 255]));
        assert_eq!(unhex(b""), Ok(vec![]));
        assert_eq!(unhex(b"0a f"), Err(4));
        assert_eq!(unhex(b"0x12"), Err(1));
    }
}
