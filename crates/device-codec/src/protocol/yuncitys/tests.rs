use crate::{Context, DecodeError, ErrorCode, Protocol, decode, explain};

fn readings(payload: &str) -> Result<Vec<serde_json::Value>, DecodeError> {
    let mut all = Vec::new();
    decode(Protocol::YuncitysGateway, payload.as_bytes(), &Context::default(), &mut |reading| {
        let mut json = Vec::new();
        reading.write_json(&mut json);
        all.push(serde_json::from_slice(&json).unwrap());
    })?;
    Ok(all)
}

fn one(payload: &str) -> serde_json::Value {
    let mut all = readings(payload).unwrap_or_else(|e| panic!("{payload}: {e}"));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn magnetometer(data: &str, rest: &str) -> String {
    format!(
        r#"{{"msgType":1,"id":"gw","deviceId":"m-1","2_devTypeCode":"212","type":"U","data":"{data}"{rest}}}"#
    )
}

const STATUS: &str = r#","countTopicId":7,"2_spaceStatus":"1","2_deviceTime":"2026-03-02 08:00:00","2_clockState":"0","2_packageSerialNumberHead":255"#;

#[test]
fn a_magnetometer_tells_changes_from_heartbeats() {
    let change = one(&magnetometer("01", STATUS));
    assert_eq!((&change["kind"], &change["occupied"]), (&"occupancy".into(), &true.into()));
    assert_eq!(change["device_time"], "2026-03-02T08:00:00");
    assert_eq!((&change["sequence"], &change["device"]), (&255.into(), &"m-1".into()));
    assert_eq!(change["more"]["countTopicId"], 7);
    let heartbeat = one(&magnetometer("00", STATUS));
    assert_eq!((&heartbeat["kind"], &heartbeat["occupied"]), (&"heartbeat".into(), &true.into()));
}

#[test]
fn no_data_is_a_sign_of_life_and_states_nothing() {
    for none in ["0", ""] {
        let alive = one(&magnetometer(none, STATUS));
        assert_eq!(alive["kind"], "heartbeat");
        assert_eq!(alive.get("occupied"), None);
        assert_eq!(alive["sequence"], 255);
    }
}

#[test]
fn an_ultrasonic_detector_reports_states() {
    let payload = r#"{"msgType":1,"deviceId":"u-1","2_devTypeCode":"193","type":"U","data":"00050001"}"#;
    let report = one(payload);
    assert_eq!((&report["kind"], &report["occupied"]), (&"state".into(), &true.into()));
    assert_eq!(report["more"]["packet_counter"], 5);
    assert_eq!(one(&payload.replace("00050001", "08050000"))["more"]["answer"], true);
    let error = readings(&payload.replace("00050001", "00050002")).unwrap_err();
    assert_eq!((error.code, error.field), (ErrorCode::Value, "state"));
    assert_eq!(&payload[error.offset..=error.offset], "0");
}

#[test]
fn a_bay_camera_reads_plates_in_both_writings() {
    let frame = |data: &str| {
        format!(r#"{{"msgType":1,"deviceId":"v-9","2_devTypeCode":200,"type":"M","data":"{data}"}}"#)
    };
    let vzenith = one(&frame("61000001020007 12 42313233 3435".replace(' ', "").as_str()));
    assert_eq!((&vzenith["kind"], &vzenith["plate"]), (&"state".into(), &"粤B12345".into()));
    assert_eq!((&vzenith["berth_no"], &vzenith["plate_color"]), (&2.into(), &"blue".into()));
    let dahua = one(&frame("600000010100 08 d4c1423132333435".replace(' ', "").as_str()));
    assert_eq!(dahua["plate"], "粤B12345");
    let vacant = one(&frame("61000000010000"));
    assert_eq!((&vacant["occupied"], vacant.get("plate")), (&false.into(), None));
    for (data, code) in [
        ("62000001020000", ErrorCode::Kind),
        ("61000001040000", ErrorCode::Value),
        ("610000010100074012", ErrorCode::Truncated),
        ("61000001010", ErrorCode::Syntax),
    ] {
        assert_eq!(readings(&frame(data)).unwrap_err().code, code, "{data}");
    }
}

#[test]
fn announcements_and_what_is_not_published() {
    let hello = one(r#"{"msgType":2,"id":"gw","deviceId":"m-1","devtype":"212"}"#);
    assert_eq!((&hello["kind"], &hello["device"]), (&"config".into(), &"m-1".into()));
    let lock = one(r#"{"msgType":1,"deviceId":"l-1","2_devTypeCode":"197","data":"3001"}"#);
    assert_eq!((&lock["kind"], &lock["more"]["data"]), (&"debug".into(), &"3001".into()));
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        (magnetometer("01", ""), ErrorCode::Missing, "2_spaceStatus"),
        (
            magnetometer("01", r#","2_spaceStatus":"1","2_packageSerialNumberHead":256"#),
            ErrorCode::Value,
            "2_packageSerialNumberHead",
        ),
        (magnetometer("0g", STATUS), ErrorCode::Syntax, "data"),
        (r#"{"msgType":1,"deviceId":"x","data":"00"}"#.to_owned(), ErrorCode::Missing, "2_devTypeCode"),
        (
            r#"{"msgType":1,"deviceId":"x","2_devTypeCode":"999","data":"00"}"#.to_owned(),
            ErrorCode::Kind,
            "2_devTypeCode",
        ),
        (r#"{"msgType":3,"deviceId":"x"}"#.to_owned(), ErrorCode::Kind, "msgType"),
        (r#"{"deviceId":"x"}"#.to_owned(), ErrorCode::Missing, "msgType"),
    ];
    for (payload, code, field) in cases {
        let error = readings(&payload).unwrap_err();
        assert_eq!((error.code, error.field), (code, field), "{payload}");
        assert!(error.offset <= payload.len());
    }
}

#[test]
fn a_clock_that_was_never_set_does_not_cost_the_event() {
    let reading = one(&magnetometer("01", r#","2_spaceStatus":"0","2_deviceTime":"0000-00-00 00:00:00""#));
    assert_eq!((&reading["occupied"], reading.get("device_time")), (&false.into(), None));
    assert_eq!(reading["more"]["2_deviceTime"], "0000-00-00 00:00:00");
}

#[test]
fn the_bytes_in_the_hex_are_explained_where_they_stand() {
    let payload = magnetometer("01", STATUS);
    let explanation = explain(Protocol::YuncitysGateway, payload.as_bytes(), &Context::default());
    let event = explanation.fields.iter().find(|field| field.name == "event").unwrap();
    assert_eq!((event.meaning.as_str(), event.len), ("the state changed", 2));
    assert_eq!(&payload[event.offset..event.offset + 2], "01");
}
