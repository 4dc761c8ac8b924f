//! Frames that are bound, and those that cannot be.

use parking_types::Id;
use session_core::{FrameName, Number, Place, ReadingKind};

use super::*;
use crate::record::{Body, Record};

fn site() -> Site {
    let text = r#"{"format":1,
        "lots":[{"id":"L1","kind":"roadside","time_zone":"Europe/Berlin"},{"id":"G1","kind":"gated","time_zone":"Asia/Shanghai"}],
        "berths":[{"id":"b1","lot":"L1"},{"id":"b2","lot":"L1"}],
        "lanes":[{"id":"in","lot":"G1","direction":"entry"}],
        "devices":[{"id":"m","protocol":"bosch-tps110","berth":"b1"},
                   {"id":"gw","protocol":"yuncitys-gateway","berths":{"1":"b1","2":"b2"}},
                   {"id":"one","protocol":"yuncitys-gateway","berth":"b2"},
                   {"id":"loose","protocol":"bosch-tps110"},
                   {"id":"cam","protocol":"vz-http","lane":"in","direction":{"4":"exit"}}]}"#;
    Site::parse(&[("site", text)]).unwrap()
}

/// Binds one record and looks at the frame.
fn bound<R>(site: &Site, line: &str, look: impl FnOnce(Result<Frame<'_>, Refusal>) -> R) -> R {
    let record = Record::read(line.as_bytes(), &site.tenant()).unwrap();
    let Body::Frame(frame) = record.body else { panic!("no frame") };
    let bound = Binder::default().bind(&frame, record.received_at, site);
    look(
        bound
            .as_ref()
            .map(|bound| bound.frame(FrameName::default(), record.received_at))
            .map_err(Clone::clone),
    )
}

fn bosch(device: &str, more: &str) -> String {
    format!(r#"{{"received_at":"2026-03-02T08:00:00+01:00","device":"{device}",{more}}}"#)
}

fn gateway(device: &str, received_at: &str, device_time: &str, number: u32) -> String {
    format!(
        r#"{{"received_at":"{received_at}","device":"{device}","counter":3,"payload":{{"msgType":1,"id":"gw","deviceId":"{device}",
        "2_devTypeCode":"212","type":"U","data":"01","countTopicId":1,"2_spaceStatus":"1","2_deviceTime":"{device_time}",
        "2_clockState":"0","2_packageSerialNumberHead":{number},"2_rfRecStreng":"60","2_brighValue":"1"}}}}"#
    )
}

#[test]
fn a_frame_finds_its_berth() {
    let site = site();
    bound(&site, &bosch("m", r#""port":1,"counter":65537,"join":"a","payload":"01""#), |frame| {
        let frame = frame.unwrap();
        let b1 = Place::Berth { lot: Id::new("L1").unwrap(), berth: Id::new("b1").unwrap() };
        let reading = frame.readings.first().unwrap();
        assert_eq!(
            (reading.place, reading.kind, reading.occupied),
            (Some(b1), ReadingKind::Change, Some(true))
        );
        assert!(matches!(
            frame.number,
            Some(Number::Cyclic { value: 1, first: 0, last: 65_535, run: Some(_) })
        ));
    });
    bound(&site, &bosch("m", r#""port":1,"payload":"01""#), |frame| assert_eq!(frame.unwrap().number, None));
}

#[test]
fn what_cannot_be_bound_is_named() {
    let site = site();
    for (line, code, message) in [
        (bosch("x", r#""port":1,"payload":"01""#), "unknown_device", "the site has no such device"),
        (bosch("loose", r#""port":1,"payload":"01""#), "unbound", "the device is bound to nothing there"),
        (
            bosch("m", r#""protocol":"bosch","payload":"01""#),
            "unknown_protocol",
            "protocol: no such protocol is built in",
        ),
        (bosch("m", r#""port":1,"payload":"0x""#), "malformed", "payload: expected pairs of hex digits"),
        (bosch("m", r#""port":1,"payload":{"a":1}"#), "malformed", "payload: expected hex"),
        (
            bosch("m", r#""port":1,"payload":"""#),
            "malformed",
            "payload: the frame ends too early at byte 0 (state) (truncated)",
        ),
    ] {
        bound(&site, &line, |frame| {
            let refusal = frame.unwrap_err();
            assert_eq!((refusal.reason.code(), refusal.to_string().as_str()), (code, message), "{line}");
        });
    }
}

#[test]
fn a_local_time_is_in_the_lots_zone() {
    let site = site();
    let time = |received_at: &str, device_time: &str| {
        bound(&site, &gateway("one", received_at, device_time, 7), |frame| {
            frame.unwrap().readings.first().unwrap().device_time.unwrap().to_string()
        })
    };
    assert_eq!(time("2026-03-02T08:00:02+01:00", "2026-03-02 08:00:00"), "2026-03-02T07:00:00Z");
    // The clock was set back at 03:00: 02:30 was twice.
    assert_eq!(time("2026-10-25T00:31:00Z", "2026-10-25 02:30:00"), "2026-10-25T00:30:00Z");
    assert_eq!(time("2026-10-25T01:31:00Z", "2026-10-25 02:30:00"), "2026-10-25T01:30:00Z");
    // The clock was set forward at 02:00, but not that of the device.
    assert_eq!(time("2026-03-29T01:31:00Z", "2026-03-29 02:30:00"), "2026-03-29T01:30:00Z");
}

#[test]
fn the_protocols_own_number_comes_before_the_records() {
    let site = site();
    let head = |number| {
        bound(&site, &gateway("one", "2026-03-02T08:00:02+01:00", "2026-03-02 08:00:00", number), |frame| {
            let frame = frame.unwrap();
            (frame.number, frame.restart)
        })
    };
    let cyclic = |value| Some(Number::Cyclic { value, first: 1, last: 255, run: None });
    assert_eq!(head(7), (cyclic(7), false));
    assert_eq!(head(0), (cyclic(255), true));
}

#[test]
fn a_direction_code_is_looked_up() {
    let site = site();
    let way = |code: u32| {
        let line = format!(
            r#"{{"received_at":"2026-03-02T08:00:01+08:00","device":"cam","payload":{{"AlarmInfoPlate":{{"result":{{"PlateResult":
            {{"license":"粤B12345","direction":{code},"plateid":1}}}},"serialno":"s"}}}}}}"#
        );
        bound(&site, &line, |frame| frame.unwrap().readings.first().unwrap().direction)
    };
    assert_eq!((way(4), way(3)), (Some(Direction::Exit), None));
}

#[test]
fn a_copy_has_the_same_digest_whatever_the_radio_says() {
    let site = site();
    let digest = |line: &str| bound(&site, line, |frame| frame.unwrap().readings.first().unwrap().digest);
    let first = digest(&bosch("m", r#""port":1,"counter":1,"rssi_dbm":-90,"payload":"01""#));
    assert_eq!(first, digest(&bosch("m", r#""port":1,"counter":2,"rssi_dbm":-80,"payload":"01""#)));
    assert_ne!(first, digest(&bosch("m", r#""port":1,"counter":1,"payload":"00""#)));
}
