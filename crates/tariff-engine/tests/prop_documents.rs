//! Documents with one fault: the engine and the oracle refuse the same ones with the same code and path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod oracle;

use oracle::generate::{Source, Style, case};
use oracle::parse_parts::Refusal;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use tariff_engine::{Calendar, Code, Stay, Tariff};

/// Puts one fault (or a harmless change) somewhere into a document.
fn spoil(document: &mut Value, source: &mut Source<'_>) {
    let mut paths = Vec::new();
    collect(document, String::new(), &mut paths);
    let path = source.pick(&paths);
    let Some(node) = document.pointer_mut(&path) else { return };
    if let Value::Object(members) = node {
        let names: Vec<String> = members.keys().cloned().collect();
        match source.below(4) {
            0 if !names.is_empty() => {
                members.remove(&source.pick(&names));
                return;
            }
            1 => {
                let name = source.pick(&["zzz", "Rules", "", "comment", "id ", "from_"]);
                members.insert(name.to_owned(), json!("1"));
                return;
            }
            2 => {
                let name = source.pick(&[
                    "from", "to", "until", "first", "price", "cap", "once", "tiers", "partial", "amounts",
                    "amount", "days", "at", "vehicles", "flat", "steps", "upto", "every", "day", "length",
                    "covers", "entry",
                ]);
                members.entry(name).or_insert_with(|| odd(source));
                return;
            }
            _ => {}
        }
    }
    *node = odd(source);
}

fn odd(source: &mut Source<'_>) -> Value {
    source.pick(&[
        json!(null),
        json!(true),
        json!(false),
        json!(1),
        json!(2),
        json!(0),
        json!(1.5),
        json!(-1),
        json!("x"),
        json!(""),
        json!([]),
        json!({}),
        json!("0"),
        json!("1"),
        json!("-1"),
        json!("0s"),
        json!("1m"),
        json!("1m1h"),
        json!("24:00"),
        json!("00:00"),
        json!("24:01"),
        json!("1.0000001"),
        json!("1."),
        json!("any"),
        json!(["any"]),
        json!(["mon", "mon"]),
        json!("none"),
        json!("stay"),
        json!("day"),
        json!("2026-01-01"),
        json!("2026-02-30"),
        json!("2026-01-01T00:00"),
        json!("2026-01-01T00:00:00Z"),
        json!("2026-01-01T00:00:60Z"),
        json!(["1"]),
        json!([null]),
        json!({"over": "1m"}),
        json!({"step": "0s"}),
        json!({"over": "1m", "step": "1m"}),
        json!("EURO"),
        json!("101"),
        json!("100"),
        json!("9999999999999"),
        json!("99999999999999999999"),
        json!("106751d"),
        json!("1000000d"),
        json!("Europe/Atlantis"),
        json!(" 1"),
        json!("+1"),
        json!("\u{661}"),
        json!("1e3"),
        json!(["rest_day", "workday"]),
        json!("2026-01-01 00:00:00Z"),
        json!("2026-01-01t00:00:00z"),
        json!("2026-01-01T00:00:00.1234567891Z"),
        json!("2026-01-01T00:00:00+14:60"),
        json!("percent"),
    ])
}

fn collect(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                collect(inner, format!("{path}/{name}"), paths);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                collect(inner, format!("{path}/{index}"), paths);
            }
        }
        _ => {}
    }
    paths.push(path);
}

/// The same code, and the same path: an engine may name an item of a list, or of two faults of an object the other.
fn agree(ours: Option<(&str, &str)>, theirs: Option<&Refusal>) -> bool {
    let parent = |path: &str| path.rsplit_once('.').map_or(String::new(), |(parent, _)| parent.to_owned());
    match (ours, theirs) {
        (None, None) => true,
        (Some((code, path)), Some((wanted, there))) => {
            code == *wanted && (path.starts_with(there.as_str()) || parent(path) == parent(there))
        }
        _ => false,
    }
}

fn cases(bytes: &[u8], fault: &[u8]) -> (Value, Value, Value) {
    let mut case = case(bytes, Style::Fine);
    let mut calendar =
        case.calendar.unwrap_or_else(|| json!({"format": 1, "id": "c", "days": {"2026-01-01": []}}));
    for document in [&mut case.tariff, &mut calendar, &mut case.stay] {
        spoil(document, &mut Source::new(fault));
    }
    (case.tariff, calendar, case.stay)
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn tariffs(bytes in vec(any::<u8>(), 0..300), fault in vec(any::<u8>(), 0..5)) {
        let text = cases(&bytes, &fault).0.to_string();
        let (ours, theirs) = (Tariff::from_json(text.as_bytes()).err(), oracle::parse::tariff(text.as_bytes()).err());
        let code = ours.as_ref().map(|e| (e.code().as_str(), e.path()));
        prop_assert!(agree(code, theirs.as_ref()), "engine {ours:?}, oracle {theirs:?} on {text}");
    }

    #[test]
    fn calendars(bytes in vec(any::<u8>(), 0..300), fault in vec(any::<u8>(), 0..5)) {
        let text = cases(&bytes, &fault).1.to_string();
        let ours = Calendar::from_json(text.as_bytes()).err();
        let theirs = oracle::parse_parts::calendar(text.as_bytes()).err();
        let code = ours.as_ref().map(|e| (e.code().as_str(), e.path()));
        prop_assert!(agree(code, theirs.as_ref()), "engine {ours:?}, oracle {theirs:?} on {text}");
    }

    #[test]
    fn stays(bytes in vec(any::<u8>(), 0..300), fault in vec(any::<u8>(), 0..5)) {
        let text = cases(&bytes, &fault).2.to_string();
        let (ours, theirs) = (Stay::from_json(text.as_bytes()).err(), oracle::parse_parts::stay(text.as_bytes()).err());
        let code = ours.as_ref().map(|e| (e.code().as_str(), e.path()));
        // A payment after the exit is found when the stay is priced.
        let later = |(_, path): &Refusal| path.starts_with("paid[") && path.ends_with("].at");
        let found_later = ours.is_none() && theirs.as_ref().is_some_and(later);
        prop_assert!(found_later || agree(code, theirs.as_ref()), "engine {ours:?}, oracle {theirs:?} on {text}");
    }

    #[test]
    fn a_name_twice_is_no_json(bytes in vec(any::<u8>(), 0..300), place in any::<u16>()) {
        let text = cases(&bytes, &[]).0.to_string();
        let braces: Vec<usize> = text.match_indices('{').map(|(at, _)| at + 1).filter(|at| !text[*at..].starts_with('}')).collect();
        let at = braces[usize::from(place) % braces.len()];
        let name = text[at..].split(':').next().unwrap();
        let twice = format!("{}{name}:null,{}", &text[..at], &text[at..]);
        prop_assert_eq!(Tariff::from_json(twice.as_bytes()).err().map(|e| e.code()), Some(Code::BadJson), "{}", twice);
    }

    #[test]
    fn damaged_bytes_are_refused_alike(
        bytes in vec(any::<u8>(), 0..300),
        edits in vec((any::<u16>(), 0u8..4, prop::sample::select(&b"\"{}[],:0129.-+eE\\ \n\t\0\x7f\x80\xc3\xa9\xffTZ"[..])), 1..4),
    ) {
        let (tariff, calendar, stay) = cases(&bytes, &[]);
        let damaged = |document: &Value| {
            let mut text = document.to_string().into_bytes();
            for (place, how, byte) in &edits {
                let at = usize::from(*place) % text.len().max(1);
                match how {
                    0 if at < text.len() => { text.remove(at); }
                    1 if at < text.len() => text[at] = *byte,
                    2 => text.truncate(at),
                    _ => text.insert(at, *byte),
                }
            }
            text
        };
        let code = |code: Option<Code>| code.map(Code::as_str);
        let text = damaged(&tariff);
        let theirs = oracle::parse::tariff(&text).err().map(|(code, _)| code);
        prop_assert_eq!(code(Tariff::from_json(&text).err().map(|e| e.code())), theirs, "{}", String::from_utf8_lossy(&text));
        let text = damaged(&calendar);
        let theirs = oracle::parse_parts::calendar(&text).err().map(|(code, _)| code);
        prop_assert_eq!(code(Calendar::from_json(&text).err().map(|e| e.code())), theirs, "{}", String::from_utf8_lossy(&text));
        let text = damaged(&stay);
        let theirs = oracle::parse_parts::stay(&text).err();
        let later = theirs.as_ref().is_some_and(|(_, path)| path.starts_with("paid[") && path.ends_with("].at"));
        let ours = code(Stay::from_json(&text).err().map(|e| e.code()));
        prop_assert!((ours.is_none() && later) || ours == theirs.map(|(code, _)| code), "{ours:?} {}", String::from_utf8_lossy(&text));
    }
}
