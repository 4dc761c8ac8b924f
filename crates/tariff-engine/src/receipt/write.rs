//! The receipt in JSON, fields in the order of the contract, without blanks.

use parking_types::{Amount, Currency, Instant, OffsetClock, Text, Zone, append_json_string as write_text};

use super::{DocumentRef, Line, Receipt};

impl Receipt<'_> {
    /// Appends the receipt as one line of JSON, without a line end.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let currency = self.currency;
        let money = |out: &mut Vec<u8>, name: &str, amount: Amount| {
            out.extend_from_slice(name.as_bytes());
            quoted(out, amount.in_currency(currency));
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
            write_line(out, line, &mut clock, currency);
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
            date.append_to(out);
            out.extend_from_slice(b"\":{\"stays\":");
            used.stays.append_to(out);
            out.extend_from_slice(b",\"free\":\"");
            used.free.append_to(out);
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

fn write_line(out: &mut Vec<u8>, line: &Line<'_>, clock: &mut Clock<'_>, currency: Currency) {
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
            // Words of ours need no escapes.
            Some(word) => quoted(out, word),
            None => out.extend_from_slice(b"null"),
        }
    }
    if let Some(quantity) = line.quantity {
        out.extend_from_slice(b",\"quantity\":");
        quoted(out, quantity);
    }
    if let Some(price) = line.unit_price {
        out.extend_from_slice(b",\"unit_price\":");
        quoted(out, price.in_currency(currency));
    }
    out.extend_from_slice(b",\"amount\":");
    quoted(out, line.amount.in_currency(currency));
    out.push(b'}');
}

/// Writes instants of one zone; keeps the offset while it holds.
struct Clock<'a> {
    zone: &'a Zone,
    from: Instant,
    until: Instant,
    by_offset: OffsetClock,
}

impl<'a> Clock<'a> {
    fn new(zone: &'a Zone) -> Self {
        Self { zone, from: Instant::MAX, until: Instant::MIN, by_offset: OffsetClock::new(0) }
    }

    fn write(&mut self, out: &mut Vec<u8>, at: Instant) {
        if at < self.from || at >= self.until {
            let (offset_secs, until) = self.zone.offset_until(at);
            (self.from, self.until) = (at, until.unwrap_or(Instant::MAX));
            self.by_offset = OffsetClock::new(offset_secs);
        }
        self.by_offset.append(at, out);
    }
}

/// A value in quotes.
fn quoted(out: &mut Vec<u8>, value: impl Text) {
    out.push(b'"');
    value.append_to(out);
    out.push(b'"');
}
