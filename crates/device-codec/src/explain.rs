//! Frames printed field by field, broken ones up to where they break.

use std::borrow::Cow;

use crate::context::Context;
use crate::error::DecodeError;
use crate::json::Json;
use crate::protocol::{Payload, Protocol, vz_document, vz_json};
use crate::text::Hex;
use crate::trace::Recorder;

mod document;

use document::{Document, cover};

/// One field of a frame, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it begins, in bytes from the start of the payload; in text with the name before the value.
    pub offset: usize,
    /// How many bytes it has.
    pub len: usize,
    /// Its name in the protocol; in JSON its path (`AlarmInfoPlate.result.PlateResult.license`).
    pub name: Cow<'static, str>,
    /// What stands there.
    pub value: String,
    /// What that means; empty where the value says it all.
    pub meaning: String,
}

/// A frame taken apart: the fields that could be read, in the order of their bytes, and where reading ended if it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The fields. Bytes that the decoder does not look at are there too.
    pub fields: Vec<Field>,
    /// Why the frame cannot be decoded, if it cannot.
    pub error: Option<DecodeError>,
}

/// Takes a frame apart for people: offset, field, value, meaning. Any bytes can be printed.
///
/// It runs the decoder itself and writes down what that reads, so the two cannot disagree.
///
/// ```
/// use device_codec::{Context, Protocol, explain};
/// let context = Context { port: Some(2), ..Context::default() };
/// let explanation = explain(Protocol::BoschTps110, &[0x01, 0xff], &context);
/// assert_eq!(explanation.fields[0].meaning, "occupied");
/// assert_eq!(explanation.fields[1].value, "-1");
/// assert_eq!(explanation.error, None);
/// ```
pub fn explain(protocol: Protocol, payload: &[u8], context: &Context<'_>) -> Explanation {
    let recorder = Recorder::default();
    let error = protocol.decoder::<&Recorder>()(payload, context, &recorder, &mut |_| {}).err();
    let mut fields = recorder.into_fields();
    let mut text = Vec::new();
    match protocol.info().payload {
        form @ (Payload::Json | Payload::Text) => {
            let whole = Document::new(&mut text, 0).read(payload, context, form == Payload::Json);
            cover(payload, 0, whole, &mut text);
        }
        Payload::Binary => {
            let inside = match protocol {
                Protocol::VzTcp => vz_document(payload).map(|(body, base)| (vz_json(body), body, base)),
                Protocol::MilesightTcp => milesight_document(payload),
                _ => None,
            };
            if let Some((json, body, base)) = inside {
                let whole = Document::new(&mut text, base).json(json);
                cover(body, base, whole, &mut text);
            }
        }
    }
    // What the decoder reads inside a value comes behind that value.
    text.append(&mut fields);
    text.sort_by_key(|field| field.offset);
    fill(payload, &mut text, error.is_some());
    Explanation { fields: text, error }
}

/// The JSON document in a Milesight frame, or the frame itself where a log kept only that.
fn milesight_document(payload: &[u8]) -> Option<(Json<'_>, &[u8], usize)> {
    const HEAD: usize = 8;
    const END: usize = 2;
    let base = if payload.starts_with(b"\xcc\xff") { HEAD } else { 0 };
    let end = payload.len().checked_sub(if base == HEAD { END } else { 0 })?;
    let body = payload.get(base..end)?;
    body.trim_ascii_start().starts_with(b"{").then(|| (Json::new(body), body, base))
}

/// Adds the bytes that nobody read; after a break only one field for all that follows.
fn fill(payload: &[u8], fields: &mut Vec<Field>, broken: bool) {
    let mut gaps = Vec::new();
    let mut end = 0;
    let spans: Vec<(usize, usize)> = fields.iter().map(|field| (field.offset, field.len)).collect();
    for (offset, len) in spans.into_iter().chain([(payload.len(), 0)]) {
        let skipped = payload.get(end..offset).unwrap_or_default();
        if skipped.iter().any(|b| !b.is_ascii_whitespace() && *b != b',') {
            let at_the_end = offset == payload.len();
            let name = if broken && at_the_end { "not reached" } else { "not read" };
            gaps.push(Field {
                offset: end,
                len: skipped.len(),
                name: name.into(),
                value: shown(skipped),
                meaning: String::new(),
            });
        }
        end = end.max(offset.saturating_add(len));
    }
    fields.extend(gaps);
    fields.sort_by_key(|field| field.offset);
}

/// At most 64 bytes, as hex or, where all of them are text, as text.
fn shown(bytes: &[u8]) -> String {
    let head = bytes.get(..64).unwrap_or(bytes);
    let more = if bytes.len() > head.len() { "…" } else { "" };
    match core::str::from_utf8(head) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text}{more}"),
        _ => format!("{}{more}", Hex(head)),
    }
}
