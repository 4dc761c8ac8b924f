//! The receipt in JSON, fields in the order of the contract, without blanks.

use core::ops::Range;

use parking_types::{Amount, Currency, Instant, OffsetClock, Text, Zone, append_json_string as write_text};

use super::{DocumentRef, Line, Receipt};
use crate::{DayTypes, Used, compiled::DAY};

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
        write_lines(out, &self.lines, &mut clock, currency);
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
        // Most days of a long stay have used as much as the one before.
        let mut before: Option<(&Used, Range<usize>)> = None;
        for (date, used) in &self.used {
            out.extend_from_slice(if before.is_some() { b",\"" } else { b"\"" });
            date.append_to(out);
            let begin = out.len();
            match before {
                Some((same, text)) if same == used => out.extend_from_within(text),
                _ => {
                    out.extend_from_slice(b"\":{\"stays\":");
                    used.stays.append_to(out);
                    out.extend_from_slice(b",\"free\":\"");
                    used.free.append_to(out);
                    money(out, "\",\"charged\":", used.charged);
                    out.push(b'}');
                }
            }
            before = Some((used, begin..out.len()));
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

/// How many lines of a long receipt are remembered for others that say the same.
const SEEN: usize = 64;
/// Receipts of fewer lines have few that are alike.
const LONG: usize = 16;

/// The lines of a long stay say the same again and again, but for their times, and of these most often but for the dates:
/// such text is copied.
fn write_lines(out: &mut Vec<u8>, lines: &[Line<'_>], clock: &mut Clock<'_>, currency: Currency) {
    let mut seen: Vec<Option<Seen<'_>>> = vec![None; if lines.len() > LONG { SEEN } else { 0 }];
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let mut slot = seen.get_mut(place(line));
        let like = slot.as_ref().and_then(|slot| slot.as_ref()).filter(|seen| seen.line.says_the_same(line));
        if let Some(like) = like
            && like.write_on_other_dates(out, line, clock)
        {
            continue;
        }
        let begin = out.len();
        write_before_times(out, line);
        let from = out.len();
        clock.write(out, line.from);
        out.extend_from_slice(b",\"to\":");
        let to = out.len();
        clock.write(out, line.to);
        write_after_times(out, line, currency);
        if let Some(slot) = &mut slot {
            **slot = Some(Seen { line, text: begin..out.len(), from: from - begin, to: to - begin });
        }
    }
}

/// A line, where its text lies, and where in that its times begin.
#[derive(Clone)]
struct Seen<'l> {
    line: &'l Line<'l>,
    text: Range<usize>,
    from: usize,
    to: usize,
}

impl Seen<'_> {
    /// Writes a line that differs in its times, where only their dates are other.
    fn write_on_other_dates(&self, out: &mut Vec<u8>, line: &Line<'_>, clock: &mut Clock<'_>) -> bool {
        let later = line.from - self.line.from;
        let whole_days = later.as_nanos() % DAY == 0 && line.to - self.line.to == later;
        if !whole_days || !clock.shows_one_offset(self.line.from, line.to) {
            return false;
        }
        let (Some(from), Some(to)) = (clock.by_offset.date(line.from), clock.by_offset.date(line.to)) else {
            return false;
        };
        let begin = out.len();
        out.extend_from_within(self.text.clone());
        for (at, date) in [(self.from, from), (self.to, to)] {
            // Behind the quote.
            if let Some(text) = out.get_mut(begin + at + 1..).and_then(|text| text.first_chunk_mut()) {
                *text = date;
            }
        }
        true
    }
}

/// Where a line that says the same would be remembered.
fn place(line: &Line<'_>) -> usize {
    let (quantity, day) = (line.quantity.unwrap_or(Amount::ZERO), line.day.unwrap_or(DayTypes::NONE));
    let mixed = line.amount.as_micros().wrapping_mul(31).wrapping_add(quantity.as_micros());
    let mixed = mixed.wrapping_mul(31).wrapping_add(day.index() as i64);
    // The upper bits of a product with an odd number depend on all bits below.
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) as u64 >> 58) as usize
}

impl Line<'_> {
    /// Whether another line differs in its times at most.
    fn says_the_same(&self, other: &Self) -> bool {
        let Self { kind, rule, from: _, to: _, day, quantity, unit_price, amount, cap } = *other;
        self.amount == amount
            && self.quantity == quantity
            && (self.kind, self.day, self.unit_price, self.cap) == (kind, day, unit_price, cap)
            && self.rule == rule
    }
}

fn write_before_times(out: &mut Vec<u8>, line: &Line<'_>) {
    out.extend_from_slice(b"{\"kind\":\"");
    out.extend_from_slice(line.kind.as_str().as_bytes());
    out.push(b'"');
    if let Some(rule) = line.rule {
        out.extend_from_slice(b",\"rule\":");
        write_text(out, rule);
    }
    out.extend_from_slice(b",\"from\":");
}

fn write_after_times(out: &mut Vec<u8>, line: &Line<'_>, currency: Currency) {
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

    /// Whether the offset that is known holds from one instant to another.
    fn shows_one_offset(&self, from: Instant, to: Instant) -> bool {
        self.from <= from && to < self.until
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
