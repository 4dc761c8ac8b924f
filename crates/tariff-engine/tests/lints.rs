//! Every lint: documents that trigger it and documents that nearly do; what its stays cost is what the engine charges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{collections::BTreeSet, fs, path::Path};

use parking_types::Date;
use serde_json::Value;
use tariff_engine::{
    Calendar, Stay, TariffSet,
    lint::{Finding, LintCode, Severity, lint_calendars, lint_json},
    total,
};

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lints.jsonl");
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn calendar(case: &Value) -> Option<Calendar> {
    case.get("calendar").map(|calendar| Calendar::from_json(calendar.to_string().as_bytes()).unwrap())
}

fn findings(case: &Value) -> Vec<Finding> {
    lint_json(case["tariff"].to_string().as_bytes(), calendar(case).as_ref(), date("2026-03-02"))
}

#[test]
fn every_case_has_the_findings_it_names_and_no_others() {
    let cases = cases();
    assert!(cases.len() >= 60);
    let mut bad = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let only: Option<Vec<&str>> = case
            .get("only")
            .map(|only| only.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect());
        let found = findings(case);
        let looked_at: Vec<&Finding> = found
            .iter()
            .filter(|finding| only.as_ref().is_none_or(|only| only.contains(&finding.code.as_str())))
            .collect();
        let codes: BTreeSet<&str> = looked_at.iter().map(|finding| finding.code.as_str()).collect();
        let expected: BTreeSet<&str> =
            case["expect"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
        let first = case["expect"].get(0).and_then(|code| {
            looked_at.iter().find(|finding| finding.code.as_str() == code.as_str().unwrap())
        });
        let fits = |key: &str, fits: &dyn Fn(&Finding, &str) -> bool| match case.get(key) {
            Some(want) => first.is_some_and(|finding| fits(finding, want.as_str().unwrap())),
            None => true,
        };
        let right = codes == expected
            && fits("path", &|finding, want| finding.path == want)
            && fits("severity", &|finding, want| finding.severity.as_str() == want)
            && fits("message", &|finding, want| finding.message.contains(want));
        if !right {
            bad.push(format!("{name}: {:#?}", found.iter().map(Finding::to_json).collect::<Vec<_>>()));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// Prices the stays of findings again, as they stand in the JSON; gives how many there were.
fn check_stays(document: &str, calendar: Option<&Calendar>, findings: &[Finding]) -> usize {
    let set = TariffSet::from_json(document.as_bytes()).ok();
    let mut shown = 0;
    for finding in findings {
        let json: Value = serde_json::from_str(&finding.to_json()).unwrap();
        assert_eq!(json["code"], finding.code.as_str());
        let first = json.get("stay").map(|stay| (stay, &json["total"]));
        let others = json.get("compared").and_then(Value::as_array).into_iter().flatten();
        let pairs: Vec<_> =
            first.into_iter().chain(others.map(|other| (&other["stay"], &other["total"]))).collect();
        assert_eq!(pairs.len(), finding.stays.len());
        let price = |(stay, said): &(&Value, &Value)| {
            let stay = Stay::from_json(stay.to_string().as_bytes()).unwrap();
            let set = set.as_ref().unwrap();
            let tariff = set.version_at(set.ids().next().unwrap(), stay.entry).unwrap();
            let total = total(tariff, calendar, &stay).unwrap();
            assert_eq!(total.in_currency(tariff.currency()).to_string(), said.as_str().unwrap());
            total
        };
        let totals: Vec<_> = pairs.iter().map(price).collect();
        shown += totals.len();
        match (finding.code, totals.as_slice()) {
            (LintCode::LongerCostsLess, [short, long]) => assert!(short > long),
            (LintCode::Cliff, [before, after]) => assert!(after > before),
            (LintCode::LeaveAndReturn, [whole, first, second]) => {
                assert!(first.saturating_add(*second) < *whole)
            }
            (LintCode::LongerCostsLess | LintCode::Cliff | LintCode::LeaveAndReturn, _) => panic!("{json}"),
            _ => {}
        }
    }
    shown
}

#[test]
fn the_stays_of_findings_cost_what_they_say() {
    let check =
        |case: &Value| check_stays(&case["tariff"].to_string(), calendar(case).as_ref(), &findings(case));
    let shown: usize = cases().iter().map(check).sum();
    assert!(shown > 40, "{shown}");
}

#[test]
fn the_stays_of_findings_in_published_tariffs_cost_what_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/docs");
    let mut shown = 0;
    for file in fs::read_dir(folder).unwrap() {
        let document = fs::read_to_string(file.unwrap().path()).unwrap();
        let findings = lint_json(document.as_bytes(), None, date("2026-11-22"));
        assert!(findings.iter().all(|finding| finding.severity < Severity::Error), "{findings:?}");
        shown += check_stays(&document, None, &findings);
    }
    assert!(shown > 80, "{shown}");
}

#[test]
fn packages_of_weekdays_are_found_from_any_day() {
    let document = r#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
        "packages": [ { "id": "early", "price": "13.00", "entry": { "days": ["wed"], "from": "06:00", "to": "09:00" },
                        "exit": { "from": "15:30", "to": "23:30" } } ],
        "rules": [ { "id": "all", "charge": { "steps": [ { "every": "1h", "price": "5.00" } ] } } ] }"#;
    for today in 1..=7 {
        let found = lint_json(document.as_bytes(), None, date(&format!("2026-03-0{today}")));
        assert!(found.iter().any(|finding| finding.code == LintCode::LongerCostsLess), "{today}: {found:?}");
    }
}

#[test]
fn a_fall_is_shown_by_the_shortest_stay() {
    let case = cases().into_iter().find(|case| case["name"] == "a step below the one before").unwrap();
    let found = findings(&case);
    let fall = found.iter().find(|finding| finding.code == LintCode::LongerCostsLess).unwrap();
    // The first second costs 5.00; beyond the hour the same stay costs 4.00.
    let lengths: Vec<i64> =
        fall.stays.iter().map(|shown| (shown.stay.exit - shown.stay.entry).as_secs()).collect();
    assert_eq!(lengths, [1, 3601]);
}

fn year(year: i32) -> Calendar {
    let text = format!(
        "{{\"format\":1,\"id\":\"cn-{year}\",\"covers\":{{\"from\":\"{year}-01-01\",\"until\":\"{}-01-01\"}}}}",
        year + 1
    );
    Calendar::from_json(text.as_bytes()).unwrap()
}

fn codes(calendars: &[&Calendar], today: &str) -> Vec<(&'static str, &'static str)> {
    let found = lint_calendars(calendars, date(today));
    found.iter().map(|finding| (finding.code.as_str(), finding.severity.as_str())).collect()
}

#[test]
fn the_end_of_the_calendar_is_announced_sixty_days_ahead() {
    let (y26, y27) = (year(2026), year(2027));
    assert_eq!(codes(&[&y26], "2026-10-31"), []);
    // 2026-11-01 is 60 days before the last covered date, 2026-12-31.
    assert_eq!(codes(&[&y26], "2026-11-01"), [("calendar_ends", "warning")]);
    assert_eq!(codes(&[&y26], "2026-12-31"), [("calendar_ends", "warning")]);
    assert_eq!(codes(&[&y26], "2027-01-01"), [("calendar_ends", "error")]);
    assert_eq!(codes(&[&y26, &y27], "2026-12-31"), []);
    assert_eq!(codes(&[], "2026-12-31"), []);
}

#[test]
fn a_year_that_is_missing_ahead_is_told_one_that_has_passed_is_not() {
    let (y26, y28) = (year(2026), year(2028));
    assert_eq!(codes(&[&y26, &y28], "2026-03-02"), [("calendar_gap_ahead", "warning")]);
    assert_eq!(codes(&[&y26, &y28], "2027-03-02"), [("calendar_gap_ahead", "error")]);
    assert_eq!(codes(&[&y26, &y28], "2028-03-02"), []);
}

#[test]
fn a_calendar_without_an_end_hides_where_the_years_end() {
    let (y26, open) = (year(2026), Calendar::from_json(br#"{"format":1,"id":"fair"}"#).unwrap());
    assert_eq!(codes(&[&y26, &open], "2026-06-01"), []);
    assert_eq!(codes(&[&y26, &open], "2026-12-01"), [("calendar_open", "warning")]);
    assert_eq!(codes(&[&open], "2026-12-01"), []);
}

#[test]
fn nothing_that_can_be_read_makes_lint_fail() {
    let rule = r#"{"id":"r","charge":{"steps":[{"every":"1h","price":"999999999999"}]}}"#;
    for (from, until) in [
        ("\"9998-01-01T00:00:00\"", "null"),
        ("null", "\"0002-01-01T00:00:00\""),
        ("\"2026-03-02T10:00:00\"", "\"2026-03-02T10:00:01\""),
    ] {
        let text = format!(
            "{{\"format\":1,\"id\":\"t\",\"currency\":\"CNY\",\"time_zone\":\"America/New_York\",\"valid\":{{\"from\":{from},\"until\":{until}}},\"rules\":[{rule}]}}"
        );
        for today in ["0001-01-01", "2026-03-02", "9999-12-31"] {
            let found = lint_json(text.as_bytes(), None, date(today));
            assert!(found.iter().all(|finding| !matches!(finding.code, LintCode::Refused(_))), "{found:?}");
        }
    }
    assert_eq!(lint_json(b"{", None, date("2026-03-02")).len(), 1);
    assert_eq!(lint_json(b"[]", None, date("2026-03-02")), []);
}

#[test]
fn rules_for_many_vehicles_and_colours_are_all_reached() {
    let rule = |n: usize| {
        format!(
            r#"{{"id":"r{n}","vehicles":["v{}"],"plate_colors":["c{}"],"cap":"24.00","charge":{{"steps":[{{"every":"1h","price":"2.00"}}]}}}}"#,
            n / 6,
            n % 6
        )
    };
    let rules: Vec<String> = (0..40 * 6).map(rule).collect();
    let text = format!(
        r#"{{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai","caps":[{{"per":"natural_day","amount":"24.00"}}],"rules":[{}]}}"#,
        rules.join(",")
    );
    assert_eq!(lint_json(text.as_bytes(), None, date("2026-03-02")), []);
    // Beyond what is looked at, nothing is claimed.
    let rules: Vec<String> = (0..200 * 6).map(rule).collect();
    let text = format!(
        r#"{{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai","rules":[{}]}}"#,
        rules.join(",")
    );
    assert_eq!(lint_json(text.as_bytes(), None, date("2026-03-02")), []);
}
