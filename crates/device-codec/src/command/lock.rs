//! Ground locks.

use super::{Action, CommandError, Target, Wire, json};

/// Dudu's lock through its platform: 1 raises, 3 lowers and stays. `Force` is never set: the lock's own car sensor
/// has the last word.
pub(super) fn dudu(action: &Action<'_>, target: &Target<'_>) -> Result<Wire, CommandError> {
    let option = match action {
        Action::Raise => 1,
        Action::Lower => 3,
        _ => return Err(CommandError::NotSupported),
    };
    let serial = target.serial.ok_or(CommandError::Missing("serial"))?;
    let body = json::object(|object| {
        object.text("LockSN", serial).int("Option", option).int("Force", 0);
        if !target.id.is_empty() {
            object.text("Msg_id", target.id);
        }
    });
    let path = "/CamControlByLockSn".to_owned();
    Ok(Wire::Request { method: "POST", path, content_type: "application/json", body })
}
