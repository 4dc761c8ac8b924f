//! What can be wrong with a frame.

use core::fmt;
use parking_types::words;

words! {
    /// Why a frame cannot be decoded. The words are stable: programs may look at them.
    ErrorCode {
        /// The frame ends before a field that must be there.
        Truncated = "truncated",
        /// The frame has another length than its kind, or its own length field, says.
        Length = "length",
        /// A length or a depth above what this decoder takes.
        TooLarge = "too_large",
        /// A fixed byte (start, end, magic, device type) is another one.
        Marker = "marker",
        /// The checksum does not fit the bytes.
        Checksum = "checksum",
        /// A version or a must-understand extension that this decoder does not know.
        Version = "version",
        /// A message kind, command or report type that the protocol does not have.
        Kind = "kind",
        /// No port was given, or one that the device does not use.
        Port = "port",
        /// The path, topic or content type is none of the protocol's.
        Route = "route",
        /// A field holds a value that the protocol excludes.
        Value = "value",
        /// A field that must be there is not.
        Missing = "missing",
        /// A field that the document does not have.
        Unknown = "unknown",
        /// The same field twice.
        Repeated = "repeated",
        /// Bytes that are no text in the encoding that the protocol uses.
        Encoding = "encoding",
        /// Not JSON, XML, multipart, form data or hex where it has to be.
        Syntax = "syntax",
        /// The authentication tag does not fit, or there is none where one is wanted.
        Tag = "tag",
        /// The frame is encrypted with a key that is not at hand.
        Encrypted = "encrypted",
        /// The frame is well formed, but nothing here can be said about it.
        Unsupported = "unsupported",
    }
}

/// Why a frame cannot be decoded, and where.
///
/// ```
/// use device_codec::{Context, ErrorCode, Protocol, decode};
/// let mut sink = |_: &device_codec::Reading<'_>| {};
/// let context = Context { port: Some(2), ..Context::default() };
/// let error = decode(Protocol::BoschTps110, &[], &context, &mut sink).unwrap_err();
/// assert_eq!((error.code, error.offset), (ErrorCode::Truncated, 0));
/// assert_eq!(error.to_string(), "the frame ends too early at byte 0 (state)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub code: ErrorCode,
    /// Byte offset in the payload.
    pub offset: usize,
    /// The field, by the protocol's own name; empty where there is none.
    pub field: &'static str,
}

impl DecodeError {
    /// An error at this byte, in this field.
    pub const fn new(code: ErrorCode, offset: usize, field: &'static str) -> Self {
        Self { code, offset, field }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.code {
            ErrorCode::Truncated => "the frame ends too early",
            ErrorCode::Length => "the length is wrong",
            ErrorCode::TooLarge => "more than is accepted",
            ErrorCode::Marker => "a fixed byte is another one",
            ErrorCode::Checksum => "the checksum does not fit",
            ErrorCode::Version => "an unknown version",
            ErrorCode::Kind => "an unknown kind of message",
            ErrorCode::Port => "no port, or one that the device does not use",
            ErrorCode::Route => "a path, topic or content type that the protocol does not have",
            ErrorCode::Value => "a value that the protocol excludes",
            ErrorCode::Missing => "a field is missing",
            ErrorCode::Unknown => "an unknown field",
            ErrorCode::Repeated => "a field stands twice",
            ErrorCode::Encoding => "bytes that are no text in the protocol's encoding",
            ErrorCode::Syntax => "malformed text",
            ErrorCode::Tag => "the authentication tag does not fit",
            ErrorCode::Encrypted => "encrypted, and the key is not at hand",
            ErrorCode::Unsupported => "nothing here can be said about it",
        };
        write!(f, "{what} at byte {}", self.offset)?;
        if self.field.is_empty() { Ok(()) } else { write!(f, " ({})", self.field) }
    }
}

impl core::error::Error for DecodeError {}
