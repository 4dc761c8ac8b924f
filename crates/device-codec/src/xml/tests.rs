use proptest::prelude::*;

use super::*;

fn events(text: &[u8]) -> (Vec<String>, Option<(ErrorCode, usize)>) {
    let mut xml = Xml::new(text);
    let mut seen = Vec::new();
    loop {
        match xml.next() {
            Ok(None) => return (seen, None),
            Ok(Some(Event::Open(name))) => seen.push(format!("<{}", String::from_utf8_lossy(name))),
            Ok(Some(Event::Close)) => seen.push(">".into()),
            Ok(Some(Event::Leaf(name, value))) => match value.decode() {
                Ok(value) => seen.push(format!("{}={value}", String::from_utf8_lossy(name))),
                Err(error) => return (seen, Some((error.code, error.offset))),
            },
            Err(error) => return (seen, Some((error.code, error.offset))),
        }
    }
}

fn fails(text: &str) -> Option<(ErrorCode, usize)> {
    events(text.as_bytes()).1
}

#[test]
fn elements_by_local_name() {
    let text = "<?xml version=\"1.0\"?>\n<!-- c --><n:A v='1 > 0' w=\"/\"><n:b> x &amp; &#x7ca4; </n:b>\
                <c/><d></d><e><![CDATA[<&amp;>]]></e><f><g>1</g></f></n:A>\n";
    let (seen, error) = events(text.as_bytes());
    assert_eq!(error, None);
    assert_eq!(seen, ["<A", "b=x & 粤", "c=", "d=", "e=<&amp;>", "<f", "g=1", ">", ">"]);
}

#[test]
fn gbk_documents() {
    let text =
        [b"<?xml version=\"1.0\" encoding=\"GB2312\"?><a><p>".as_slice(), b"\xcb\xd5A1</p></a>"].concat();
    assert_eq!(events(&text).0, ["<a", "p=苏A1", ">"]);
    assert_eq!(events(b"<a>\xcb\xd5</a>").1, Some((ErrorCode::Encoding, 3)));
}

#[test]
fn nothing_is_expanded() {
    let bomb = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><a>&lol2;</a>";
    assert_eq!(fails(bomb), Some((ErrorCode::Unsupported, 0)));
    assert_eq!(fails("<a>&lol;</a>"), Some((ErrorCode::Unsupported, 3)));
    assert_eq!(fails("<a>&#xd800;</a>"), Some((ErrorCode::Unsupported, 3)));
}

#[test]
fn depth_is_bounded() {
    let nested = |n: usize| format!("{}x{}", "<a>".repeat(n), "</a>".repeat(n));
    assert_eq!(fails(&nested(33)), None);
    assert_eq!(fails(&nested(34)), Some((ErrorCode::TooLarge, 96)));
    assert_eq!(fails(&"<a>".repeat(1 << 18)), Some((ErrorCode::TooLarge, 96)));
}

#[test]
fn broken_ones_say_where() {
    let cases: [(&str, ErrorCode, usize); 11] = [
        ("", ErrorCode::Truncated, 0),
        ("x", ErrorCode::Syntax, 0),
        ("<a", ErrorCode::Truncated, 2),
        ("<a>", ErrorCode::Truncated, 3),
        ("<a></b>", ErrorCode::Syntax, 3),
        ("<a></a", ErrorCode::Truncated, 6),
        ("<a></a><b></b>", ErrorCode::Syntax, 7),
        ("<a b></a>", ErrorCode::Syntax, 4),
        ("<a b=1></a>", ErrorCode::Syntax, 5),
        ("<a><b></b>text</a>", ErrorCode::Syntax, 10),
        ("</a>", ErrorCode::Syntax, 0),
    ];
    for (text, code, at) in cases {
        assert_eq!(fails(text), Some((code, at)), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_end(text in r#"[<>/a!\[\]&;"'=? x\-:#]{0,40}"#) {
        if let (_, Some((_, at))) = events(text.as_bytes()) {
            prop_assert!(at <= text.len());
        }
    }
}
