//! The YunParking gateway's commands: twelve bytes as hex in a JSON message.

use super::{Action, CommandError, Target, Wire, json};

/// Hundreds and the rest have two digits each.
const PLACES_MAX: u32 = 9999;

/// A gate, a bay lock or a guidance screen behind a gateway. A lock obeys the gate's frame: down is open.
pub(super) fn publish(action: &Action<'_>, target: &Target<'_>) -> Result<Wire, CommandError> {
    let [kind, first, second] = match action {
        Action::Open | Action::Lower => [0, 1, 1],
        Action::Close | Action::Raise => [0, 1, 0],
        Action::FreePlaces(places) => places_shown(*places)?,
        _ => return Err(CommandError::NotSupported),
    };
    let serial = target.serial.ok_or(CommandError::Missing("serial"))?;
    // Gates: 30 01 00 01 F; screens: 30 01 02 HH LL; zeros to twelve bytes.
    let data = format!("3001{kind:02x}{first:02x}{second:02x}{}", "00".repeat(7));
    let payload = json::object(|object| {
        object.text("deviceId", serial).text("data", &data);
    });
    Ok(Wire::Publish { topic: format!("iot_topic/gw/{serial}"), payload })
}

/// Free places: hundreds, then the rest, each as two decimal digits that are read as hex.
fn places_shown(places: u32) -> Result<[u8; 3], CommandError> {
    if places > PLACES_MAX {
        return Err(CommandError::Value("places"));
    }
    let decimal = |two: u32| (two / 10 * 16 + two % 10) as u8;
    Ok([2, decimal(places / 100), decimal(places % 100)])
}
