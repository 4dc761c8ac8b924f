use proptest::prelude::*;

use super::*;

fn error(text: &[u8]) -> Option<(ErrorCode, usize)> {
    let mut json = Json::new(text);
    json.skip().and_then(|()| json.finish()).err().map(|e| (e.code, e.offset))
}

#[test]
fn grammar() {
    for good in [
        "{}",
        "[]",
        " null ",
        "-0",
        "1.5e+3",
        "\"a\\u00e9\"",
        "{\"a\":[1,{\"b\":true}],\"c\":\"\"}",
        "\u{feff}{}",
    ] {
        assert_eq!(error(good.as_bytes()), None, "{good}");
    }
    let bad: [(&str, ErrorCode, usize); 14] = [
        ("", ErrorCode::Truncated, 0),
        ("{", ErrorCode::Truncated, 1),
        ("{\"a\"", ErrorCode::Truncated, 4),
        ("{\"a\":1,}", ErrorCode::Syntax, 7),
        ("[1 2]", ErrorCode::Syntax, 3),
        ("{a:1}", ErrorCode::Syntax, 1),
        ("01", ErrorCode::Syntax, 1),
        ("1.", ErrorCode::Truncated, 2),
        ("1.x", ErrorCode::Syntax, 2),
        ("\"a", ErrorCode::Truncated, 2),
        ("\"\\x\"", ErrorCode::Syntax, 2),
        ("\"\\u12g4\"", ErrorCode::Syntax, 5),
        ("\"12345678\n\"", ErrorCode::Syntax, 9),
        ("nul", ErrorCode::Truncated, 0),
    ];
    for (text, kind, at) in bad {
        assert_eq!(error(text.as_bytes()), Some((kind, at)), "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
    assert_eq!(error(&nested(32)), None);
    assert_eq!(error(&nested(33)), Some((ErrorCode::TooLarge, 32)));
    assert_eq!(error(&vec![b'['; 1 << 20]), Some((ErrorCode::TooLarge, 32)));
}

#[test]
fn a_visitor_takes_what_it_knows() {
    let text = br#"{"a":{"n":"7","f":0.719034},"b":[1,"x",{}],"\u0063":null,"d":tru}"#;
    let mut json = Json::new(text);
    let (mut n, mut f, mut seen) = (None, None, Vec::new());
    let outcome = json.object(|json, key| {
        seen.push(key.to_vec());
        match key {
            b"a" => json.object(|json, key| {
                match key {
                    b"n" => n = json.int()?,
                    b"f" => f = json.scalar()?.scaled(4),
                    _ => {}
                }
                Ok(())
            }),
            _ => Ok(()),
        }
    });
    assert_eq!((n, f), (Some(7), Some(7190)));
    assert_eq!(seen, [b"a", b"b", b"c", b"d"]);
    assert_eq!(outcome, Err(DecodeError::new(ErrorCode::Syntax, 61, "")));
}

#[test]
fn strings_are_borrowed_or_decoded_or_refused() {
    let decode = |text: &'static [u8]| Json::new(text).text().unwrap().unwrap().decode();
    assert!(matches!(decode("\"粤B12345\"".as_bytes()), Ok(Text::Borrowed("粤B12345"))));
    assert_eq!(decode(br#""\u7ca4B\ud83d\ude97\n""#).unwrap(), "粤B🚗\n");
    assert_eq!(decode(br#""\ud83d""#), Err(DecodeError::new(ErrorCode::Encoding, 1, "")));
    assert_eq!(decode(b"\"ab\xcb\xd5\""), Err(DecodeError::new(ErrorCode::Encoding, 3, "")));
    let gbk = |text: &'static [u8]| Json::gbk(text).text().unwrap().unwrap().decode();
    assert_eq!(gbk(b"\"\xcb\xd5PC3K36\"").unwrap(), "苏PC3K36");
    // 誠 is D5 5C: its trail byte is a backslash and no escape.
    assert_eq!(gbk(b"\"\xd5\x5cn\"").unwrap(), "誠n");
    assert_eq!(gbk(b"\"\xff\"").unwrap_err().code, ErrorCode::Encoding);
    assert_eq!(gbk(b"\"\xcb\"").unwrap_err().code, ErrorCode::Encoding);
}

#[test]
fn numbers_without_floats() {
    let cases: [(&str, i32, Option<i64>); 13] = [
        ("0.719034", 4, Some(7190)),
        ("92.9419174194336", 2, Some(9294)),
        ("-0.005", 2, Some(-1)),
        ("1e3", 0, Some(1000)),
        ("1.25E-1", 3, Some(125)),
        ("1e400", 0, None),
        ("0e400", 0, Some(0)),
        ("1e-400", 2, Some(0)),
        ("9223372036854775807", 0, Some(i64::MAX)),
        ("9223372036854775808", 0, None),
        ("0.5", 0, Some(1)),
        ("0.05", 0, Some(0)),
        ("1038.0", 0, Some(1038)),
    ];
    for (text, places, expected) in cases {
        assert_eq!(Num::parse(text.as_bytes()).unwrap().scaled(places), expected, "{text}");
    }
    assert_eq!(Num::parse(b" +007 ").and_then(Num::int), Some(7));
    assert_eq!(Num::parse(b"000").and_then(Num::int), Some(0));
    assert_eq!(Num::parse(b"1.5").and_then(Num::int), None);
    assert_eq!(Num::parse(b"1038.0").and_then(Num::int), Some(1038));
    for none in [&b""[..], b"-", b"1.", b"0x1", b"1 2", b"a"] {
        assert_eq!(Num::parse(none), None, "{none:?}");
    }
}

#[test]
fn truth_in_all_its_spellings() {
    let truth = |text: &'static str| Json::new(text.as_bytes()).scalar().unwrap().truth();
    assert_eq!([truth("true"), truth("1"), truth("\"True\""), truth("\"1\"")], [Some(true); 4]);
    assert_eq!([truth("false"), truth("0"), truth("\"false\"")], [Some(false); 3]);
    assert_eq!([truth("2"), truth("null"), truth("{}"), truth("\"\"")], [None; 4]);
}

proptest! {
    #[test]
    fn agrees_with_serde_json(text in r#"[\[\]{}:,"\\ntrue1\-.eE0-9a ]{0,24}"#) {
        let ours = error(text.as_bytes()).is_none();
        let theirs = serde_json::from_str::<Box<serde_json::value::RawValue>>(&text).is_ok();
        prop_assert_eq!(ours, theirs, "{}", text);
    }

    #[test]
    fn any_string_comes_back(text in any::<String>()) {
        let written = serde_json::to_string(&text).unwrap();
        let read = Json::new(written.as_bytes()).text().unwrap().unwrap().decode().unwrap();
        prop_assert_eq!(read.as_str(), text);
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some((_, at)) = error(&bytes) {
            prop_assert!(at <= bytes.len());
        }
        if let Ok(Some(text)) = Json::gbk(&bytes).text() {
            let _ = text.decode();
        }
    }

    #[test]
    fn whole_numbers_come_back(value in any::<i64>()) {
        prop_assert_eq!(Num::parse(value.to_string().as_bytes()).and_then(Num::int), Some(value));
    }
}

#[test]
fn whole_numbers_of_every_length() {
    let digits = "123456789012345678901234567890";
    for len in 1..=20 {
        for behind in [",", "}", "]", " ", ".5,", "e1,", "x", ":", "/", "*", "\"", ""] {
            let text = format!("[{}{behind}]", &digits[..len]);
            let mut json = Json::new(text.as_bytes());
            let mut seen = None;
            json.elements(|json, _| seen = seen.or(json.take_int()));
            let whole = digits[..len].parse::<i64>().ok();
            let expected = match behind {
                ".5," => None,
                "e1," => whole.and_then(|value| value.checked_mul(10)),
                _ => whole,
            };
            // Beyond eighteen digits numbers are read the slower way, which asks for room for millionths.
            if len <= 11 {
                assert_eq!(seen, expected, "{text}");
            } else if len <= 18 && !matches!(behind, ".5," | "e1,") {
                assert_eq!(seen, whole, "{text}");
            }
        }
    }
    for padded in ["[01]", "[00000001]", "[012345678901]"] {
        let mut json = Json::new(padded.as_bytes());
        json.elements(|_, _| ());
        assert!(json.finish().is_err(), "{padded}");
    }
}

#[test]
fn an_object_ends_where_no_key_follows_but_not_behind_a_comma() {
    for (text, whole) in
        [("{}", true), ("{ }", true), (r#"{"a":1,}"#, false), ("{,}", false), (r#"{"a":1 , }"#, false)]
    {
        let mut json = Json::new(text.as_bytes());
        json.members(|_, _| ());
        assert_eq!(json.finish().is_ok(), whole, "{text}");
    }
}
