//! Pass products: what § 14 of docs/tariff.md says, sentence by sentence.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use parking_types::{Amount, Currency, Date, Instant, Zone};
use tariff_engine::{FirstMonth, PassError, PassLineKind, PassTerm, Product, Start, Term, pass_term};

fn product(term: Term, natural_months: Option<FirstMonth>, price: &str) -> Product {
    let currency = Currency::parse("CNY").unwrap();
    Product {
        term,
        natural_months,
        price: price.parse().unwrap(),
        discount_price: None,
        extra_days: 0,
        currency,
    }
}

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn on(date: &str) -> Start {
    Start::On(Date::parse(date).unwrap())
}

fn sell(product: &Product, bought_at: &str, start: Start, zone: &str) -> PassTerm {
    let pass = pass_term(product, at(bought_at), start, &Zone::new(zone).unwrap()).unwrap();
    assert_eq!(pass.total, pass.lines.iter().map(|line| line.amount).sum::<Amount>());
    // The lines that hold a term adjoin, from the first instant to the end.
    let terms: Vec<_> = pass.lines.iter().filter(|line| line.kind != PassLineKind::Discount).collect();
    assert_eq!((terms.first().unwrap().from, terms.last().unwrap().to), (pass.from, pass.to));
    assert!(terms.windows(2).all(|pair| matches!(pair, [a, b] if a.to == b.from)));
    pass
}

fn china(product: &Product, start: Start) -> (Instant, Instant, String) {
    let pass = sell(product, "2026-01-20T10:00:00+08:00", start, "Asia/Shanghai");
    (pass.from, pass.to, pass.total.to_string())
}

#[test]
fn day_month_quarter_and_year() {
    for (term, to) in [
        (Term::Days(1), "2026-02-02"),
        (Term::Days(7), "2026-02-08"),
        (Term::MONTH, "2026-03-01"),
        (Term::QUARTER, "2026-05-01"),
        (Term::YEAR, "2027-02-01"),
    ] {
        let sold = china(&product(term, None, "100"), on("2026-02-01"));
        assert_eq!(
            sold,
            (at("2026-02-01T00:00:00+08:00"), at(&format!("{to}T00:00:00+08:00")), "100".to_owned())
        );
    }
}

#[test]
fn a_renewal_goes_on_from_the_old_end_even_where_that_is_past() {
    let month = product(Term::MONTH, None, "300");
    let first = china(&month, on("2026-01-31"));
    assert_eq!(first.1, at("2026-02-28T00:00:00+08:00"));
    let second = china(&month, Start::Renewal(first.1));
    assert_eq!((second.0, second.1), (first.1, at("2026-03-28T00:00:00+08:00")));
    let late = china(&month, Start::Renewal(at("2026-01-10T00:00:00+08:00")));
    assert_eq!((late.0, late.1), (at("2026-01-10T00:00:00+08:00"), at("2026-02-10T00:00:00+08:00")));
    // A pass of natural months renews at the turn of a month: there is no first month to cut.
    let natural = product(Term::MONTH, Some(FirstMonth::ProRata), "300");
    assert_eq!(
        china(&natural, Start::Renewal(at("2026-02-01T00:00:00+08:00"))),
        (at("2026-02-01T00:00:00+08:00"), at("2026-03-01T00:00:00+08:00"), "300".to_owned())
    );
}

#[test]
fn the_rest_of_a_month_in_full_by_its_days_or_from_the_next() {
    let sold = |first| china(&product(Term::MONTH, Some(first), "310"), on("2026-01-22"));
    // From 22 to 31 January: 10 of 31 days.
    assert_eq!(sold(FirstMonth::ProRata).2, "100");
    assert_eq!(
        sold(FirstMonth::Full),
        (at("2026-01-22T00:00:00+08:00"), at("2026-02-01T00:00:00+08:00"), "310".to_owned())
    );
    assert_eq!(
        sold(FirstMonth::Next),
        (at("2026-02-01T00:00:00+08:00"), at("2026-03-01T00:00:00+08:00"), "310".to_owned())
    );
    let year = china(&product(Term::YEAR, Some(FirstMonth::Next), "3000"), on("2026-01-22"));
    assert_eq!((year.0, year.1), (at("2026-02-01T00:00:00+08:00"), at("2027-02-01T00:00:00+08:00")));
    // The first of a month is a whole one.
    for first in [FirstMonth::Full, FirstMonth::ProRata, FirstMonth::Next] {
        let whole = china(&product(Term::MONTH, Some(first), "310"), on("2026-02-01"));
        assert_eq!(
            whole,
            (at("2026-02-01T00:00:00+08:00"), at("2026-03-01T00:00:00+08:00"), "310".to_owned())
        );
    }
}

#[test]
fn a_discount_is_a_line_also_by_days_and_extra_days_cost_nothing() {
    let discounted = Product {
        discount_price: Some("248".parse().unwrap()),
        ..product(Term::MONTH, Some(FirstMonth::ProRata), "310")
    };
    let pass = sell(&discounted, "2026-01-20T10:00:00+08:00", on("2026-01-22"), "Asia/Shanghai");
    let lines: Vec<(PassLineKind, String)> =
        pass.lines.iter().map(|line| (line.kind, line.amount.to_string())).collect();
    assert_eq!(
        lines,
        [(PassLineKind::RestOfMonth, "100".to_owned()), (PassLineKind::Discount, "-20".to_owned())]
    );
    let longer = Product { extra_days: 3, ..product(Term::QUARTER, Some(FirstMonth::Full), "800") };
    let pass = sell(&longer, "2026-01-20T10:00:00+08:00", on("2026-01-22"), "Asia/Shanghai");
    assert_eq!((pass.to, pass.total.to_string()), (at("2026-04-04T00:00:00+08:00"), "800".to_owned()));
    assert_eq!(
        pass.lines.last().map(|line| (line.kind, line.amount)),
        Some((PassLineKind::ExtraDays, Amount::ZERO))
    );
}

#[test]
fn terms_go_by_the_wall_clock_where_it_changes() {
    let day = product(Term::Days(1), None, "10");
    // 2026-03-29 has 23 hours in Berlin, 2026-10-25 has 25.
    let spring = sell(&day, "2026-03-20T10:00:00Z", on("2026-03-29"), "Europe/Berlin");
    assert_eq!((spring.to - spring.from).as_secs(), 23 * 3600);
    let autumn = sell(&day, "2026-03-20T10:00:00Z", on("2026-10-25"), "Europe/Berlin");
    assert_eq!((autumn.to - autumn.from).as_secs(), 25 * 3600);
    let now = sell(&day, "2026-03-28T09:00:00Z", Start::Now, "Europe/Berlin");
    assert_eq!((now.from, now.to), (at("2026-03-28T09:00:00Z"), at("2026-03-29T08:00:00Z")));
}

#[test]
fn today_may_be_chosen_yesterday_may_not() {
    let month = product(Term::MONTH, None, "300");
    let zone = Zone::new("Asia/Shanghai").unwrap();
    let bought = at("2026-01-20T23:59:59+08:00");
    let today = pass_term(&month, bought, on("2026-01-20"), &zone).unwrap();
    assert_eq!(today.from, at("2026-01-20T00:00:00+08:00"));
    assert_eq!(pass_term(&month, bought, on("2026-01-19"), &zone), Err(PassError::StartsBeforePurchase));
    for bad in [product(Term::Months(0), None, "1"), product(Term::Days(3), Some(FirstMonth::Next), "1")] {
        assert_eq!(pass_term(&bad, bought, Start::Now, &zone), Err(PassError::BadProduct));
    }
}
