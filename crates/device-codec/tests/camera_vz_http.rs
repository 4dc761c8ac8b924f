//! `vz-http` frames, by the vendor's document and by what integrators captured; plates are made up.
#![allow(clippy::unwrap_used, clippy::panic)]

use device_codec::{
    Context, DeviceTime, ErrorCode, GateState, Kind, Proof, Protocol, Reading, Value, decode,
};
use parking_types::{Instant, PlateColor, PlateReading, VehicleClass};

fn one<T>(payload: &str, look: impl FnOnce(&Reading<'_>) -> T) -> T {
    let (mut look, mut seen) = (Some(look), None);
    decode(Protocol::VzHttp, payload.as_bytes(), &Context::default(), &mut |reading| {
        seen = look.take().map(|look| look(reading));
    })
    .unwrap();
    seen.unwrap()
}

const PUSH: &str = r#"{"AlarmInfoPlate":{"channel":0,"deviceName":"","ipaddr":"192.168.22.2","result":{"PlateResult":{
    "car_brand":{"brand":255,"year":65535,"type":255},"bright":0,"carColor":255,"colorType":1,"confidence":94,
    "direction":4,"license":"粤B12345","location":{"RECT":{"bottom":363,"left":335,"right":474,"top":312}},
    "timeStamp":{"Timeval":{"decday":2,"dechour":8,"decmin":0,"decmon":3,"decsec":0,"decyear":2026,"sec":1772409600,
    "usec":638000}},"triggerType":8,"type":1,"plateid":90034,"isoffline":1,
    "gioouts":[{"ctrltype":2,"ionum":"0"},{"ctrltype":0,"ionum":"1"}]}},"serialno":"0f823866-d2dc45ab"}}"#;

#[test]
fn a_push_says_all_that_it_states() {
    one(PUSH, |reading| {
        assert_eq!(reading.kind, Kind::Plate);
        let Some(PlateReading::Plate(plate)) = reading.plate else { panic!("no plate") };
        assert_eq!(plate.as_str(), "粤B12345");
        assert_eq!(reading.plate_color, Some(PlateColor::Blue));
        assert_eq!(reading.plate_confidence.unwrap().to_string(), "94");
        assert_eq!(reading.vehicle, Some(VehicleClass::Small));
        assert_eq!(reading.vehicle_text().as_deref(), Some("蓝牌小汽车"));
        assert_eq!(reading.direction_code().as_deref(), Some("4"));
        assert_eq!(reading.direction, None);
        assert_eq!(reading.device().as_deref(), Some("0f823866-d2dc45ab"));
        assert_eq!(reading.record().as_deref(), Some("90034"));
        assert_eq!(reading.offline_upload, Some(true));
        let at: Instant = "2026-03-02T08:00:00.638+08:00".parse().unwrap();
        assert_eq!(reading.device_time, Some(DeviceTime::Utc(at)));
        assert_eq!(reading.gate_state, Some(GateState::Open));
        assert_eq!(reading.get("gate_opened_by"), Some(&Value::from("camera")));
        assert_eq!(reading.get("trigger"), Some(&Value::Int(8)));
    });
}

#[test]
fn the_vehicles_colour_is_said_in_words_where_it_is_known() {
    one(PUSH, |reading| assert_eq!(reading.get("vehicle_color"), None));
    one(&PUSH.replace("\"carColor\":255", "\"carColor\":8"), |reading| {
        assert_eq!(reading.get("vehicle_color"), Some(&Value::from("black")));
    });
    one(&PUSH.replace("\"carColor\":255", "\"carColor\":12"), |reading| {
        assert_eq!(reading.get("vehicle_color"), Some(&Value::Int(12)));
    });
}

#[test]
fn the_server_as_opener_is_no_open_gate_of_the_cameras_own() {
    one(&PUSH.replace("\"ctrltype\":2", "\"ctrltype\":1"), |reading| {
        assert_eq!(reading.gate_state, None);
        assert_eq!(reading.get("gate_opened_by"), Some(&Value::from("server")));
    });
}

#[test]
fn unplated_in_the_vendors_words() {
    for word in ["_无_", "无牌车", ""] {
        one(&PUSH.replace("粤B12345", word), |reading| {
            assert_eq!(reading.plate, Some(PlateReading::Unplated))
        });
    }
}

#[test]
fn two_clocks_that_disagree_are_both_told() {
    one(&PUSH.replace("\"decyear\":2026", "\"decyear\":2018"), |reading| {
        assert!(matches!(reading.device_time, Some(DeviceTime::Utc(_))));
        assert_eq!(reading.get("device_time_calendar"), Some(&Value::from("2018-03-02T08:00:00")));
    });
    one(&PUSH.replace("1772409600", "0"), |reading| {
        let Some(DeviceTime::Local(local)) = reading.device_time else { panic!("no local time") };
        assert_eq!(local.to_string(), "2026-03-02T08:00:00");
    });
}

#[test]
fn a_plate_that_is_no_text_is_told_and_kept() {
    one(&PUSH.replace("粤B", "\u{fffd}\u{fffd}B"), |reading| {
        assert_eq!(reading.plate, None);
        assert_eq!(reading.get("raw_plate"), Some(&Value::from("\u{fffd}\u{fffd}B12345")));
        assert_eq!(reading.plate_color, Some(PlateColor::Blue));
    });
    let gbk: Vec<u8> = PUSH.split("粤").map(str::as_bytes).collect::<Vec<_>>().join(&b"\xd4\xc1"[..]);
    let mut seen = false;
    decode(Protocol::VzHttp, &gbk, &Context::default(), &mut |reading| {
        assert_eq!((reading.plate, reading.get("plate_error")), (None, Some(&Value::from("encoding"))));
        seen = true;
    })
    .unwrap();
    assert!(seen);
}

#[test]
fn qianyi_has_other_numbers() {
    let push = PUSH.replace("\"type\":1,", "\"type\":12,");
    let class = |protocol| {
        let mut seen = None;
        decode(protocol, push.as_bytes(), &Context::default(), &mut |reading| seen = reading.vehicle)
            .unwrap();
        seen
    };
    assert_eq!(class(Protocol::QianyiHttp), Some(VehicleClass::Large));
    assert_eq!(class(Protocol::VzHttp), None);
    assert_eq!(class(Protocol::AlphadigiHttp), None);
}

#[test]
fn a_heartbeat_keeps_the_password_to_itself() {
    let form = "device_name=IVS&ipaddr=192.168.109.40&port=80&user_name=admin&pass_wd=s3cret&serialno=d85b1269-8f942256&channel_num=1";
    let part = |name: &str, value: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts = form
        .split('&')
        .map(|pair| pair.split_once('=').map(|(n, v)| part(n, v)).unwrap())
        .collect::<String>();
    for form in [form, &format!("{parts}--x--\r\n")] {
        one(form, |reading| {
            assert_eq!(
                (reading.kind, reading.device().as_deref()),
                (Kind::Heartbeat, Some("d85b1269-8f942256"))
            );
            let mut json = Vec::new();
            reading.write_json(&mut json);
            let json = String::from_utf8(json).unwrap();
            assert!(!json.contains("s3cret") && !json.contains("admin"), "{json}");
        });
    }
}

#[test]
fn inputs_serial_data_photos_and_answers() {
    one(
        r#"{"AlarmGioIn":{"result":{"TriggerResult":{"source":3,"value":1}},"serialno":"d85b1269-8f942256"}}"#,
        |reading| {
            assert_eq!((reading.kind, reading.device().as_deref()), (Kind::Gate, Some("d85b1269-8f942256")));
            assert_eq!(
                (reading.get("input"), reading.get("level")),
                (Some(&Value::Int(3)), Some(&Value::Int(1)))
            );
        },
    );
    one(
        r#"{"SerialData":{"channel":0,"serialno":"a-b","serialChannel":1,"data":"qlUBAQEE","dataLen":6}}"#,
        |reading| {
            assert_eq!(reading.get("serial_data"), Some(&Value::from("AA5501010104")));
            assert_eq!(reading.get("serial_channel"), Some(&Value::Int(1)));
        },
    );
    one(r#"{"ipaddr":"192.168.1.100","TriggerImage":{"imageFile":"","imageFileLen":7}}"#, |reading| {
        assert_eq!(reading.kind, Kind::Debug);
    });
    let ack = r#"{"error_msg":"success","msgId":"7d13a019-8fab9d9116485467538213","cmd":"manualTrigger","state_code":200,"serialno":"7d13a019-8fab9d91"}"#;
    one(ack, |reading| {
        assert_eq!(reading.proof, Some(Proof::Accepted));
        assert_eq!(reading.command().as_deref(), Some("7d13a019-8fab9d9116485467538213"));
        assert_eq!(reading.device().as_deref(), Some("7d13a019-8fab9d91"));
    });
}

#[test]
fn what_is_no_push_is_refused_with_its_place() {
    let error = |payload: &str| {
        decode(Protocol::VzHttp, payload.as_bytes(), &Context::default(), &mut |_| panic!("a reading"))
            .unwrap_err()
    };
    assert_eq!(error("{}").code, ErrorCode::Kind);
    assert_eq!(error("[]").code, ErrorCode::Value);
    assert_eq!((error("").code, error("").offset), (ErrorCode::Truncated, 0));
    assert_eq!(error("a=1").code, ErrorCode::Missing);
    assert_eq!(error(&format!("{PUSH}x")).offset, PUSH.len());
}

#[test]
fn cut_anywhere_it_is_an_error_or_nothing() {
    for len in 0..PUSH.len() {
        let cut = &PUSH.as_bytes()[..len];
        let outcome =
            decode(Protocol::VzHttp, cut, &Context::default(), &mut |_| panic!("a reading of {len} bytes"));
        assert!(outcome.unwrap_err().offset <= len);
    }
}
