//! What a platform that dials a Vzenith camera says beside commands: that it is there, and which records it wants.

use super::json::Object;

/// What the camera is asked for on its TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VzCall {
    /// A sign of life, every five seconds both ways; it has no answer but the camera's own.
    Alive,
    /// Send results as they are made, as JSON with photos.
    Subscribe,
    /// Decide by your own white list when [`Online`](Self::Online) was not heard for so many seconds.
    Watch {
        /// How long the camera waits.
        secs: u32,
    },
    /// We are here. The camera answers nothing.
    Online,
    /// The number of the newest record, which comes back as `newest_record`.
    NewestRecord,
    /// One record that was missed, with its photos; it comes as a result does.
    Record(u64),
}

/// A frame of the TCP protocol. After a lost connection: [`VzCall::Subscribe`], [`VzCall::NewestRecord`], then a
/// [`VzCall::Record`] for each number between the last one that came and the newest.
///
/// ```
/// use device_codec::command::{VzCall, vz_tcp_call};
/// assert_eq!(vz_tcp_call(VzCall::Alive), b"VZ\x01\0\0\0\0\0");
/// assert_eq!(vz_tcp_call(VzCall::NewestRecord), b"VZ\0\0\0\0\0\x18{\"cmd\":\"get_max_rec_id\"}");
/// ```
pub fn vz_tcp_call(call: VzCall) -> Vec<u8> {
    let mut body = Vec::new();
    let mut object = Object::open(&mut body);
    match call {
        VzCall::Alive => return vec![b'V', b'Z', 1, 0, 0, 0, 0, 0],
        VzCall::Subscribe => {
            object.text("cmd", "ivsresult").raw("enable", b"true").text("format", "json");
            object.raw("image", b"true").int("image_type", 0);
        }
        VzCall::Watch { secs } => {
            object.text("cmd", "reg_offline_check").int("interval", i64::from(secs));
        }
        VzCall::Online => {
            object.text("cmd", "response_online");
        }
        VzCall::NewestRecord => {
            object.text("cmd", "get_max_rec_id");
        }
        VzCall::Record(id) => {
            object.text("cmd", "get_record").raw("id", id.to_string().as_bytes());
            object.text("format", "json").raw("image", b"true");
        }
    }
    object.close();
    super::vz::framed(&body)
}
