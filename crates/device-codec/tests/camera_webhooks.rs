//! What webhooks say beyond the vendors' examples: times that cannot be read, lists of pictures.
#![allow(clippy::unwrap_used)]

use device_codec::{Context, Protocol, decode};

fn readings(protocol: Protocol, body: &str) -> Vec<serde_json::Value> {
    let mut readings = Vec::new();
    decode(protocol, body.as_bytes(), &Context::default(), &mut |reading| {
        let mut line = Vec::new();
        reading.write_json(&mut line);
        readings.push(serde_json::from_slice(&line).unwrap());
    })
    .unwrap();
    readings
}

#[test]
fn a_time_that_cannot_be_read_is_kept_as_it_was_written() {
    let cases = [
        (
            Protocol::PlateRecognizer,
            r#"{"timestamp":"yesterday","results":[{"plate":"ab123"}]}"#,
            "yesterday",
        ),
        (Protocol::Survision, r#"{"anpr":{"@date":"soon","decision":{"@plate":"AB123"}}}"#, "soon"),
        (
            Protocol::Openalpr,
            r#"{"data_type":"alpr_group","best_plate_number":"AB123","epoch_start":0}"#,
            "0",
        ),
        (Protocol::MilesightTcp, r#"{"plate":"AB123","time":"later"}"#, "later"),
        (Protocol::MilesightTcp, r#"{"plate":"AB123","time":-5}"#, "-5"),
    ];
    for (protocol, body, raw) in cases {
        let [reading] = &readings(protocol, body)[..] else { panic!("{body}") };
        assert_eq!(reading["more"]["device_time_raw"], raw, "{body}");
        assert_eq!(reading.get("device_time"), None, "{body}");
    }
}

#[test]
fn where_one_time_cannot_be_read_the_other_counts() {
    let body =
        r#"{"timestamp":"x","timestamp_local":"2026-03-02 08:00:00+01:00","results":[{"plate":"ab123"}]}"#;
    let [reading] = &readings(Protocol::PlateRecognizer, body)[..] else { panic!("one reading") };
    assert_eq!(reading["device_time"], "2026-03-02T07:00:00Z");
}

#[test]
fn a_list_of_pictures_says_as_much_as_one_picture() {
    let picture = r#"{"filename":"f.jpg","camera_id":"gate","timestamp":"2026-03-02T07:00:00Z","results":[
        {"plate":"ab123","score":0.9,"region":{"code":"gb"},"vehicle":{"type":"Sedan"},"direction":180}]}"#;
    let alone = readings(Protocol::PlateRecognizer, picture);
    assert_eq!(alone[0]["vehicle_text"], "Sedan");
    assert_eq!(readings(Protocol::PlateRecognizer, &format!("[{picture}]")), alone);
}
