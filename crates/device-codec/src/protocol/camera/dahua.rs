//! `dahua-http`: event streams as text, ITSAPI notifications as JSON, and answers to CGI calls.

use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    protocol::{Out, Payload, ProtocolInfo},
    reader::Reader,
    reading::{Kind, Proof, Reading},
    text::Text,
    trace::Trace,
};

mod event;
mod lines;
mod push;

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Dahua 大华 cameras, event streams and ITSAPI",
    payload: Payload::Text,
    says: &[
        "plate",
        "plate_color",
        "plate_confidence",
        "vehicle_text",
        "device",
        "device_time",
        "record",
        "heartbeat",
        "gate",
        "debug",
        "state",
    ],
    commands: crate::command::DAHUA,
    acknowledges: true,
    ..ProtocolInfo::JSON
};

/// A notification, a part of a stream, or the answer to a call of ours.
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut readings = Vec::new();
    body(frame.all(), 0, context.content_type, true, &mut readings)?;
    if readings.is_empty() {
        return Err(DecodeError::new(ErrorCode::Kind, 0, "Events"));
    }
    readings.iter().for_each(out);
    Ok(())
}

/// One body, or each text of a multipart body.
fn body<'a>(
    bytes: &'a [u8],
    base: usize,
    content_type: Option<&'a str>,
    whole: bool,
    readings: &mut Vec<Reading<'a>>,
) -> Result<(), DecodeError> {
    let text = bytes.trim_ascii();
    let shift = |e: DecodeError| DecodeError { offset: e.offset + base, ..e };
    match text {
        b"Heartbeat" => readings.push(Reading::new(Kind::Heartbeat)),
        b"OK" => readings.push(answer(Proof::Accepted, None)),
        _ if text.starts_with(b"Error") => readings.push(refused(text)),
        _ if text.starts_with(b"{") => push::read(bytes, readings).map_err(shift)?,
        _ if text.starts_with(b"--") && whole => parts(bytes, content_type, readings)?,
        _ => lines::read(bytes, readings).map_err(shift)?,
    }
    Ok(())
}

fn parts<'a>(
    bytes: &'a [u8],
    content_type: Option<&'a str>,
    readings: &mut Vec<Reading<'a>>,
) -> Result<(), DecodeError> {
    let stream = super::multipart::Multipart::of(bytes, content_type);
    let stream = stream.ok_or(DecodeError::new(ErrorCode::Syntax, 0, "boundary"))?;
    stream.each(|part| {
        if part.is_photo() || part.body.trim_ascii().is_empty() {
            return Ok(());
        }
        body(part.body, part.at, None, false, readings)
    })
}

fn answer<'a>(proof: Proof, detail: Option<Text<'a>>) -> Reading<'a> {
    let mut reading = Reading::new(Kind::Gate);
    reading.proof = Some(proof);
    if let Some(detail) = detail {
        reading.put("status_text", detail);
    }
    reading
}

/// `Error`, `ErrorID=2, Detail=…`: it comes with HTTP status 200.
fn refused(text: &[u8]) -> Reading<'_> {
    let detail = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).rfind(|line| !line.is_empty());
    let detail = detail.and_then(|line| core::str::from_utf8(line).ok()).map(Text::Borrowed);
    answer(Proof::Refused, detail)
}
