//! `vz-http`, and the dialects `qianyi-http` and `alphadigi-http`: the camera posts to us.

use parking_types::Span;

use super::{plate_result::Writing, push::Push, tables::Dialect};
use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    json::Json,
    protocol::{Out, ProtocolInfo, camera::form::Form},
    reader::Reader,
    reading::{Fact, Kind, Reading},
    trace::Trace,
};

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Vzenith 臻识 cameras, HTTP push",
    says: &[
        "plate",
        "plate_color",
        "plate_confidence",
        "vehicle",
        "vehicle_text",
        "device",
        "device_time",
        "record",
        "gate_state",
        "offline_upload",
        "heartbeat",
        "gate",
        "debug",
    ],
    commands: crate::command::VZ,
    heartbeat: Some(Span::from_secs(30)),
    ..ProtocolInfo::JSON
};

pub(in crate::protocol) const QIANYI: ProtocolInfo =
    ProtocolInfo { title: "Qianyi 芊熠 cameras, HTTP push", ..INFO };

pub(in crate::protocol) const ALPHADIGI: ProtocolInfo =
    ProtocolInfo { title: "Alphadigi cameras, HTTP push", ..INFO };

/// A push of a Vzenith camera, or of an Alphadigi one, which has the same numbers.
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    push(frame.all(), context, Dialect::Vzenith, out)
}

/// A push of a Qianyi camera.
pub(in crate::protocol) fn decode_qianyi<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    push(frame.all(), context, Dialect::Qianyi, out)
}

fn push<'a>(
    bytes: &'a [u8],
    context: &Context<'a>,
    dialect: Dialect,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    if let Some(form) = Form::of(bytes, context) {
        return heartbeat(form, out);
    }
    let mut json = Json::new(bytes);
    let mut push = Push::new(dialect, Writing::Plain);
    push.read(&mut json);
    json.finish()?;
    let mut reading = Reading::new(Kind::Debug);
    push.put(&mut reading)?;
    out(&reading);
    Ok(())
}

/// A sign of life is a form. It carries the camera's user and password in clear: neither leaves this function.
fn heartbeat<'a>(form: Form<'a>, out: Out<'_, 'a>) -> Result<(), DecodeError> {
    let mut reading = Reading::new(Kind::Heartbeat);
    form.each(|field| {
        match field.name {
            b"serialno" => reading.set(Fact::Device, Some(field.text()?)),
            b"device_name" if !field.value.is_empty() => reading.put("device_name", field.text()?),
            _ => {}
        }
        Ok(())
    })?;
    if reading.device().is_none() {
        return Err(DecodeError::new(ErrorCode::Missing, 0, "serialno"));
    }
    out(&reading);
    Ok(())
}
