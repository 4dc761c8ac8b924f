//! Random bytes and what fuzzing found, replayed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod fuzzed;

use fuzzed::{BOARDS, FEEDS, Family, TEXT, VZ, commanded, spoken};
use proptest::prelude::*;

/// Replays every file under one target's name.
fn replay(target: &str, check: impl Fn(&[u8]) -> Result<(), String>) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions");
    let mut replayed = 0;
    for entry in std::fs::read_dir(root.join(target)).unwrap() {
        let path = entry.unwrap().path();
        check(&std::fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        replayed += 1;
    }
    assert!(replayed > 0, "{target} has nothing kept");
}

#[test]
fn kept_finds() {
    let families: [(&str, Family); 4] =
        [("camera_vz", VZ), ("camera_text", TEXT), ("camera_feeds", FEEDS), ("camera_boards", BOARDS)];
    for (target, family) in families {
        replay(target, |bytes| fuzzed::any(family, bytes));
    }
    replay("command_spoken", |bytes| spoken(&String::from_utf8_lossy(bytes)));
    replay("command_round_trip", commanded);
    replay("print_any_bytes", fuzzed::printed);
    replay("sensors", fuzzed::sensor);
    replay("native_frame", fuzzed::native);
    replay("gateway_and_envelopes", fuzzed::documents);
}

/// What would make a careless reader ask for memory or time without end.
#[test]
fn large_and_deep_ones_end_soon() {
    let image = "A".repeat(10 << 20);
    let push = format!(
        r#"{{"AlarmInfoPlate":{{"result":{{"PlateResult":{{"license":"粤B12345","imageFile":"{image}"}}}}}}}}"#
    );
    fuzzed::any(&[device_codec::Protocol::VzHttp], push.as_bytes()).unwrap();
    let deep = "[".repeat(1 << 20);
    fuzzed::any(VZ, deep.as_bytes()).unwrap();
    fuzzed::any(FEEDS, deep.as_bytes()).unwrap();
    fuzzed::any(TEXT, "<a>".repeat(1 << 18).as_bytes()).unwrap();
    let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>";
    fuzzed::any(TEXT, bomb.as_bytes()).unwrap();
    fuzzed::any(TEXT, "--b\r\n\r\n".repeat(1 << 12).as_bytes()).unwrap();
    fuzzed::any(TEXT, "Events[4000000000].Code=TrafficJunction\n".as_bytes()).unwrap();
    fuzzed::any(BOARDS, b"\xcc\xff\x01\x88\xff\xff\xff\xff").unwrap();
    fuzzed::any(VZ, b"VZ\0\0\xff\xff\xff\xff").unwrap();
}

proptest! {
    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..96)) {
        for check in [fuzzed::printed, fuzzed::sensor, fuzzed::native, fuzzed::documents] {
            prop_assert_eq!(check(&bytes), Ok(()));
        }
        for family in [VZ, TEXT, FEEDS, BOARDS] {
            prop_assert_eq!(fuzzed::any(family, &bytes), Ok(()));
        }
    }

    #[test]
    fn random_text(text in r#"(\{|\[|<|"|:|,|\}|\]|>|/|=|&|;|--b|\n|license|AlarmInfoPlate|ANPR|Events\[0\]|1|粤){0,40}"#) {
        for family in [VZ, TEXT, FEEDS] {
            prop_assert_eq!(fuzzed::any(family, text.as_bytes()), Ok(()));
        }
    }

    #[test]
    fn every_command_is_readable(
        head in proptest::collection::vec(any::<u8>(), 9),
        text in "[欢迎光临粤B1-5 ,a-z\n\"<&\u{0}🚗é]{0,24}",
    ) {
        prop_assert_eq!(commanded(&[&head[..], text.as_bytes()].concat()), Ok(()));
    }

    #[test]
    fn any_text_is_spoken_whole_or_refused(text in "[欢迎光临粤B1-5 ,a-z\u{0}🚗é]{0,20}") {
        prop_assert_eq!(spoken(&text), Ok(()));
    }
}
