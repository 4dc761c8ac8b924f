//! Comparisons of two tariffs: every figure adds up, whatever the threads, and the versions at entry are compared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use core::num::NonZero;

use parking_types::{Amount, Instant, Span};
use serde_json::Value;
use tariff_engine::{
    Adjust, Calendar, Code, Stay, TariffSet,
    backtest::{Backtest, BacktestError, ItemKind, Report, Side},
    total,
};

fn set(text: &str) -> TariffSet {
    TariffSet::from_json(text.as_bytes()).unwrap()
}

fn version(rest: &str) -> String {
    format!(r#"{{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", {rest} }}"#)
}

fn hourly(price: &str) -> String {
    format!(
        r#""rules": [ {{ "id": "all", "ladder": "stay", "charge": {{ "steps": [ {{ "every": "1h", "price": "{price}" }} ] }} }} ]"#
    )
}

fn side(set: &TariffSet) -> Side<'_> {
    Side { tariffs: set, id: "t", calendar: None }
}

fn stays() -> Vec<Stay> {
    let entry: Instant = "2026-03-02T08:00:00+08:00".parse().unwrap();
    let stay = |n: i64| {
        let entry = entry + Span::from_mins(n * 37 % 20_000);
        Stay::new(&format!("s{n}"), entry, entry + Span::from_mins(n * 61 % 3000))
    };
    (0..5000).map(stay).collect()
}

fn compare(old: &TariffSet, new: &TariffSet, stays: &[Stay], threads: usize) -> Report {
    let mut test = Backtest::new(side(old), side(new)).unwrap();
    for run in stays.chunks(1999) {
        test.add(run, NonZero::new(threads));
    }
    test.report().clone()
}

const OLD: &str = r#""caps": [ { "per": "natural_day", "amount": "20.00" } ], "rules": [
    { "id": "day", "from": "08:00", "to": "20:00", "charge": { "steps": [ { "every": "1h", "price": "2.00" } ] } },
    { "id": "night", "charge": { "steps": [ { "every": "1h", "price": "1.00" } ] } } ]"#;
const NEW: &str = r#""caps": [ { "per": "natural_day", "amount": "30.00" } ], "max_stay": "2d", "rules": [
    { "id": "day", "from": "08:00", "to": "20:00", "cap": "18.00", "charge": { "steps": [ { "every": "30m", "price": "1.50" } ] } },
    { "id": "evening", "charge": { "flat": "1.00", "once": "period" } } ]"#;

#[test]
fn every_figure_is_that_of_the_stays_one_by_one() {
    let (old, new, stays) = (set(&version(OLD)), set(&version(NEW)), stays());
    let report = compare(&old, &new, &stays, 3);
    let priced =
        |set: &TariffSet, stay: &Stay| total(set.version_at("t", stay.entry).unwrap(), None, stay).ok();
    let both: Vec<(Amount, Amount)> =
        stays.iter().filter_map(|stay| Some((priced(&old, stay)?, priced(&new, stay)?))).collect();
    let sum = |amounts: &mut dyn Iterator<Item = Amount>| {
        amounts.map(|amount| i128::from(amount.as_micros())).sum::<i128>()
    };
    assert_eq!(report.stays, 5000);
    assert_eq!(
        (report.old.compared.stays, report.new.compared.stays),
        (both.len() as u64, both.len() as u64)
    );
    assert_eq!(report.old.compared.amount.as_micros(), sum(&mut both.iter().map(|pair| pair.0)));
    assert_eq!(report.new.compared.amount.as_micros(), sum(&mut both.iter().map(|pair| pair.1)));
    let dearer: Vec<_> = both.iter().filter(|(old, new)| new > old).collect();
    let cheaper: Vec<_> = both.iter().filter(|(old, new)| new < old).collect();
    assert!(dearer.len() > 100 && cheaper.len() > 100 && report.same > 0);
    assert_eq!((report.dearer.stays, report.cheaper.stays), (dearer.len() as u64, cheaper.len() as u64));
    assert_eq!(report.same, (both.len() - dearer.len() - cheaper.len()) as u64);
    assert_eq!(
        report.difference().as_micros(),
        report.dearer.amount.as_micros() + report.cheaper.amount.as_micros()
    );
    // What is longer than two days only the old tariff prices.
    let long = stays.iter().filter(|stay| stay.exit - stay.entry > Span::from_days(2)).count() as u64;
    assert_eq!((report.old.alone.stays, report.new.refused.get(&Code::NotOffered)), (long, Some(&long)));
    // Lines make the totals.
    let lines = |of: fn(&tariff_engine::backtest::Item) -> i128| report.items.iter().map(of).sum::<i128>();
    assert_eq!(lines(|item| item.old.amount.as_micros()), report.old.compared.amount.as_micros());
    assert_eq!(lines(|item| item.new.amount.as_micros()), report.new.compared.amount.as_micros());
    let names: Vec<(ItemKind, &str)> =
        report.items.iter().map(|item| (item.kind, item.name.as_str())).collect();
    let wanted = [
        (ItemKind::Rule, "day"),
        (ItemKind::Rule, "evening"),
        (ItemKind::Rule, "night"),
        (ItemKind::Cap, "natural_day"),
        (ItemKind::Cap, "rule day"),
    ];
    assert_eq!(names, wanted);
    // The ten largest, by the size of the change.
    let mut sizes: Vec<u64> =
        both.iter().map(|(old, new)| new.saturating_sub(*old).as_micros().unsigned_abs()).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let largest: Vec<u64> =
        report.largest.iter().map(|change| change.difference().as_micros().unsigned_abs()).collect();
    assert_eq!(largest, sizes.get(..10).unwrap());
}

#[test]
fn threads_and_runs_change_nothing() {
    let (old, new, stays) = (set(&version(OLD)), set(&version(NEW)), stays());
    let one = compare(&old, &new, &stays, 1);
    for threads in [2, 5] {
        assert_eq!(compare(&old, &new, &stays, threads), one);
    }
    let mut whole = Backtest::new(side(&old), side(&new)).unwrap();
    whole.add(&stays, NonZero::new(4));
    assert_eq!(*whole.report(), one);
}

#[test]
fn the_version_at_entry_is_compared_on_either_side() {
    let versions = |first: &str, then: &str| {
        let valid = |end: &str| format!(r#""valid": {{ "{end}": "2026-03-10T00:00:00" }}, "#);
        set(&format!(
            "[{},{}]",
            version(&(valid("until") + &hourly(first))),
            version(&(valid("from") + &hourly(then)))
        ))
    };
    let hour = |date: &str| {
        let entry: Instant = format!("{date}T08:00:00+08:00").parse().unwrap();
        Stay::new(date, entry, entry + Span::from_hours(1))
    };
    let stays = [hour("2026-03-09"), hour("2026-03-10"), hour("2026-03-11")];
    let (old, new) = (versions("2", "3"), set(&version(&hourly("3"))));
    let report = compare(&old, &new, &stays, 2);
    assert_eq!((report.dearer.stays, report.same), (1, 2));
    let back = compare(&new, &old, &stays, 2);
    assert_eq!((back.cheaper.stays, back.cheaper.amount.to_string()), (1, "-1".to_owned()));
    // A version that has ended prices nothing later.
    let ended =
        set(&version(&(r#""valid": { "until": "2026-03-10T00:00:00" }, "#.to_owned() + &hourly("2"))));
    let report = compare(&ended, &new, &stays, 1);
    assert_eq!((report.new.alone.stays, report.old.refused.get(&Code::NotInForce)), (2, Some(&2)));
}

#[test]
fn adjustments_and_calendars_are_those_of_the_stays() {
    let (old, new) = (set(&version(&hourly("2"))), set(&version(&hourly("4"))));
    let entry: Instant = "2026-03-02T08:00:00+08:00".parse().unwrap();
    let mut stay = Stay::new("a", entry, entry + Span::from_hours(1));
    stay.adjust.push(Adjust::Instead("5".parse().unwrap()));
    assert_eq!(compare(&old, &new, &[stay.clone()], 1).same, 1);
    let calendar =
        Calendar::from_json(br#"{"format":1,"id":"c","covers":{"from":"2026-04-01","until":"2027-01-01"}}"#)
            .unwrap();
    let new_side = Side { calendar: Some(&calendar), ..side(&new) };
    let mut test = Backtest::new(side(&old), new_side).unwrap();
    stay.adjust.clear();
    test.add(&[stay], None);
    assert_eq!(test.report().new.refused.get(&Code::CalendarGap), Some(&1));
}

#[test]
fn the_report_as_json() {
    let (old, new) = (set(&version(&hourly("2"))), set(&version(&hourly("2.505"))));
    let entry: Instant = "2026-03-02T08:00:00+08:00".parse().unwrap();
    let report = compare(&old, &new, &[Stay::new("a\"b", entry, entry + Span::from_hours(1))], 1);
    let json: Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(
        (&json["old"]["total"], &json["new"]["total"], &json["difference"]),
        (&"2.00".into(), &"2.51".into(), &"0.51".into())
    );
    assert_eq!(
        json["by_rule"][0],
        serde_json::json!({"name": "all", "old": {"stays": 1, "amount": "2.00"}, "new": {"stays": 1, "amount": "2.505"}, "difference": "0.505"})
    );
    assert_eq!(json["by_other"][0]["name"], "rounding");
    assert_eq!(
        json["largest"][0],
        serde_json::json!({"id": "a\"b", "entry": "2026-03-02T08:00:00+08:00", "exit": "2026-03-02T09:00:00+08:00", "old": "2.00", "new": "2.51", "difference": "0.51"})
    );
}

#[test]
fn what_cannot_be_compared() {
    let cny = set(&version(&hourly("2")));
    let eur = set(&version(&hourly("2")).replace("CNY", "EUR"));
    assert_eq!(Backtest::new(side(&cny), side(&eur)).err(), Some(BacktestError::Currencies));
    let other = Side { id: "other", ..side(&cny) };
    assert_eq!(Backtest::new(side(&cny), other).err(), Some(BacktestError::NoTariff));
}
