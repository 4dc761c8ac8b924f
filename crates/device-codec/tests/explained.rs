//! `explain` shows every byte of every published frame, and of a broken one what comes before the break.
#![allow(clippy::unwrap_used, clippy::panic)]

mod vectors;

use device_codec::{ErrorCode, Payload, Protocol, explain};
use vectors::{Vector, all};

/// The bytes that no field has, but for blanks and commas between the fields of a text.
fn uncovered(vector: &Vector, fields: &[device_codec::Field]) -> Vec<usize> {
    let documents = [Protocol::VzTcp, Protocol::MilesightTcp].contains(&vector.protocol);
    let text = documents || vector.protocol.info().payload != Payload::Binary;
    let mut seen = vec![false; vector.payload.len()];
    for field in fields {
        seen[field.offset..field.offset + field.len].fill(true);
    }
    let blank = |at: &usize| text && matches!(vector.payload[*at], b' ' | b'\r' | b'\n' | b'\t' | b',');
    (0..seen.len()).filter(|at| !seen[*at]).filter(|at| !blank(at)).collect()
}

#[test]
fn every_byte_has_a_field() {
    for vector in all() {
        let explained = explain(vector.protocol, &vector.payload, &vector.context());
        let missed = uncovered(&vector, &explained.fields);
        assert!(missed.is_empty(), "{}: {missed:?} of {:#?}", vector.name, explained.fields);
        assert!(explained.fields.iter().all(|field| !field.name.is_empty()), "{}", vector.name);
    }
}

/// What is cut off takes its fields with it and no others; the bytes that are left keep theirs.
#[test]
fn a_cut_frame_is_shown_up_to_the_cut() {
    for mut vector in all() {
        let half = vector.payload.len() / 2;
        vector.payload.truncate(half);
        let explained = explain(vector.protocol, &vector.payload, &vector.context());
        let missed = uncovered(&vector, &explained.fields);
        assert!(missed.is_empty(), "{}: {missed:?} of {:#?}", vector.name, explained.fields);
        assert!(explained.fields.iter().all(|field| field.offset + field.len <= half), "{}", vector.name);
    }
}

/// Detectors' frames of a fixed length are read as far as they go, not refused at once.
#[test]
fn a_cut_frame_of_fixed_length_shows_its_fields() {
    for (protocol, port, bytes, wanted) in [
        (Protocol::NetvoxR719a, Some(6), &b"\x01\x59\x01\xa4"[..], "battery"),
        (Protocol::Libelium11, None, &b"\x81\xff\x0c"[..], "hours"),
        (Protocol::LibeliumSp2, None, &b"\x81\xff\x0c\xf6"[..], "temperature"),
    ] {
        let context = device_codec::Context { port, ..device_codec::Context::default() };
        let explained = explain(protocol, bytes, &context);
        assert_eq!(explained.error.unwrap().code, ErrorCode::Truncated, "{protocol}");
        assert!(explained.fields.iter().any(|field| field.name == wanted), "{protocol}");
    }
}

fn shown(protocol: Protocol, payload: &[u8]) -> Vec<(String, String)> {
    let explained = explain(protocol, payload, &device_codec::Context::default());
    explained.fields.into_iter().map(|field| (field.name.into_owned(), field.value)).collect()
}

#[test]
fn xml_field_by_field_and_up_to_the_break() {
    let alert = "<?xml version=\"1.0\"?><EventNotificationAlert><eventType>ANPR</eventType><ANPR>\
                 <licensePlate>粤B12345</licensePlate><line>1</line></ANPR></EventNotificationAlert>";
    let pair = |name: &str, value: &str| (format!("EventNotificationAlert.{name}"), value.to_owned());
    let whole = [pair("eventType", "ANPR"), pair("ANPR.licensePlate", "粤B12345"), pair("ANPR.line", "1")];
    assert_eq!(shown(Protocol::HikvisionIsapi, alert.as_bytes()), whole);
    let cut = &alert[..alert.find("</line>").unwrap()];
    let explained = explain(Protocol::HikvisionIsapi, cut.as_bytes(), &device_codec::Context::default());
    assert_eq!(explained.error.unwrap().code, ErrorCode::Truncated);
    let broken = shown(Protocol::HikvisionIsapi, cut.as_bytes());
    assert_eq!(broken[..2], whole[..2]);
    assert_eq!(broken[2..], [("not reached".to_owned(), "<line>1".to_owned())]);
}

#[test]
fn a_body_in_gbk_behind_a_binary_header() {
    let body = b"{\"cmd\":\"ivs_result\",\"PlateResult\":{\"license\":\"\xd4\xc1B12345\"}}\0\xff\xd8\xff";
    let mut frame = vec![b'V', b'Z', 0, 7, 0, 0, 0, body.len() as u8];
    frame.extend_from_slice(body);
    let fields = shown(Protocol::VzTcp, &frame);
    let value = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(value("sequence"), Some("7"));
    assert_eq!(value("cmd"), Some("ivs_result"));
    assert_eq!(value("PlateResult.license"), Some("粤B12345"));
    assert_eq!(value("end mark and photos"), Some("00FFD8FF"));
}

#[test]
fn passwords_are_not_shown() {
    let form = b"device_name=IVS&serialno=0f823866-d2dc45ab&user_name=admin&pass_wd=secret&password=secret";
    let fields = shown(Protocol::VzHttp, form);
    assert!(fields.contains(&("serialno".to_owned(), "0f823866-d2dc45ab".to_owned())));
    assert!(
        fields.iter().all(|(_, value)| !value.contains("admin") && !value.contains("secret")),
        "{fields:?}"
    );
    let login = b"{\"id\":\"admin\",\"password\":\"secret\"}";
    let mut frame = vec![0xcc, 0xff, 1, 0, login.len() as u8 + 2, 0, 0, 0];
    frame.extend_from_slice(login);
    frame.extend_from_slice(&[0xff, 0xdd]);
    let fields = shown(Protocol::MilesightTcp, &frame);
    assert!(fields.iter().all(|(_, value)| !value.contains("secret")), "{fields:?}");
}
