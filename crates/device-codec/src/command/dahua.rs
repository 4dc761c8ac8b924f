//! Dahua's barrier and clock.

use super::{Action, CommandError, Target, Wire};

/// A CGI call; all of them are GET.
pub(super) fn request(action: &Action<'_>, target: &Target<'_>) -> Result<Wire, CommandError> {
    let path = match action {
        Action::Open => format!(
            "/cgi-bin/trafficSnap.cgi?action=openStrobe&channel={}&info.openType=Normal",
            target.channel
        ),
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
