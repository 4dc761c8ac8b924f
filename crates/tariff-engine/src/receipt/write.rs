//! The receipt in JSON, fields in the order of the contract, without blanks.

use parking_types::{Amount, Date, Instant, Span, Zone};

use super::{DocumentRef, Line, Receipt};
use crate::json::write_text;

impl Receipt<'_> {
    /// Appends the receipt as one line of JSON, without a line end.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let decimals = usize::from(self.currency.decimals());
        let money = |out: &mut Vec<u8>, name: &str, amount| {
            out.extend_from_slice(name.as_bytes());
            write_amount(out, amount, decimals);
        };
        out.extend_from_slice(b"{\"id\":");
        match self.id {
            Some(id) => write_text(out, id),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"currency\":\"");
        out.extend_from_slice(self.currency.code().as_bytes());
        out.push(b'"');
        money(out, ",\"total\":", self.total);
        money(out, ",\"paid\":", self.paid);
        money(out, ",\"due\":", self.due);
        if self.overpaid > Amount::ZERO {
            money(out, ",\"overpaid\":", self.overpaid);
        }
        out.extend_from_slice(b",\"lines\":[");
        let mut clock = Clock::new(self.zone);
        for (index, line) in self.lines.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_line(out, line, &mut clock, decimals);
        }
        out.extend_from_slice(b"],\"next_change\":");
        match self.next_change {
            None => out.extend_from_slice(b"null"),
            Some(change) => {
                out.extend_from_slice(b"{\"at\":");
                clock.write(out, change.at);
                money(out, ",\"total\":", change.total);
                out.push(b'}');
            }
        }
        out.extend_from_slice(b",\"used\":{");
        for (index, (date, used)) in self.used.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b",\"" } else { b"\"" });
            write_date(out, *date);
            out.extend_from_slice(b"\":{\"stays\":");
            write_number(out, used.stays, 1);
            out.extend_from_slice(b",\"free\":\"");
            write_span(out, used.free);
            money(out, "\",\"charged\":", used.charged);
            out.push(b'}');
        }
        out.extend_from_slice(b"},\"tariff\":");
        write_reference(out, self.tariff);
        out.extend_from_slice(b",\"calendar\":");
        match self.calendar {
            Some(calendar) => {
                write_reference(out, DocumentRef { id: calendar.id(), digest: calendar.digest() });
            }
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }
}

fn write_reference(out: &mut Vec<u8>, document: DocumentRef<'_>) {
    out.extend_from_slice(b"{\"id\":");
    write_text(out, document.id);
    out.extend_from_slice(b",\"digest\":\"");
    // Hexadecimal digits need no escapes.
    out.extend_from_slice(document.digest.as_bytes());
    out.extend_from_slice(b"\"}");
}

fn write_line(out: &mut Vec<u8>, line: &Line<'_>, clock: &mut Clock<'_>, decimals: usize) {
    out.extend_from_slice(b"{\"kind\":\"");
    out.extend_from_slice(line.kind.as_str().as_bytes());
    out.push(b'"');
    if let Some(rule) = line.rule {
        out.extend_from_slice(b",\"rule\":");
        write_text(out, rule);
    }
    out.extend_from_slice(b",\"from\":");
    clock.write(out, line.from);
    out.extend_from_slice(b",\"to\":");
    clock.write(out, line.to);
    if let Some(day) = line.day {
        out.extend_from_slice(b",\"day_type\":");
        match day.most_special() {
            Some(word) => write_text(out, word),
            None => out.extend_from_slice(b"null"),
        }
    }
    if let Some(quantity) = line.quantity {
        out.extend_from_slice(b",\"quantity\":");
        write_amount(out, quantity, 0);
    }
    if let Some(price) = line.unit_price {
        out.extend_from_slice(b",\"unit_price\":");
        write_amount(out, price, decimals);
    }
    out.extend_from_slice(b",\"amount\":");
    write_amount(out, line.amount, decimals);
    out.push(b'}');
}

/// Writes instants of one zone; keeps the offset while it holds.
struct Clock<'a> {
    zone: &'a Zone,
    from: Instant,
    until: Instant,
    offset_secs: i32,
}

impl<'a> Clock<'a> {
    fn new(zone: &'a Zone) -> Self {
        Self { zone, from: Instant::MAX, until: Instant::MIN, offset_secs: 0 }
    }

    fn write(&mut self, out: &mut Vec<u8>, at: Instant) {
        if at < self.from || at >= self.until {
            let (offset_secs, until) = self.zone.offset_until(at);
            (self.from, self.until, self.offset_secs) = (at, until.unwrap_or(Instant::MAX), offset_secs);
        }
        write_instant(out, at, self.offset_secs);
    }
}

/// What `Instant::at_offset` prints, in quotes.
fn write_instant(out: &mut Vec<u8>, at: Instant, offset_secs: i32) {
    let offset = offset_secs / 60 * 60;
    let nanos = at.as_nanos().rem_euclid(1_000_000_000).unsigned_abs();
    let local = at.as_secs() + i64::from(offset);
    let second = local.rem_euclid(86_400).unsigned_abs();
    out.push(b'"');
    write_date(out, Date::from_days(local.div_euclid(86_400) as i32));
    for (mark, number) in [(b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)] {
        out.push(mark);
        write_number(out, number, 2);
    }
    if nanos != 0 {
        out.push(b'.');
        write_decimals(out, nanos, 9, 0);
    }
    if offset == 0 {
        out.extend_from_slice(b"Z\"");
        return;
    }
    let minutes = u64::from(offset.unsigned_abs() / 60);
    out.push(if offset < 0 { b'-' } else { b'+' });
    write_number(out, minutes / 60, 2);
    out.push(b':');
    write_number(out, minutes % 60, 2);
    out.push(b'"');
}

fn write_date(out: &mut Vec<u8>, date: Date) {
    let (year, month, day) = date.ymd();
    write_number(out, u64::from(year.unsigned_abs()), 4);
    out.push(b'-');
    write_number(out, u64::from(month), 2);
    out.push(b'-');
    write_number(out, u64::from(day), 2);
}

/// What a `Span` of whole seconds prints.
fn write_span(out: &mut Vec<u8>, span: Span) {
    let secs = span.as_secs().unsigned_abs();
    for (number, unit) in [(secs / 86_400, b'd'), (secs / 3600 % 24, b'h'), (secs / 60 % 60, b'm')] {
        if number != 0 {
            write_number(out, number, 1);
            out.push(unit);
        }
    }
    if !secs.is_multiple_of(60) || secs == 0 {
        write_number(out, secs % 60, 1);
        out.push(b's');
    }
}

/// An amount in quotes, with at least so many decimals and as many more as it has.
fn write_amount(out: &mut Vec<u8>, amount: Amount, decimals: usize) {
    let micros = amount.as_micros();
    out.extend_from_slice(if micros < 0 { b"\"-" } else { b"\"" });
    write_number(out, micros.unsigned_abs() / 1_000_000, 1);
    let fraction = micros.unsigned_abs() % 1_000_000;
    if fraction != 0 || decimals > 0 {
        out.push(b'.');
        write_decimals(out, fraction, 6, decimals);
    }
    out.push(b'"');
}

/// `fraction` as `width` digits, without the zeros at its end that `least` does not ask for.
fn write_decimals(out: &mut Vec<u8>, mut fraction: u64, mut width: usize, least: usize) {
    while width > least && fraction.is_multiple_of(10) {
        fraction /= 10;
        width -= 1;
    }
    write_number(out, fraction, width);
}

/// A whole number with at least `width` digits (up to 20).
fn write_number(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
        if number == 0 && used >= width {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_types::Currency;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn the_writers_print_what_the_types_print(
            micros in any::<i64>(),
            nanos in any::<i64>(),
            minutes in -1439i32..1440,
            secs in 0i64..9_000_000_000,
        ) {
            let amount = Amount::from_micros(micros);
            for code in ["CNY", "JPY", "KWD"] {
                let currency = Currency::parse(code).unwrap();
                let text = written(|out| write_amount(out, amount, usize::from(currency.decimals())));
                prop_assert_eq!(text, format!("\"{}\"", amount.in_currency(currency)));
            }
            let at = Instant::from_nanos(nanos);
            let text = written(|out| write_instant(out, at, minutes * 60));
            prop_assert_eq!(text, format!("\"{}\"", at.at_offset(minutes * 60)));
            let span = Span::from_secs(secs);
            prop_assert_eq!(written(|out| write_span(out, span)), span.to_string());
        }
    }
}
