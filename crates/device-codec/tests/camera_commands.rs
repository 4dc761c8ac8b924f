//! Commands on the wire, against frames from the field and the vendors' documents; plates are made up.
#![allow(clippy::unwrap_used, clippy::panic)]

use device_codec::command::{
    Action, BACKLOG, Command, CommandError, NativeTarget, Push, Target, Topics, VzCall, Wire,
    dahua_push_reply, encode, event_stream, native_frame, plates_after, vz_http_reply, vz_tcp_call,
};
use device_codec::native::{CommandAction, CommandResult, Frame, Head, Key, Message, tlv_kind};
use device_codec::{Context, Proof, Protocol, Value, decode, f6213_reply};
use parking_types::{Instant, Local, Plate, Span};

#[path = "fuzzed/actions.rs"]
mod actions;

use actions::every_action;

fn local(text: &str) -> Local {
    Local::parse(text).unwrap()
}

fn plate() -> Plate {
    Plate::parse("粤B12345").unwrap()
}

fn frame(wire: Wire) -> Vec<u8> {
    match wire {
        Wire::Frame(bytes) | Wire::Reply(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

/// What a decoder makes of our own bytes: the value of one name in `more`.
fn told(protocol: Protocol, bytes: &[u8], name: &str) -> Option<String> {
    let mut seen = None;
    decode(protocol, bytes, &Context::default(), &mut |reading| {
        seen = reading.get(name).map(|value| match value {
            Value::Text(text) => text.to_string(),
            Value::Int(int) => int.to_string(),
            other => format!("{other:?}"),
        });
    })
    .unwrap();
    seen
}

#[test]
fn voice_frames_of_the_field_are_made_byte_for_byte() {
    let target = Target::default();
    let say = |text| frame(encode(Protocol::Led0064, &Action::Say(text), &target).unwrap());
    assert_eq!(say("欢迎光临"), b"\x00\x64\xff\xff\x30\x09\x01\xbb\xb6\xd3\xad\xb9\xe2\xc1\xd9\x32\x58");
    assert_eq!(
        say("欢迎光临,请入场停车"),
        b"\x00\x64\xff\xff\x30\x14\x01\xbb\xb6\xd3\xad\xb9\xe2\xc1\xd9\x2c\xc7\xeb\xc8\xeb\xb3\xa1\xcd\xa3\xb3\xb5\xa9\x36"
    );
    assert_eq!(told(Protocol::Led0064, &say("一路平安"), "say").as_deref(), Some("一路平安"));
}

#[test]
fn screens_show_lines_and_speak() {
    let target = Target { board: Some(3), ..Target::default() };
    let action = Action::Show { lines: &["粤B12345", "请缴费5元"], say: Some("请缴费5元") };
    let bytes = frame(encode(Protocol::Led0064, &action, &target).unwrap());
    assert_eq!((bytes[0], bytes[4], bytes[7]), (3, 0x6e, 2));
    assert_eq!(told(Protocol::Led0064, &bytes, "line_1").as_deref(), Some("粤B12345"));
    assert_eq!(told(Protocol::Led0064, &bytes, "line_2").as_deref(), Some("请缴费5元"));
    assert_eq!(told(Protocol::Led0064, &bytes, "say").as_deref(), Some("请缴费5元"));
    let refused = |action: Action<'_>| encode(Protocol::Led0064, &action, &target).unwrap_err();
    assert_eq!(refused(Action::Show { lines: &[], say: None }), CommandError::Missing("lines"));
    assert_eq!(refused(Action::Show { lines: &["a"; 5], say: None }), CommandError::TooLong("lines"));
    let long = "车".repeat(17);
    let lines = [long.as_str()];
    assert_eq!(refused(Action::Show { lines: &lines, say: None }), CommandError::TooLong("lines"));
    assert_eq!(refused(Action::Say("🚗")), CommandError::Encoding("say"));
    assert_eq!(refused(Action::Open), CommandError::NotSupported);
}

#[test]
fn the_boards_clock_begins_its_week_on_sunday() {
    let action = Action::SetClock { local: local("2026-11-22T20:05:09") };
    let bytes = frame(encode(Protocol::Led0064, &action, &Target::default()).unwrap());
    assert_eq!(&bytes[4..14], [0x05, 8, 0xea, 0x07, 11, 22, 1, 20, 5, 9]);
    assert_eq!(told(Protocol::Led0064, &bytes, "clock").as_deref(), Some("2026-11-22T20:05:09"));
}

#[test]
fn barrier_board() {
    for (action, word) in [(Action::Open, "open"), (Action::Close, "close"), (Action::Query, "query")] {
        let bytes = frame(encode(Protocol::BarrierAa55, &action, &Target::default()).unwrap());
        assert_eq!(told(Protocol::BarrierAa55, &bytes, "sent").as_deref(), Some(word));
    }
}

#[test]
fn gateways_take_twelve_bytes() {
    let target = Target { serial: Some("g1"), ..Target::default() };
    let sent = |action| match encode(Protocol::YuncitysGateway, &action, &target) {
        Ok(Wire::Publish { topic, payload }) => (topic, json(&payload)["data"].as_str().unwrap().to_owned()),
        other => panic!("{other:?}"),
    };
    assert_eq!(sent(Action::Open), ("iot_topic/gw/g1".to_owned(), "300100010100000000000000".to_owned()));
    assert_eq!(sent(Action::Raise).1, "300100010000000000000000");
    assert_eq!(sent(Action::FreePlaces(507)).1, "300102050700000000000000");
    assert_eq!(sent(Action::FreePlaces(42)).1, "300102004200000000000000");
    assert_eq!(sent(Action::FreePlaces(1234)).1, "300102123400000000000000");
    let many = encode(Protocol::YuncitysGateway, &Action::FreePlaces(10_000), &target);
    assert_eq!(many, Err(CommandError::Value("places")));
}

#[test]
fn an_answer_opens_only_when_it_is_told_to() {
    let push = Push { record: Some("123"), offline: true };
    let shut = json(&vz_http_reply(&[], &push, &Target::default()).unwrap());
    let shut = &shut["Response_AlarmInfoPlate"];
    assert_eq!((&shut["info"], &shut["is_pay"]), (&"no".into(), &"false".into()));
    assert_eq!(shut["content"], "retransfer_stop");
    assert_eq!(shut["ContinuePushOffline"], serde_json::json!({"plateid": 123, "continue": 1}));
    let open = vz_http_reply(&[Action::Open], &Push::default(), &Target::default()).unwrap();
    assert_eq!(told(Protocol::VzHttp, &open, "sent").as_deref(), Some("open"));
    assert!(json(&open)["Response_AlarmInfoPlate"].get("ContinuePushOffline").is_none());
}

#[test]
fn an_answer_carries_all_that_waits() {
    let plate = plate();
    let target = Target { board: Some(0), id: "c1", ..Target::default() };
    let actions = [
        Action::Hold,
        Action::Show { lines: &["欢迎"], say: Some("欢迎") },
        Action::SetClock { local: local("2026-03-02T08:00:00") },
        Action::Capture,
        Action::ListAdd {
            plate: &plate,
            from: local("2026-01-01T00:00:00"),
            to: local("2026-02-01T00:00:00"),
        },
    ];
    let body = json(&vz_http_reply(&actions, &Push::default(), &target).unwrap());
    let body = &body["Response_AlarmInfoPlate"];
    assert_eq!(body["info"], "no");
    assert_eq!(body["ivs_ioctrl"], serde_json::json!({"io": 0, "value": 1, "delay": 500}));
    assert_eq!(body["serialData"].as_array().unwrap().len(), 2);
    assert_eq!((&body["manualTrigger"], &body["msgId"]), (&"ok".into(), &"c1".into()));
    let list = &body["white_list_operate"];
    assert_eq!(list["operate_type"], 0);
    assert_eq!(list["white_list_data"][0]["plate"], "粤B12345");
    assert_eq!(list["white_list_data"][0]["overdue_time"], "2026-02-01 00:00:00");
    let voice =
        json(&vz_http_reply(&[Action::Say("欢迎光临")], &Push::default(), &Target::default()).unwrap());
    assert_eq!(voice["Response_AlarmInfoPlate"]["playserver_json_request"]["voice"], "5qyi6L+O5YWJ5Li0");
}

#[test]
fn what_has_no_place_in_an_answer_is_refused() {
    let plate = plate();
    let reply = |actions: &[Action<'_>], target: &Target<'_>| {
        vz_http_reply(actions, &Push::default(), target).unwrap_err()
    };
    let plain = Target::default();
    assert_eq!(reply(&[Action::Raise], &plain), CommandError::NotSupported);
    assert_eq!(reply(&[Action::Show { lines: &["x"], say: None }], &plain), CommandError::Missing("board"));
    let both = [
        Action::ListAdd {
            plate: &plate,
            from: local("2026-01-01T00:00:00"),
            to: local("2026-02-01T00:00:00"),
        },
        Action::ListRemove { plate: &plate },
    ];
    assert_eq!(reply(&both, &plain), CommandError::Value("list"));
    let by_itself = Target { close_output: None, ..plain };
    assert_eq!(reply(&[Action::Close], &by_itself), CommandError::Missing("close_output"));
    assert_eq!(reply(&[Action::Hold], &Target { open_output: 4, ..plain }), CommandError::Value("output"));
    assert_eq!(
        reply(&[Action::Hold], &Target { pulse_ms: 600_001, ..plain }),
        CommandError::Value("pulse_ms")
    );
}

#[test]
fn tcp_frames_are_read_back() {
    let target = Target::default();
    let bytes = |action| frame(encode(Protocol::VzTcp, &action, &target).unwrap());
    let open = bytes(Action::Open);
    assert_eq!(&open[..8], [b'V', b'Z', 0, 0, 0, 0, 0, 44]);
    assert_eq!(&open[8..], br#"{"cmd":"ioctl","io":0,"value":2,"delay":500}"#);
    let clock = bytes(Action::SetClock { local: local("2015-03-17T20:47:02") });
    assert_eq!(told(Protocol::VzTcp, &clock, "clock").as_deref(), Some("2015-03-17 20:47:02"));
    let plate = plate();
    let add = bytes(Action::ListAdd {
        plate: &plate,
        from: local("2026-01-01T00:00:00"),
        to: local("2026-02-01T00:00:00"),
    });
    assert!(add.windows(2).any(|pair| pair == b"\xd4\xc1"), "the province is GBK");
    assert_eq!(told(Protocol::VzTcp, &add, "listed_plate").as_deref(), Some("粤B12345"));
}

#[test]
fn a_camera_is_asked_for_the_records_that_were_missed() {
    let calls = [
        (
            VzCall::Subscribe,
            serde_json::json!({"cmd":"ivsresult","enable":true,"format":"json","image":true,"image_type":0}),
        ),
        (VzCall::Watch { secs: 30 }, serde_json::json!({"cmd":"reg_offline_check","interval":30})),
        (VzCall::Online, serde_json::json!({"cmd":"response_online"})),
        (VzCall::NewestRecord, serde_json::json!({"cmd":"get_max_rec_id"})),
        (
            VzCall::Record(4711),
            serde_json::json!({"cmd":"get_record","id":4711,"format":"json","image":true}),
        ),
    ];
    for (call, body) in calls {
        let frame = vz_tcp_call(call);
        assert_eq!(json(&frame[8..]), body);
        assert_eq!(told(Protocol::VzTcp, &frame, "cmd").as_deref(), body["cmd"].as_str());
    }
    assert_eq!(vz_tcp_call(VzCall::Alive), b"VZ\x01\0\0\0\0\0");
    let newest = br#"{"cmd":"get_max_rec_id","id":"132156","max_id":4711,"state_code":200}"#;
    assert_eq!(told(Protocol::VzTcp, newest, "newest_record").as_deref(), Some("4711"));
}

#[test]
fn a_dahua_camera_writes_down_whom_it_opens_for() {
    let plate = plate();
    let target = Target { plate: Some(plate.as_str()), ..Target::default() };
    let Wire::Request { path, .. } = encode(Protocol::DahuaHttp, &Action::Open, &target).unwrap() else {
        panic!()
    };
    let call = "/cgi-bin/trafficSnap.cgi?action=openStrobe&channel=1&info.openType=Normal";
    assert_eq!(path, format!("{call}&info.plateNumber=%E7%B2%A4B12345"));
}

#[test]
fn mqtt_messages_name_the_camera_in_topic_and_envelope() {
    let at: Instant = "2026-03-02T00:00:00Z".parse().unwrap();
    let target =
        Target { serial: Some("917e2298-8ddf3e46"), id: "c1", at, pulse_ms: 1500, ..Target::default() };
    let Wire::Publish { topic, payload } = encode(Protocol::VzMqtt, &Action::Open, &target).unwrap() else {
        panic!()
    };
    assert_eq!(topic, "device/917e2298-8ddf3e46/message/down/gpio_out");
    assert_eq!(
        json(&payload),
        serde_json::json!({"id":"c1","sn":"917e2298-8ddf3e46","name":"gpio_out","version":"1.0","timestamp":1_772_409_600,
            "payload":{"type":"gpio_out","body":{"io":0,"value":2,"delay":1500}}})
    );
    let other = Target { topics: Topics::Serial, ..target };
    let Wire::Publish { topic, .. } = encode(Protocol::VzMqtt, &Action::Capture, &other).unwrap() else {
        panic!()
    };
    assert_eq!(topic, "917e2298-8ddf3e46/device/message/down/ivs_trigger");
    let nameless = Target { serial: None, ..target };
    assert_eq!(encode(Protocol::VzMqtt, &Action::Open, &nameless), Err(CommandError::Missing("serial")));
    let body = |action: Action<'_>| {
        let Wire::Publish { payload, .. } = encode(Protocol::VzMqtt, &action, &target).unwrap() else {
            panic!("no message")
        };
        serde_json::from_slice::<serde_json::Value>(&payload).unwrap()["payload"]["body"].clone()
    };
    let plate = plate();
    let from = local("2026-01-01T00:00:00");
    let added = body(Action::ListAdd { plate: &plate, from, to: from });
    let wanted = r#"{"operator_type":"update_or_add","dldb_rec":{"plate":"粤B12345","enable":1,"need_alarm":0,
        "enable_time":"2026-01-01 00:00:00","overdue_time":"2026-01-01 00:00:00"}}"#;
    assert_eq!(added, serde_json::from_str::<serde_json::Value>(wanted).unwrap());
    let removed = body(Action::ListRemove { plate: &plate });
    assert_eq!(removed, serde_json::json!({"operator_type": "delete", "plate": "粤B12345"}));
    assert_eq!(body(Action::Say("一"))["voice_data"], "5LiA");
}

#[test]
fn requests_to_cameras_and_locks() {
    let target = Target { serial: Some("6701341852775048066BFF50"), id: "GO1", ..Target::default() };
    let Wire::Request { method, path, body, .. } =
        encode(Protocol::HikvisionIsapi, &Action::Open, &target).unwrap()
    else {
        panic!()
    };
    assert_eq!((method, path.as_str()), ("PUT", "/ISAPI/Parking/channels/1/barrierGate"));
    assert_eq!(told(Protocol::HikvisionIsapi, &body, "sent").as_deref(), Some("open"));
    let Wire::Request { method, path, .. } = encode(Protocol::DahuaHttp, &Action::Open, &target).unwrap()
    else {
        panic!()
    };
    assert_eq!(method, "GET");
    assert!(path.starts_with("/cgi-bin/trafficSnap.cgi?action=openStrobe&channel=1"));
    let Wire::Request { body, .. } = encode(Protocol::GroundLockDudu, &Action::Raise, &target).unwrap()
    else {
        panic!()
    };
    assert_eq!(
        json(&body),
        serde_json::json!({"LockSN":"6701341852775048066BFF50","Option":1,"Force":0,"Msg_id":"GO1"})
    );
}

#[test]
fn the_table_names_what_can_be_encoded_and_nothing_else() {
    let plate = plate();
    let at = local("2026-01-01T00:00:00");
    let until: Instant = "2026-01-01T00:00:10Z".parse().unwrap();
    let target =
        Target { serial: Some("5"), id: "c1", board: Some(0), not_after: Some(until), ..Target::default() };
    for protocol in Protocol::ALL {
        for action in &every_action(&["x"], "x", &plate, at, 7) {
            let can = encode(*protocol, action, &target).is_ok();
            let says = protocol.info().commands.contains(&action.as_str());
            assert_eq!(can, says, "{protocol}: {}", action.as_str());
        }
    }
}

#[test]
fn a_command_expires() {
    let not_after: Instant = "2026-03-02T00:00:10Z".parse().unwrap();
    let command = Command { id: "c1", action: Action::Open, not_after };
    assert!(command.may_leave(not_after));
    assert!(!command.may_leave("2026-03-02T00:00:10.000000001Z".parse().unwrap()));
}

/// A native device reads our command, does it, and its result names the command again.
#[test]
fn a_native_command_and_what_the_device_answers() {
    let now: Instant = "2026-03-02T00:00:00Z".parse().unwrap();
    let key = Key::new(b"a key of thirty-two bytes, or so");
    let to = NativeTarget { lane: 2, key: Some((5, &key)), ..NativeTarget::new(0x4a3, now) };
    let lines = ["粤B12345", "应收 10 元"];
    let action = Action::Show { lines: &lines, say: Some("一路平安") };
    let command = Command { id: "c-77", action, not_after: now + Span::from_secs(10) };
    let bytes = native_frame(&command, &to).unwrap();
    let frame = Frame::new_checked(&bytes).unwrap();
    frame.verify(&key).unwrap();
    assert_eq!((frame.head().device_id, frame.head().key_id, frame.head().seq), (0x4a3, 5, 0));
    let Ok(Some(Message::Command(read))) = frame.message() else { panic!("no command") };
    assert_eq!((read.action, read.lane), (CommandAction::SHOW, 2));
    assert_eq!(read.not_after, (now + Span::from_secs(10)).as_nanos() / 1000);
    let texts: Vec<(u16, String)> =
        frame.tlvs().map(|tlv| tlv.unwrap()).map(|tlv| (tlv.kind, tlv.text().unwrap().to_owned())).collect();
    let show = |text: &str| (tlv_kind::SHOW, text.to_owned());
    assert_eq!(texts, [show(lines[0]), show(lines[1]), (tlv_kind::SAY, "一路平安".to_owned())]);
    let answer = CommandResult { command_id: read.command_id, result: 4, ..CommandResult::default() };
    let answer =
        Message::CommandResult(answer).encode(&Head { device_id: 0x4a3, seq: 9, ..Head::default() }, None);
    let mut seen = None;
    decode(Protocol::Parkline, &answer, &Context::default(), &mut |reading| {
        seen = Some((reading.command().map(|id| id.to_string()), reading.proof));
    })
    .unwrap();
    assert_eq!(seen, Some((Some("c-77".to_owned()), Some(Proof::AtLimit))));
}

#[test]
fn every_word_of_the_native_frame_and_what_it_refuses() {
    let now: Instant = "2026-03-02T00:00:00Z".parse().unwrap();
    let target = Target {
        serial: Some("00000000000004a3"),
        id: "c1",
        at: now,
        not_after: Some(now),
        ..Target::default()
    };
    let words = [
        (Action::Open, CommandAction::OPEN),
        (Action::Close, CommandAction::CLOSE),
        (Action::Hold, CommandAction::HOLD),
        (Action::Lock, CommandAction::LOCK),
        (Action::Normal, CommandAction::NORMAL),
        (Action::Raise, CommandAction::RAISE),
        (Action::Lower, CommandAction::LOWER),
        (Action::Say("a"), CommandAction::SAY),
        (Action::FreePlaces(209), CommandAction::FREE_PLACES),
        (Action::Query, CommandAction::REPORT),
    ];
    for (action, wanted) in words {
        let bytes = frame(encode(Protocol::Parkline, &action, &target).unwrap());
        let Ok(Some(Message::Command(read))) = Frame::new_checked(&bytes).unwrap().message() else {
            panic!()
        };
        assert_eq!(read.action, wanted);
        assert_eq!(read.value, if action == Action::FreePlaces(209) { 209 } else { 0 });
    }
    let refused = |action, target: Target<'_>| encode(Protocol::Parkline, &action, &target).unwrap_err();
    assert_eq!(refused(Action::Capture, target), CommandError::NotSupported);
    assert_eq!(refused(Action::Open, Target { serial: None, ..target }), CommandError::Missing("serial"));
    assert_eq!(
        refused(Action::Open, Target { serial: Some("gate"), ..target }),
        CommandError::Value("serial")
    );
    assert_eq!(refused(Action::Open, Target { id: "", ..target }), CommandError::Missing("id"));
    let long = "x".repeat(33);
    assert_eq!(refused(Action::Open, Target { id: &long, ..target }), CommandError::TooLong("id"));
    assert_eq!(
        refused(Action::Open, Target { not_after: None, ..target }),
        CommandError::Missing("not_after")
    );
    assert_eq!(refused(Action::Show { lines: &[], say: None }, target), CommandError::Missing("lines"));
    assert_eq!(refused(Action::Say(&"x".repeat(70_000)), target), CommandError::Value("say"));
}

#[test]
fn a_dahua_notification_is_answered() {
    let stored = dahua_push_reply(&[], Some("cam")).unwrap();
    assert_eq!(json(&stored), serde_json::json!({"Result": true, "DeviceID": "cam", "OpenStrobe": false}));
    assert_eq!(json(&dahua_push_reply(&[Action::Open], None).unwrap())["OpenStrobe"], true);
    assert_eq!(dahua_push_reply(&[Action::Close], None), Err(CommandError::NotSupported));
}

/// The detector's clock is set by the answers to its start and to its sign of life.
#[test]
fn an_f6213_is_told_the_time() {
    let mut periodic = vec![0xb0, 1, 0, 2, 3, 0x10, 7, 29, 1];
    periodic.resize(36, 0);
    let sum = periodic[8..].iter().fold(0, |sum, b| sum ^ b);
    periodic.push(sum);
    let reply = f6213_reply(&periodic, Instant::from_secs(0x6543_2100).unwrap(), [false, false]).unwrap();
    assert_eq!(reply[..13], [0xa0, 1, 0, 2, 3, 0x11, 7, 6, 1, 0x65, 0x43, 0x21, 0x00]);
    assert_eq!(reply[13], 1 ^ 0x65 ^ 0x43 ^ 0x21);
}

#[test]
fn what_answers_a_question_for_the_past_is_an_offline_upload() {
    let result = r#"{"cmd":"ivs_result","id":7,"PlateResult":{"license":"A12345","confidence":97}}"#;
    let polled = "<Plates><Plate><plateNumber>A12345</plateNumber><picName>p</picName></Plate></Plates>";
    for (protocol, payload, route) in
        [(Protocol::VzTcp, result, "get_record"), (Protocol::HikvisionIsapi, polled, "/ISAPI/plates")]
    {
        let backlog = format!("{route}{BACKLOG}");
        for (route, offline) in [(route, None), (backlog.as_str(), Some(true))] {
            let context = Context { route: Some(route), ..Context::default() };
            let mut said = Vec::new();
            decode(protocol, payload.as_bytes(), &context, &mut |reading| said.push(reading.offline_upload))
                .unwrap();
            assert_eq!(said, [offline], "{route}");
        }
    }
}

#[test]
fn a_poll_holds_nothing_that_could_end_its_element() {
    let Some(Wire::Request { body, .. }) = plates_after(Protocol::HikvisionIsapi, 1, "a</picTime><x>1")
    else {
        panic!()
    };
    assert!(String::from_utf8_lossy(&body).contains("<picTime>apicTimex1</picTime>"));
    assert_eq!(plates_after(Protocol::DahuaHttp, 1, "0"), None);
    assert_eq!(event_stream(Protocol::VzTcp, 1), None);
    assert!(event_stream(Protocol::DahuaHttp, 2).unwrap().contains("&channel=2&"));
}
