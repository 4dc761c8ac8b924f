//! Every error code, its path, and which of several is reported.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tariff_engine::{Calendar, Code, Stay, Tariff, TariffSet, price};

const TARIFF: &str = r#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
    "valid": { "from": "2000-01-01T00:00:00", "until": "2200-01-01T00:00:00" }, "max_stay": "40000d", "grace": "1m",
    "caps": [ { "per": "stay", "amount": "9000000" } ],
    "rules": [ { "id": "r", "vehicles": ["small"], "from": "07:30", "to": "21:00",
      "charge": { "steps": [ { "upto": "30m", "price": "0" }, { "every": "1h", "price": "1" } ] } } ] }"#;

fn refused(old: &str, new: &str) -> (Code, String) {
    let text = TARIFF.replacen(old, new, 1);
    assert_ne!(text, TARIFF, "{old}");
    let error = Tariff::from_json(text.as_bytes()).expect_err(&text);
    (error.code(), error.path().to_owned())
}

#[test]
fn tariffs() {
    use Code::{BadField, BadJson, UnknownCurrency, UnknownField, UnknownTimeZone};
    for (old, new, code, path) in [
        ("{ \"format\"", "{ \"id\": \"x\", \"format\"", BadJson, ""),
        ("\"format\": 1, ", "", BadField, "format"),
        ("\"format\": 1", "\"format\": 2", BadField, "format"),
        ("\"format\": 1", "\"format\": \"1\"", BadField, "format"),
        ("\"CNY\"", "\"RMB\"", UnknownCurrency, "currency"),
        ("\"CNY\"", "7", BadField, "currency"),
        ("Asia/Shanghai", "Asia/Beijing", UnknownTimeZone, "time_zone"),
        ("\"grace\"", "\"gracious\"", UnknownField, "gracious"),
        // A name that the format knows elsewhere is in the wrong place.
        ("\"grace\": \"1m\"", "\"cap\": \"1\"", BadField, "cap"),
        ("\"1m\"", "\"1min\"", BadField, "grace"),
        ("\"1m\"", "null", BadField, "grace"),
        ("\"2200-01-01T00:00:00\"", "\"2000-01-01T00:00:00\"", BadField, "valid.until"),
        (
            "{ \"per\": \"stay\", \"amount\": \"9000000\" }",
            "{ \"per\": \"stay\" }",
            BadField,
            "caps[0].amount",
        ),
        ("\"9000000\"", "9000000", BadField, "caps[0].amount"),
        ("\"9000000\"", "\"-1\"", BadField, "caps[0].amount"),
        ("\"9000000\"", "\"1.0000001\"", BadField, "caps[0].amount"),
        ("[\"small\"]", "[]", BadField, "rules[0].vehicles"),
        ("\"to\": \"21:00\",", "", BadField, "rules[0].to"),
        ("\"from\": \"07:30\"", "\"from\": \"24:00\"", BadField, "rules[0].from"),
        ("\"upto\": \"30m\"", "\"upto\": \"0s\"", BadField, "rules[0].charge.steps[0].upto"),
        ("\"upto\": \"30m\", ", "", BadField, "rules[0].charge.steps[0].upto"),
        ("\"every\": \"1h\"", "\"every\": \"0s\"", BadField, "rules[0].charge.steps[1].every"),
        ("\"every\": \"1h\"", "\"evry\": \"1h\"", UnknownField, "rules[0].charge.steps[1].evry"),
        (
            "\"every\": \"1h\", \"price\": \"1\"",
            "\"upto\": \"20m\", \"price\": \"1\"",
            BadField,
            "rules[0].charge.steps[1].upto",
        ),
        (
            "\"upto\": \"30m\",",
            "\"upto\": \"30m\", \"partial\": \"up\",",
            BadField,
            "rules[0].charge.steps[0].partial",
        ),
        ("\"charge\": {", "\"charge\": \"nothing\", \"straddle\": {", BadField, "rules[0].straddle"),
    ] {
        assert_eq!(refused(old, new), (code, path.to_owned()), "{old} -> {new}");
    }
}

#[test]
fn of_several_the_first_code_is_reported() {
    let both =
        TARIFF.replace("CNY", "RMB").replace("\"1m\"", "1").replace("\"every\": \"1h\"", "\"evry\": \"1h\"");
    assert_eq!(Tariff::from_json(both.as_bytes()).unwrap_err().code(), Code::UnknownField);
    let two = TARIFF.replace("CNY", "RMB").replace("Asia/Shanghai", "Asia/Beijing").replace("\"1m\"", "1");
    assert_eq!(Tariff::from_json(two.as_bytes()).unwrap_err().code(), Code::BadField);
    let rest = TARIFF.replace("CNY", "RMB").replace("Asia/Shanghai", "Asia/Beijing");
    assert_eq!(Tariff::from_json(rest.as_bytes()).unwrap_err().code(), Code::UnknownTimeZone);
}

#[test]
fn overlapping_versions() {
    let second = TARIFF.replace("2000-01-01", "2100-01-01");
    let error = TariffSet::from_json(format!("[{TARIFF},{second}]").as_bytes()).unwrap_err();
    assert_eq!((error.code(), error.path()), (Code::BadField, "[1].valid"));
    let other = second.replace("\"id\": \"t\"", "\"id\": \"u\"");
    assert_eq!(TariffSet::from_json(format!("[{TARIFF},{other}]").as_bytes()).unwrap().ids().count(), 2);
}

#[test]
fn calendars() {
    for (text, path) in [
        (r#"{ "format": 1 }"#, "id"),
        (r#"{ "format": 1, "id": "c", "days": { "2026-02-29": [] } }"#, "days.2026-02-29"),
        (
            r#"{ "format": 1, "id": "c", "days": { "2026-02-28": ["workday", "rest_day"] } }"#,
            "days.2026-02-28",
        ),
        (r#"{ "format": 1, "id": "c", "weekend": ["sabbath"] }"#, "weekend[0]"),
        (
            r#"{ "format": 1, "id": "c", "covers": { "from": "2026-01-01", "until": "2026-01-01" } }"#,
            "covers.until",
        ),
    ] {
        let error = Calendar::from_json(text.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.path()), (Code::BadField, path), "{text}");
    }
}

#[test]
fn stays_that_cannot_be_read() {
    use Code::{BadField, BadJson, UnknownField};
    let times = r#""entry": "2026-01-05T08:00:00+08:00", "exit": "2026-01-05T10:00:00+08:00""#;
    for (fields, code, path, id) in [
        (r#""id": "a", "#, BadJson, "", None),
        (r#""id": 7"#, BadField, "id", None),
        (r#""idd": "a""#, UnknownField, "idd", None),
        (r#""id": "a", "vehicle": null"#, BadField, "vehicle", Some("a")),
        (r#""id": "a", "vehicle": 1, "vehikle": 2"#, UnknownField, "vehikle", Some("a")),
        (
            r#""id": "a", "exempt": [ { "from": "2026-01-05T09:00:00Z", "to": "2026-01-05T08:00:00Z" } ]"#,
            BadField,
            "exempt[0].to",
            Some("a"),
        ),
        (
            r#""id": "a", "paid": [ { "at": "2026-01-05T10:00:01+08:00", "amount": "1" } ]"#,
            BadField,
            "paid[0].at",
            Some("a"),
        ),
        (r#""id": "a", "used": { "2026-13-01": {} }"#, BadField, "used.2026-13-01", Some("a")),
        (
            r#""id": "a", "adjust": [ { "instead": "1" }, { "instead": "2" } ]"#,
            BadField,
            "adjust[1].instead",
            Some("a"),
        ),
    ] {
        let text =
            if code == BadJson { format!("{{ {fields} {times}") } else { format!("{{ {fields}, {times} }}") };
        let error = Stay::from_json(text.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.path(), error.id()), (code, path, id), "{text}");
    }
}

#[test]
fn stays_without_a_price() {
    use Code::{CalendarGap, ExitBeforeEntry, NotInForce, NotOffered, Overflow, VehicleNotCovered};
    let tariff = Tariff::from_json(TARIFF.as_bytes()).unwrap();
    let short = Tariff::from_json(TARIFF.replace("40000d", "2h").as_bytes()).unwrap();
    let calendar =
        Calendar::from_json(br#"{ "format": 1, "id": "c", "covers": { "until": "2026-01-06" } }"#).unwrap();
    let code = |tariff: &Tariff, entry: &str, exit: &str, vehicle: &str| {
        let text = format!(
            r#"{{ "id": "s", "entry": "{entry}+08:00", "exit": "{exit}+08:00", "vehicle": "{vehicle}" }}"#
        );
        price(tariff, Some(&calendar), &Stay::from_json(text.as_bytes()).unwrap())
            .map(|r| r.total.to_string())
            .map_err(|e| e.code())
    };
    let at = "2026-01-05T08:00:00";
    for (tariff, entry, exit, vehicle, expected) in [
        (&tariff, at, "2026-01-05T10:00:00", "small", Ok("2")),
        (&tariff, at, "2026-01-05T07:00:00", "small", Err(ExitBeforeEntry)),
        (&tariff, "9999-01-02T00:00:00", "9999-01-01T00:00:00", "small", Err(ExitBeforeEntry)),
        (&tariff, "1999-12-31T23:59:59", "2026-01-05T07:00:00", "bus", Err(NotInForce)),
        (&tariff, at, "2026-01-05T10:00:00", "bus", Err(VehicleNotCovered)),
        // Within the grace nothing is looked at.
        (&tariff, at, "2026-01-05T08:01:00", "bus", Ok("0")),
        (&short, at, "2026-01-05T10:00:01", "small", Err(NotOffered)),
        (&short, at, "2026-01-07T10:00:01", "bus", Err(NotOffered)),
        (&tariff, at, "2026-01-06T00:00:00.000000001", "small", Err(CalendarGap)),
        (&tariff, at, "2026-01-06T00:00:00", "small", Ok("13")),
        (&tariff, "2150-01-01T00:00:00", "2150-01-01T00:00:00", "small", Err(Overflow)),
        (&tariff, "2150-01-01T00:00:00", "2150-01-01T10:00:00", "small", Err(CalendarGap)),
    ] {
        assert_eq!(
            code(tariff, entry, exit, vehicle),
            expected.map(str::to_owned),
            "{entry} {exit} {vehicle}"
        );
    }
    let open = Calendar::from_json(br#"{ "format": 1, "id": "c" }"#).unwrap();
    let long = Stay::from_json(
        br#"{ "id": "s", "entry": "2026-01-05T08:00:00Z", "exit": "2126-01-07T08:00:00Z", "vehicle": "small" }"#,
    )
    .unwrap();
    assert_eq!(price(&tariff, Some(&open), &long).unwrap_err().code(), Overflow);
    let dear =
        TARIFF.replace("9000000", "9000000000000").replace("\"price\": \"1\"", "\"price\": \"999999999999\"");
    let dear = Tariff::from_json(dear.as_bytes()).unwrap();
    assert_eq!(code(&dear, at, "2026-01-05T09:00:00", "small"), Ok("999999999999".to_owned()));
    assert_eq!(code(&dear, at, "2026-01-05T11:00:00", "small"), Err(Overflow));
}

/// The ends of what documents can say: refused or priced, but no panic.
#[test]
fn the_greatest_figures() {
    let greatest = "9223372036854.775807";
    for (every, partial) in [
        ("106751d", "up"),
        ("106751d", "pro_rata"),
        ("1s", "up"),
        ("86399s", "pro_rata"),
        ("3607s", "pro_rata"),
    ] {
        for tiers in ["total", "add", "volume"] {
            let text = format!(
                r#"{{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", "ladder": "stay", "minimum": "{greatest}",
                     "caps": [ {{ "per": "24h", "amount": "{greatest}" }} ],
                     "rules": [ {{ "id": "r", "charge": {{ "tiers": "{tiers}", "steps": [ {{ "upto": "1s", "price": "{greatest}" }},
                       {{ "every": "{every}", "price": "{greatest}", "partial": "{partial}" }} ] }} }} ] }}"#
            );
            let tariff = Tariff::from_json(text.as_bytes()).unwrap();
            for exit in
                ["2026-01-05T08:00:01", "2026-01-05T08:00:02", "2026-01-15T08:00:00", "2125-01-05T08:00:00"]
            {
                let text = format!(
                    r#"{{ "id": "s", "entry": "2026-01-05T08:00:00Z", "exit": "{exit}Z", "used": {{ "2026-01-05": {{ "charged": "{greatest}" }} }},
                         "adjust": [ {{ "multiply": "{greatest}" }}, {{ "percent_off": "99.999999" }}, {{ "amount_off": "{greatest}" }} ],
                         "paid": [ {{ "at": "2026-01-05T08:00:00Z", "amount": "{greatest}" }}, {{ "at": "2026-01-05T08:00:00Z", "amount": "{greatest}" }} ] }}"#
                );
                let stay = Stay::from_json(text.as_bytes()).unwrap();
                let error = price(&tariff, None, &stay).unwrap_err();
                assert_eq!(error.code(), Code::Overflow, "{every} {partial} {tiers} {exit}");
            }
        }
    }
}
