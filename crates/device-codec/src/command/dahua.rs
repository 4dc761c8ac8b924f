//! Dahua's barrier and clock.

use super::{Action, CommandError, Target, Wire, json};

/// A CGI call; all of them are GET.
pub(super) fn request(action: &Action<'_>, target: &Target<'_>) -> Result<Wire, CommandError> {
    let path = match action {
        Action::Open => {
            let call = "/cgi-bin/trafficSnap.cgi?action=openStrobe";
            let mut path = format!("{call}&channel={}&info.openType=Normal", target.channel);
            if let Some(plate) = target.plate {
                path.push_str("&info.plateNumber=");
                escape(plate, &mut path);
            }
            path
        }
        Action::Close => format!("/cgi-bin/trafficSnap.cgi?action=closeStrobe&channel={}", target.channel),
        Action::SetClock { local } => {
            let secs = local.nanos_of_day() / 1_000_000_000;
            let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
            let date = local.date();
            format!(
                "/cgi-bin/global.cgi?action=setCurrentTime&time={date}%20{hour:02}:{minute:02}:{second:02}"
            )
        }
        _ => return Err(CommandError::NotSupported),
    };
    Ok(Wire::Request { method: "GET", path, content_type: "", body: Vec::new() })
}

/// UTF-8 as a query takes it.
fn escape(text: &str, out: &mut String) {
    for b in text.bytes() {
        match b {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.push(char::from(b)),
            _ => out.push_str(&format!("%{b:02X}")),
        }
    }
}

/// The answer to a camera's own notification (ITSAPI): `Result` lets the camera forget it, `OpenStrobe` opens the gate.
/// Without actions it says only that the notification is stored.
///
/// ```
/// use device_codec::command::{Action, dahua_push_reply};
/// let body = dahua_push_reply(&[Action::Open], Some("cam-1"))?;
/// assert_eq!(body, br#"{"Result":true,"DeviceID":"cam-1","OpenStrobe":true}"#);
/// # Ok::<(), device_codec::command::CommandError>(())
/// ```
///
/// # Errors
/// [`CommandError::NotSupported`] for every action but [`Action::Open`]: the answer has no other word.
pub fn dahua_push_reply(actions: &[Action<'_>], device: Option<&str>) -> Result<Vec<u8>, CommandError> {
    if actions.iter().any(|action| *action != Action::Open) {
        return Err(CommandError::NotSupported);
    }
    Ok(json::object(|object| {
        object.raw("Result", b"true");
        if let Some(device) = device {
            object.text("DeviceID", device);
        }
        object.raw("OpenStrobe", if actions.is_empty() { b"false" } else { b"true" });
    }))
}
