//! Hikvision's barrier control.

use super::{Action, CommandError, Target, Wire};

/// `PUT /ISAPI/Parking/channels/{n}/barrierGate`, the entrance cameras' own; or the question where the arm is.
pub(super) fn request(action: &Action<'_>, target: &Target<'_>) -> Result<Wire, CommandError> {
    let mode = match action {
        Action::Open => "open",
        Action::Close => "close",
        Action::Lock => "lock",
        Action::Normal => "unlock",
        Action::Query => {
            let path = format!("/ISAPI/Parking/channels/{}/barrierGate/barrierGateStatus", target.channel);
            return Ok(Wire::Request { method: "GET", path, content_type: "", body: Vec::new() });
        }
        _ => return Err(CommandError::NotSupported),
    };
    let path = format!("/ISAPI/Parking/channels/{}/barrierGate", target.channel);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<BarrierGate version=\"2.0\" \
         xmlns=\"http://www.isapi.org/ver20/XMLSchema\"><ctrlMode>{mode}</ctrlMode></BarrierGate>"
    );
    Ok(Wire::Request { method: "PUT", path, content_type: "application/xml", body: body.into_bytes() })
}
