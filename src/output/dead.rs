//! Dead letters.

use super::json::{Object, hex, key};
use crate::record::{Reason, Refusal, What};

/// A record and why it could not be used. What is no JSON object stands as the hex of its bytes.
pub(crate) fn dead_letter(record: &[u8], readable: bool, refusal: &Refusal) -> Vec<u8> {
    let mut out = Vec::with_capacity(record.len() + 160);
    let mut object = Object::record(&mut out);
    if readable {
        object.raw(key!("frame"), record.trim_ascii());
    } else {
        let mut frame = Object::open(object.key(key!("frame")));
        let payload = frame.key(key!("payload"));
        payload.push(b'"');
        hex(payload, record);
        payload.push(b'"');
        frame.close();
    }
    let mut error = Object::open(object.key(key!("error")));
    error.plain(key!("code"), refusal.reason.code());
    if let Reason::Reading(index, _) = refusal.reason {
        error.number(key!("index"), index);
    }
    if let What::Payload(wrong) = refusal.what {
        error.plain(key!("cause"), wrong.code.as_str());
    }
    if let Some(offset) = refusal.offset {
        error.number(key!("offset"), offset);
    }
    error.text(key!("message"), &refusal.to_string());
    error.close();
    object.close();
    out
}
