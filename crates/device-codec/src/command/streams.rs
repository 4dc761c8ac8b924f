//! Where cameras that wait to be called tell what they see: a stream that stays open, or answers to a poll.

use super::Wire;
use crate::protocol::Protocol;

/// The path of a camera's stream of events, a multipart body without end; nothing where the protocol has none.
///
/// ```
/// use device_codec::{Protocol, command::event_stream};
/// let path = event_stream(Protocol::HikvisionIsapi, 1).unwrap_or_default();
/// assert_eq!(path, "/ISAPI/Event/notification/alertStream");
/// ```
pub fn event_stream(protocol: Protocol, channel: u8) -> Option<String> {
    match protocol {
        Protocol::HikvisionIsapi => Some("/ISAPI/Event/notification/alertStream".to_owned()),
        // Both kinds of brackets stand as they are: the firmware does not read them escaped.
        Protocol::DahuaHttp => Some(format!(
            "/cgi-bin/snapManager.cgi?action=attachFileProc&channel={channel}&heartbeat=5&Flags[0]=Event\
             &Events=[TrafficJunction]"
        )),
        _ => None,
    }
}

/// Asks a camera for the plates that it read after one; nothing where the protocol has no such call.
///
/// `after` is the record of the last plate that came ([`Reading::record`](crate::Reading::record)); `"0"` asks for all
/// that it remembers.
///
/// ```
/// use device_codec::{Protocol, command::{Wire, plates_after}};
/// let Some(Wire::Request { method: "POST", path, body, .. }) = plates_after(Protocol::HikvisionIsapi, 1, "0") else {
///     panic!()
/// };
/// assert_eq!(path, "/ISAPI/Traffic/channels/1/vehicleDetect/plates");
/// assert!(String::from_utf8_lossy(&body).contains("<picTime>0</picTime>"));
/// ```
pub fn plates_after(protocol: Protocol, channel: u8, after: &str) -> Option<Wire> {
    if protocol != Protocol::HikvisionIsapi {
        return None;
    }
    // A record is a number or a time; what could end the element is no record.
    let after: String = after.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AfterTime version=\"2.0\" \
         xmlns=\"http://www.isapi.org/ver20/XMLSchema\"><picTime>{after}</picTime></AfterTime>"
    );
    let path = format!("/ISAPI/Traffic/channels/{channel}/vehicleDetect/plates");
    Some(Wire::Request { method: "POST", path, content_type: "application/xml", body: body.into_bytes() })
}

/// How the `route` of a frame ends that answers our question for what was missed while nobody was connected. A
/// fragment, which no request carries, so it is no part of what the device was asked.
pub const BACKLOG: &str = "#backlog";

/// Whether a frame is an answer to such a question: what it holds is old however late it comes.
pub(crate) fn is_backlog(route: Option<&str>) -> bool {
    route.is_some_and(|route| route.ends_with(BACKLOG))
}
