//! Any timestamp in any place: years 0000 to 9999, the ends of what the engine's clock can say, and of what it prices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compare;
mod oracle;
mod replay;

use oracle::generate::{Case, Style, case};
use parking_types::{Amount, Span};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use tariff_engine::{
    Calendar, FirstMonth, Product, Start, Stay, Tariff, Term, curve, explain, latest_exit_for, next_change,
    pass_term, price,
};

/// Instants at and around every end that there is.
const INSTANTS: [&str; 20] = [
    "0000-01-01T00:00:00Z",
    "0000-01-01T00:00:00+23:59",
    "0783-01-01T09:00:00+08:00",
    "1582-10-10T12:00:00.5Z",
    "1677-09-21T00:12:43.145224191Z",
    "1677-09-21T00:12:43.145224192Z",
    "1677-09-21T00:13:00Z",
    "1899-12-31T23:59:59.999999999Z",
    "1901-12-13T20:45:52Z",
    "1969-12-31T23:59:59.999999999Z",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00+14:00",
    "2099-12-31T23:59:59.999999999Z",
    "2100-01-01T00:00:00Z",
    "2200-01-01T00:00:00Z",
    "2262-04-11T23:47:16.854775807Z",
    "2262-04-11T23:47:16.854775808Z",
    "5000-06-30T12:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999999-23:59",
];
const DATES: [&str; 9] = [
    "0000-01-01",
    "0783-02-28",
    "1677-09-20",
    "1969-12-31",
    "1970-01-01",
    "2100-01-01",
    "2262-04-11",
    "5000-06-30",
    "9999-12-31",
];

/// The places of instants in a stay.
fn places(stay: &Value) -> Vec<String> {
    let mut found = vec!["/entry".to_owned(), "/exit".to_owned()];
    for (list, names) in [("exempt", ["from", "to"].as_slice()), ("paid", &["at"])] {
        let items = stay[list].as_array().map_or(0, Vec::len);
        found.extend(
            (0..items).flat_map(|item| names.iter().map(move |name| format!("/{list}/{item}/{name}"))),
        );
    }
    found
}

/// A random case in which some instants and dates lie at the ends of time.
fn stretched(bytes: &[u8], style: Style, picks: &[(u8, u8)]) -> Case {
    let mut case = case(bytes, style);
    if case.stay.get("exempt").is_none() {
        case.stay["exempt"] = json!([{"from": case.stay["entry"], "to": case.stay["entry"]}]);
    }
    if case.stay.get("paid").is_none() {
        case.stay["paid"] = json!([{"at": case.stay["entry"], "amount": "1"}]);
    }
    for (place, what) in picks {
        let places = places(&case.stay);
        let instant = INSTANTS[usize::from(*what) % INSTANTS.len()];
        let date = DATES[usize::from(*what) % DATES.len()];
        match usize::from(*place) % (places.len() + 3) {
            0 => case.stay["used"][date] = json!({"stays": 1, "free": "5m", "charged": "2"}),
            1 => {
                let calendar =
                    case.calendar.get_or_insert_with(|| json!({"format": 1, "id": "c", "days": {}}));
                calendar["days"][date] = json!(["rest_day"]);
            }
            2 => {
                let calendar = case.calendar.get_or_insert_with(|| json!({"format": 1, "id": "c"}));
                let end = if what % 2 == 0 { "from" } else { "until" };
                calendar["covers"] = json!({end: date});
            }
            place => *case.stay.pointer_mut(&places[place - 3]).unwrap() = instant.into(),
        }
    }
    case
}

/// Whatever the engine has to say about the case, for nothing but that it says it.
fn ask_everything(case: &Case) {
    let tariff = Tariff::from_json(case.tariff.to_string().as_bytes());
    let calendar =
        case.calendar.as_ref().map(|calendar| Calendar::from_json(calendar.to_string().as_bytes()));
    let (Ok(tariff), Ok(calendar)) = (tariff, calendar.transpose()) else { return };
    let Ok(stay) = Stay::from_json(case.stay.to_string().as_bytes()) else { return };
    let calendar = calendar.as_ref();
    if stay.exit - stay.entry > Span::from_days(1000) {
        // A search over a hundred years of days would take too long here.
        return;
    }
    if let Ok(receipt) = price(&tariff, calendar, &stay) {
        let _ = (receipt.to_json(), explain(&receipt, tariff_engine::Lang::Zh, 32));
    }
    let _ = next_change(&tariff, calendar, &stay);
    for fee in ["0", "7", "9000000000000"] {
        let _ = latest_exit_for(&tariff, calendar, &stay, fee.parse().unwrap());
    }
    let _ = curve(&tariff, calendar, &stay, Span::from_days(400)).map(|curve| curve.take(2).count());
}

#[test]
fn curves_end_where_the_last_price_ends() {
    let rules = json!([{"id": "r", "min_overlap": "1m", "charge": {"flat": "3", "once": "stay"}}]);
    let tariff =
        json!({"format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai", "rules": rules});
    let tariff = Tariff::from_json(tariff.to_string().as_bytes()).unwrap();
    let entry: parking_types::Instant = "2099-12-31T23:59:59Z".parse().unwrap();
    let points: Vec<_> = curve(&tariff, None, &Stay::new("s", entry, entry), Span::MAX).unwrap().collect();
    let fees: Vec<_> =
        points.iter().map(|point| (point.at - entry, point.total.map(|t| t.to_string()))).collect();
    let fee = |text: &str| Some(text.to_owned());
    let expected =
        vec![(Span::ZERO, fee("0")), (Span::from_mins(1), fee("3")), (Span::from_days(36_525), None)];
    assert_eq!(fees, expected);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 192 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn engine_and_oracle_agree_at_the_ends_of_time(
        bytes in vec(any::<u8>(), 0..400),
        picks in vec(any::<(u8, u8)>(), 1..4),
        fine in any::<bool>(),
    ) {
        let case = stretched(&bytes, if fine { Style::Fine } else { Style::Coarse }, &picks);
        ask_everything(&case);
        let bytes = |value: &Value| value.to_string().into_bytes();
        let calendar = case.calendar.as_ref().map(bytes);
        replay::agree(&bytes(&case.tariff), calendar.as_deref(), &bytes(&case.stay))
            .map_err(|difference| TestCaseError::fail(format!("{difference}\n{case:?}")))?;
    }

    #[test]
    fn passes_begin_and_end_at_any_time(
        bought_at in any::<i64>(),
        old_end in any::<i64>(),
        days in any::<u16>(),
        months in any::<u16>(),
        kind in 0..12,
    ) {
        use parking_types::{Currency, Date, Instant, Zone};
        let bought_at = Instant::from_nanos(bought_at);
        let zone = Zone::new(["America/New_York", "Pacific/Apia"][kind as usize % 2]).unwrap();
        let start = match kind % 3 {
            0 => Start::Now,
            1 => Start::Renewal(Instant::from_nanos(old_end)),
            _ => Start::On(Date::from_days((old_end >> 32) as i32)),
        };
        let (term, natural_months) = match kind / 3 {
            0 => (Term::Days(days), None),
            1 => (Term::Months(months), Some(FirstMonth::Next)),
            2 => (Term::Months(months), Some(FirstMonth::ProRata)),
            _ => (Term::Months(months), None),
        };
        let price = Amount::from_micros(old_end.saturating_abs());
        let currency = Currency::parse("CNY").unwrap();
        let product = Product { term, natural_months, price, discount_price: None, extra_days: days, currency };
        if let Ok(pass) = pass_term(&product, bought_at, start, &zone) {
            prop_assert!(pass.from <= pass.to);
            prop_assert_eq!(pass.total, pass.lines.iter().map(|line| line.amount).sum::<Amount>());
        }
    }
}
