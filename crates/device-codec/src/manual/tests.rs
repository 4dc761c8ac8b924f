use super::*;
use crate::error::ErrorCode;

fn with(fields: &str) -> String {
    format!(
        r#"{{"id":"a-1","at":"2026-03-02T08:00:00+08:00","by":{{"kind":"user","id":"u-1"}},"reason":"why",{fields}}}"#
    )
}

fn canonical(payload: &str) -> String {
    let mut out = Vec::new();
    Action::parse(payload.as_bytes()).unwrap().write_json(&mut out);
    String::from_utf8(out).unwrap()
}

const HASH: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn each_action_is_read_and_its_canonical_form_reads_the_same() {
    let image =
        format!(r#""action":"evidence","session":"s1","images":[{{"image":"{HASH}","kind":"scene"}}]"#);
    let cases = [
        r#""action":"entry","berth":"L1-001","plate":"粤B·12345","plate_color":"blue","vehicle":"small""#,
        r#""action":"entry","session":"s1","lane":"G1-in","ticket":"t1","exit":"2026-03-02T09:00:00+08:00""#,
        r#""action":"entry","lane":"G1-in","plate":"粤B12345""#,
        r#""action":"exit","lot":"L1","plate":"粤B12345""#,
        r#""action":"exit","lot":"L1","ticket":"t1""#,
        r#""action":"plate","session":"s1","vehicle":"large""#,
        r#""action":"times","session":"s1","entry":"2026-03-02T08:00:00Z""#,
        r#""action":"berth","session":"s1","berth":"L1-002""#,
        r#""action":"berth","lot":"L1","plate":"粤B12345","berth":"L1-002""#,
        r#""action":"merge","session":"s1","sessions":["s2","s3"]"#,
        r#""action":"void","berth":"L1-001""#,
        r#""action":"restore","session":"s1""#,
        r#""action":"adjust","session":"s1","adjust":[{"multiply":"2"},{"time_off":"1h","at":"end","source":"coupon"},{"instead":"80.00"}]"#,
        r#""action":"adjust","session":"s1","adjust":[]"#,
        r#""action":"payment","lane":"G1-out","payment":"p1","part":"1","amount":"1.5","currency":"CNY","quoted_at":"2026-03-02T08:00:00Z","method":"wechat","scene":"arm","channel":"c","channel_ref":"r","payer":"x""#,
        r#""action":"payment","payment":"p1","amount":"3","currency":"JPY""#,
        r#""action":"payment_reversed","payment":"p1","part":"1""#,
        r#""action":"gate","lane":"G1-out","command":"normal""#,
        r#""action":"ground_lock","berth":"L1-001","command":"raise""#,
        r#""action":"count","lot":"G1","open":12"#,
        &image,
    ];
    for case in cases {
        let payload = with(case);
        let action = Action::parse(payload.as_bytes()).unwrap_or_else(|e| panic!("{case}: {e}"));
        let written = canonical(&payload);
        assert_eq!(Action::parse(written.as_bytes()), Ok(action), "{written}");
        assert_eq!(canonical(&written), written);
    }
}

#[test]
fn blanks_order_and_offset_make_no_other_content_but_values_do() {
    let digest = |payload: &str| Action::parse(payload.as_bytes()).unwrap().digest();
    let first = r#"{"id":"a","action":"void","at":"2026-03-02T08:00:00+08:00","by":{"kind":"user","id":"u"},"berth":"b"}"#;
    let same = r#" { "berth":"b","by":{"id":"u","kind":"user"}, "at":"2026-03-02T00:00:00Z","action":"void","id":"a" } "#;
    assert_eq!(digest(first), digest(same));
    assert_ne!(digest(first), digest(&first.replace("\"b\"}", "\"c\"}")));
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        (r#""action":"void""#, ErrorCode::Missing, "session"),
        (r#""action":"void","session":"s1","session":"s2""#, ErrorCode::Repeated, "session"),
        (r#""action":"void","session":"s1","berth":"b1""#, ErrorCode::Unknown, "berth"),
        (r#""action":"void","session":"s1","plate":"粤B12345""#, ErrorCode::Unknown, "plate"),
        (r#""action":"void","lot":"L1""#, ErrorCode::Missing, "plate"),
        (r#""action":"void","session":"a b""#, ErrorCode::Value, "session"),
        (r#""action":"fly","session":"s1""#, ErrorCode::Unsupported, "action"),
        (r#""action":"plate","session":"s1""#, ErrorCode::Missing, "plate"),
        (r#""action":"times","session":"s1""#, ErrorCode::Missing, "entry"),
        (r#""action":"gate","lane":"x","command":"explode""#, ErrorCode::Value, "command"),
        (r#""action":"gate","command":"open""#, ErrorCode::Missing, "lane"),
        (r#""action":"count","lot":"G1","open":-1"#, ErrorCode::Value, "open"),
        (r#""action":"count","lot":"G1","open":"1""#, ErrorCode::Value, "open"),
        (r#""action":"payment","payment":"p","amount":"0.005","currency":"CNY""#, ErrorCode::Value, "amount"),
        (r#""action":"payment","payment":"p","amount":1,"currency":"CNY""#, ErrorCode::Value, "amount"),
        (r#""action":"payment","payment":"p","amount":"1","currency":"XXQ""#, ErrorCode::Value, "currency"),
        (r#""action":"payment","payment":"p","currency":"CNY""#, ErrorCode::Missing, "amount"),
        (r#""action":"payment_reversed","payment":"p","lane":"x""#, ErrorCode::Unknown, "lane"),
        (r#""action":"merge","session":"s","sessions":[]"#, ErrorCode::Value, "sessions"),
        (r#""action":"adjust","session":"s","adjust":[{}]"#, ErrorCode::Missing, "adjust[]"),
        (
            r#""action":"adjust","session":"s","adjust":[{"multiply":"2","instead":"1"}]"#,
            ErrorCode::Repeated,
            "adjust[]",
        ),
        (
            r#""action":"adjust","session":"s","adjust":[{"multiply":"2","at":"end"}]"#,
            ErrorCode::Unknown,
            "adjust[].at",
        ),
        (
            r#""action":"adjust","session":"s","adjust":[{"percent_off":"100.1"}]"#,
            ErrorCode::Value,
            "adjust[].percent_off",
        ),
        (
            r#""action":"evidence","session":"s","images":[{"image":"00","kind":"exit"}]"#,
            ErrorCode::Value,
            "images[].image",
        ),
        (r#""action":"exit","session":"s","colour":"red""#, ErrorCode::Unknown, ""),
    ];
    for (case, code, field) in cases {
        let payload = with(case);
        let error = Action::parse(payload.as_bytes()).unwrap_err();
        assert_eq!((error.code, error.field), (code, field), "{case}");
        assert!(error.offset <= payload.len());
    }
    let id_of_33 = format!(
        r#"{{"id":"{}","action":"void","by":{{"kind":"user","id":"u"}},"session":"s"}}"#,
        "x".repeat(33)
    );
    assert_eq!(Action::parse(id_of_33.as_bytes()).unwrap_err().field, "id");
    let nobody = r#"{"id":"a","action":"void","session":"s"}"#;
    assert_eq!(Action::parse(nobody.as_bytes()).unwrap_err().field, "by");
}

#[test]
fn an_unknown_field_is_found_by_its_offset() {
    let payload = br#"{"id":"a","action":"void","by":{"kind":"user","id":"u","name":"x"},"session":"s"}"#;
    let error = Action::parse(payload).unwrap_err();
    assert_eq!((error.code, error.field), (ErrorCode::Unknown, "by"));
    assert_eq!(crate::json_path(payload, error.offset).as_deref(), Some("by.name"));
}
