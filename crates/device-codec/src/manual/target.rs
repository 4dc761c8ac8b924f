//! What an action is aimed at: exactly one of session, berth, lot with plate or ticket, lane, lot.

use super::Target;
use super::read::{Fields, id, plate};
use crate::error::{DecodeError, ErrorCode};

/// Takes the target out of the fields, and leaves those that are the action's own: an `entry` keeps its `plate` and
/// `ticket`, a `plate` its `plate`, a `berth` its `berth`.
pub(super) fn target(action: &str, fields: &mut Fields<'_>) -> Result<Target, DecodeError> {
    let own_vehicle = matches!(action, "entry" | "plate");
    if fields.has("session") {
        return Ok(Target::Session(fields.required("session", id)?));
    }
    match action {
        // It finds its session by the payment.
        "payment_reversed" => return Ok(Target::None),
        "count" => return Ok(Target::Lot(fields.required("lot", id)?)),
        "gate" => return Ok(Target::Lane(fields.required("lane", id)?)),
        _ => {}
    }
    if action != "berth" && fields.has("berth") {
        return Ok(Target::Berth(fields.required("berth", id)?));
    }
    if fields.has("lot") {
        return lot(own_vehicle, action, fields);
    }
    if fields.has("lane") {
        return Ok(Target::Lane(fields.required("lane", id)?));
    }
    // Money that names no session is still money: it has come, and somebody must look at it.
    if action == "payment" { Ok(Target::None) } else { Err(fields.missing("session")) }
}

fn lot(own_vehicle: bool, action: &str, fields: &mut Fields<'_>) -> Result<Target, DecodeError> {
    let lot = fields.required("lot", id)?;
    if !own_vehicle && fields.has("plate") {
        return Ok(Target::LotPlate(lot, fields.required("plate", plate)?));
    }
    if action != "entry" && fields.has("ticket") {
        return Ok(Target::LotTicket(lot, fields.required("ticket", id)?));
    }
    // Every action but `count` is about one session, which a lot alone does not tell.
    Err(DecodeError { code: ErrorCode::Missing, ..fields.missing("plate") })
}
