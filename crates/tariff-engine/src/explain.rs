//! Receipts as text for people, in English and Chinese, also for the 32 columns of a 58 mm ticket.

mod layout;
mod words;

use parking_types::{Amount, Instant};

use crate::{DayTypes, Line, LineKind, Receipt, calendar::weekday_index};
use layout::Page;
use words::Words;

/// The languages of explanations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lang {
    /// English.
    En,
    /// Chinese (简体中文).
    Zh,
}

/// Explains a receipt: every line with its times, its rule, the day type and why the day has it, units × price, what a cap
/// took away, and when the price changes next.
///
/// `width` is in columns; a Chinese character takes two. 32 columns fit a ticket of 58 mm. Nothing is cut off: what does
/// not fit goes on in the next line. Outside the words of the language only ASCII is used: `×` and `–` take one column on
/// some printers and two on others.
pub fn explain(receipt: &Receipt<'_>, lang: Lang, width: usize) -> String {
    let words = Words::of(lang);
    let mut page = Page::new(width);
    let money = |amount: Amount| amount.in_currency(receipt.currency).to_string();
    let clock = |at: Instant| time(receipt, at);
    page.row(receipt.id.unwrap_or("-"), receipt.tariff.id);
    page.row(words.entry, &clock(receipt.entry));
    page.row(words.exit, &clock(receipt.exit));
    page.rule();
    if receipt.lines.is_empty() {
        page.row(words.nothing, &money(Amount::ZERO));
    }
    for line in &receipt.lines {
        write_line(&mut page, receipt, line, &words);
    }
    page.rule();
    page.row(words.total, &format!("{} {}", receipt.currency, money(receipt.total)));
    if receipt.paid != Amount::ZERO {
        page.row(words.paid, &money(receipt.paid));
        page.row(words.due, &money(receipt.due));
    }
    if receipt.overpaid != Amount::ZERO {
        page.row(words.overpaid, &money(receipt.overpaid));
    }
    if let Some(change) = receipt.next_change {
        page.row(&format!("{} {}", words.after, clock(change.at)), &money(change.total));
    }
    page.text
}

fn write_line(page: &mut Page, receipt: &Receipt<'_>, line: &Line<'_>, words: &Words) {
    let money = |amount: Amount| amount.in_currency(receipt.currency).to_string();
    let mut title = words.kind(line.kind, line.cap).to_owned();
    if let Some(rule) = line.rule {
        title.push(' ');
        title.push_str(rule);
    }
    match (line.kind, line.quantity, line.unit_price) {
        (_, Some(quantity), Some(price)) => {
            page.row(&title, "");
            let per = format!("  {} x {}", quantity, money(price));
            page.row(&per, &money(line.amount));
        }
        (LineKind::Multiply, Some(factor), _) => {
            page.row(&format!("{title} x {factor}"), &money(line.amount))
        }
        (LineKind::PercentOff, Some(percent), _) => {
            page.row(&format!("{title} {percent} %"), &money(line.amount))
        }
        _ => page.row(&title, &money(line.amount)),
    }
    if !matches!(
        line.kind,
        LineKind::Rounding | LineKind::Multiply | LineKind::PercentOff | LineKind::AmountOff
    ) {
        period(page, receipt, line);
    }
    if let Some(types) = line.day {
        page.row(&format!("  {}", reason(receipt, line, types, words)), "");
    }
}

/// The date and the time of an instant, the seconds only where there are some.
fn time(receipt: &Receipt<'_>, at: Instant) -> String {
    let text = receipt.zone.local(at).to_string().replace('T', " ");
    text.strip_suffix(":00").map_or_else(|| text.clone(), str::to_owned)
}

/// From when to when a line counts.
fn period(page: &mut Page, receipt: &Receipt<'_>, line: &Line<'_>) {
    let (from, to) = (time(receipt, line.from), time(receipt, line.to));
    // The date is said once where both are on it.
    let whole = match (from.get(..11), to.get(11..)) {
        (Some(date), Some(clock)) if to.starts_with(date) => format!("  {from}-{clock}"),
        _ => format!("  {from} - {to}"),
    };
    if page.fits(&whole) {
        page.row(&whole, "");
    } else {
        page.row(&format!("  {from} -"), "");
        page.row(&format!("  {to}"), "");
    }
}

/// The day type, and why the date has it.
fn reason(receipt: &Receipt<'_>, line: &Line<'_>, types: DayTypes, words: &Words) -> String {
    let date = receipt.zone.local(line.from).date();
    let day = types.most_special().map_or(words.no_type, |word| words.day_type(word));
    let listed = receipt.calendar.filter(|calendar| calendar.lists(date));
    match listed {
        Some(calendar) => format!("{day} ({} {})", words.listed, calendar.id()),
        None => format!("{day} ({})", words.weekdays.get(weekday_index(date.days())).copied().unwrap_or("")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Calendar, Stay, Tariff, price};

    #[test]
    fn times_that_a_ticket_has_no_room_for_are_parted_between_them() {
        let tariff = Tariff::from_json(
            br#"{ "format": 1, "id": "n", "currency": "CNY", "time_zone": "Asia/Shanghai", "rules": [
                  { "id": "r", "from": "21:00", "to": "07:30", "charge": { "flat": "5", "once": "window" } } ] }"#,
        )
        .unwrap();
        let instant = |text: &str| text.parse().unwrap();
        let stay =
            Stay::new("a1", instant("2026-03-02T20:00:00+08:00"), instant("2026-03-03T09:00:00+08:00"));
        let receipt = price(&tariff, None, &stay).unwrap();
        let wide = explain(&receipt, Lang::En, 48);
        assert!(wide.contains("\n  2026-03-02 21:00 - 2026-03-03 07:30\n"), "{wide}");
        let narrow = explain(&receipt, Lang::En, 32);
        assert!(narrow.contains("\n  2026-03-02 21:00 -\n  2026-03-03 07:30\n"), "{narrow}");
    }

    fn receipt_text(lang: Lang, width: usize) -> String {
        let tariff = Tariff::from_json(
            r#"{ "format": 1, "id": "s1", "currency": "CNY", "time_zone": "Asia/Shanghai",
                 "rules": [ { "id": "白天", "from": "07:30", "to": "21:00", "cap": "6", "charge": { "steps": [
                   { "upto": "30m", "price": "0" }, { "upto": "1h", "price": "3" }, { "every": "1h", "price": "1" } ] } } ] }"#
                .as_bytes(),
        )
        .unwrap();
        let calendar = Calendar::from_json(
            br#"{ "format": 1, "id": "cn-2026", "covers": { "from": "2026-01-01", "until": "2027-01-01" },
                  "days": { "2026-10-10": ["workday"] } }"#,
        )
        .unwrap();
        let stay = Stay::from_json(
            br#"{ "id": "a1", "entry": "2026-10-10T08:00:00+08:00", "exit": "2026-10-10T13:57:01+08:00",
                  "adjust": [ { "percent_off": "50" } ], "paid": [ { "at": "2026-10-10T09:00:00+08:00", "amount": "1" } ] }"#,
        )
        .unwrap();
        explain(&price(&tariff, Some(&calendar), &stay).unwrap(), lang, width)
    }

    #[test]
    fn a_ticket_in_chinese() {
        let expected = "\
a1                            s1
入场            2026-10-10 08:00
出场         2026-10-10 13:57:01
--------------------------------
阶梯 白天
  1 x 3.00                 3.00
  2026-10-10 08:30-09:00
  工作日 (日历 cn-2026)
计时 白天
  5 x 1.00                 5.00
  2026-10-10 09:00-13:57:01
  工作日 (日历 cn-2026)
规则封顶 白天              -2.00
  2026-10-10 08:00-13:57:01
折扣 50 %                  -3.00
--------------------------------
合计                    CNY 3.00
已付                        1.00
应付                        2.00
此后 2026-10-11 08:00       4.50
";
        let text = receipt_text(Lang::Zh, 32);
        assert_eq!(text.replace(' ', ""), expected.replace(' ', ""));
        for line in text.lines() {
            assert!(layout::columns(line) <= 32, "{line}");
        }
    }

    #[test]
    fn the_same_in_english() {
        let text = receipt_text(Lang::En, 48);
        for part in
            ["Step 白天", "workday (listed in cn-2026)", "Cap of the rule 白天", "Discount 50 %", "CNY 3.00"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn no_width_is_too_small() {
        for width in 0..12 {
            assert!(receipt_text(Lang::Zh, width).lines().count() > 10);
        }
    }
}
