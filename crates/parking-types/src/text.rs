//! Appending values to a buffer as text, for the writers of records: what `Display` prints, at a fraction of its cost.

use crate::{
    Amount, Currency, Date, Direction, Id, Plate, PlateColor, Span, VehicleClass,
    money::InCurrency,
    time::{AtOffset, Instant},
};

/// Nanoseconds of 24 hours.
const DAY: i64 = 86_400_000_000_000;

/// Appends what `Display` prints to a buffer of bytes, always UTF-8.
///
/// ```
/// use parking_types::{Amount, Currency, Text};
/// let mut line = b"total ".to_vec();
/// Amount::from_micros(7_500_000).in_currency(Currency::parse("CNY")?).append_to(&mut line);
/// assert_eq!(line, b"total 7.50");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Text {
    /// Appends the text.
    fn append_to(&self, out: &mut Vec<u8>);
}

impl<T: Text + ?Sized> Text for &T {
    fn append_to(&self, out: &mut Vec<u8>) {
        (**self).append_to(out);
    }
}

impl Text for str {
    fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

macro_rules! inline_text {
    ($($name:ty: $text:ident),*) => {$(
        impl Text for $name {
            fn append_to(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.$text().as_bytes());
            }
        }
    )*};
}
inline_text!(Id: as_str, Plate: as_str, PlateColor: as_str, VehicleClass: as_str, Direction: as_str, Currency: code);

macro_rules! whole_numbers {
    ($($name:ty),*) => {$(
        impl Text for $name {
            fn append_to(&self, out: &mut Vec<u8>) {
                number(out, u64::from(*self), 1);
            }
        }
    )*};
}
whole_numbers!(u8, u16, u32, u64);

impl Text for i64 {
    fn append_to(&self, out: &mut Vec<u8>) {
        if *self < 0 {
            out.push(b'-');
        }
        number(out, self.unsigned_abs(), 1);
    }
}

impl Text for Amount {
    fn append_to(&self, out: &mut Vec<u8>) {
        amount(out, *self, 0);
    }
}

impl Text for InCurrency {
    fn append_to(&self, out: &mut Vec<u8>) {
        amount(out, self.amount, usize::from(self.decimals));
    }
}

impl Text for Date {
    fn append_to(&self, out: &mut Vec<u8>) {
        let (year, month, day) = self.ymd();
        match u32::try_from(year) {
            Ok(year @ 0..=9999) => out.extend_from_slice(&date_text(year, month, day)),
            // Sign and width as the formatter has them; no instant that we accept comes here.
            _ => out.extend_from_slice(self.to_string().as_bytes()),
        }
    }
}

/// `2022-01-01` for a year below 10,000.
const fn date_text(year: u32, month: u32, day: u32) -> [u8; 10] {
    let ([a, b], [c, d]) = (pair(year / 100), pair(year % 100));
    let ([e, f], [g, h]) = (pair(month), pair(day));
    [a, b, c, d, b'-', e, f, b'-', g, h]
}

impl Text for AtOffset {
    fn append_to(&self, out: &mut Vec<u8>) {
        let nanos = self.at.as_nanos().rem_euclid(1_000_000_000).unsigned_abs();
        let local = self.at.as_secs() + i64::from(self.offset_secs);
        let (year, month, day) = Date::from_days(local.div_euclid(86_400) as i32).ymd();
        // No instant lies in another millennium than the years of four digits.
        let [a, b, c, d, e, f, g, h, i, j] = date_text(year.unsigned_abs(), month, day);
        let [k, l, m, n, o, p, q, r] = time_text(local.rem_euclid(86_400) as u32);
        out.reserve("2022-01-01T00:00:00.123456789+08:00".len());
        out.extend_from_slice(&[a, b, c, d, e, f, g, h, i, j, b'T', k, l, m, n, o, p, q, r]);
        if nanos != 0 {
            out.push(b'.');
            decimals(out, nanos, 9, 0);
        }
        if self.offset_secs == 0 {
            out.push(b'Z');
            return;
        }
        out.extend_from_slice(&offset_text(self.offset_secs));
    }
}

/// `08:10:00` for seconds since midnight, below 86,400.
const fn time_text(second: u32) -> [u8; 8] {
    let ([a, b], [c, d], [e, f]) = (pair(second / 3600), pair(second / 60 % 60), pair(second % 60));
    [a, b, b':', c, d, b':', e, f]
}

/// `+08:00` for an offset in seconds east of UTC, whole minutes.
const fn offset_text(offset_secs: i32) -> [u8; 6] {
    let minutes = offset_secs.unsigned_abs() / 60;
    let ([a, b], [c, d]) = (pair(minutes / 60), pair(minutes % 60));
    [if offset_secs < 0 { b'-' } else { b'+' }, a, b, b':', c, d]
}

/// Appends instants by the clock of one offset, in quotes, as [`Instant::at_offset`] prints them. It keeps the text of the
/// last date, as the instants of a record lie on few dates.
///
/// ```
/// use parking_types::OffsetClock;
/// let (mut clock, mut out) = (OffsetClock::new(28_800), Vec::new());
/// clock.append("2022-01-01T00:00:00Z".parse()?, &mut out);
/// assert_eq!(out, br#""2022-01-01T08:00:00+08:00""#);
/// # Ok::<(), parking_types::InstantError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OffsetClock {
    /// Seconds east of UTC, whole minutes.
    offset_secs: i32,
    /// Where the date of `text` begins by this clock, in nanoseconds of UTC.
    midnight: Option<i64>,
    /// An instant on that date, in quotes.
    text: [u8; 27],
}

impl OffsetClock {
    /// By a clock that shows so many seconds more than UTC; seconds of the offset are dropped.
    pub const fn new(offset_secs: i32) -> Self {
        Self { offset_secs: offset_secs / 60 * 60, midnight: None, text: [b'"'; 27] }
    }

    /// Appends an instant in quotes.
    pub fn append(&mut self, at: Instant, out: &mut Vec<u8>) {
        let since = self.since_midnight(at).or_else(|| {
            self.enter_date(at);
            self.since_midnight(at)
        });
        let Some(since) = since.filter(|since| since % 1_000_000_000 == 0 && self.offset_secs != 0) else {
            out.push(b'"');
            at.at_offset(self.offset_secs).append_to(out);
            out.push(b'"');
            return;
        };
        if let Some(time) = self.text.get_mut(12..20) {
            time.copy_from_slice(&time_text((since / 1_000_000_000) as u32));
        }
        out.extend_from_slice(&self.text);
    }

    /// The date of an instant as [`append`](Self::append) writes it, where that has ten bytes.
    pub fn date(&mut self, at: Instant) -> Option<[u8; 10]> {
        if self.since_midnight(at).is_none() {
            self.enter_date(at);
            self.since_midnight(at)?;
        }
        self.text.get(1..11)?.try_into().ok()
    }

    /// The time of day of an instant on the date of `text`.
    fn since_midnight(&self, at: Instant) -> Option<i64> {
        let since = at.as_nanos().checked_sub(self.midnight?)?;
        (0..DAY).contains(&since).then_some(since)
    }

    /// Takes the date of an instant, unless its midnight lies before all instants.
    fn enter_date(&mut self, at: Instant) {
        if self.enter_next_date(at) {
            return;
        }
        let local = at.as_secs() + i64::from(self.offset_secs);
        let day = local.div_euclid(86_400);
        let Some(midnight) = Instant::from_secs(day * 86_400 - i64::from(self.offset_secs)) else { return };
        self.midnight = Some(midnight.as_nanos());
        let (year, month, day) = Date::from_days(day as i32).ymd();
        let [a, b, c, d, e, f, g, h, i, j] = date_text(year.unsigned_abs(), month, day);
        let [k, l, m, n, o, p] = offset_text(self.offset_secs);
        let q = b'"';
        let (t, z, s) = (b'T', b'0', b':');
        self.text = [q, a, b, c, d, e, f, g, h, i, j, t, z, z, s, z, z, s, z, z, k, l, m, n, o, p, q];
    }

    /// Takes the date of an instant where that is the next one of the month: only the day is other.
    fn enter_next_date(&mut self, at: Instant) -> bool {
        let Some(midnight) = self.midnight.and_then(|midnight| midnight.checked_add(DAY)) else {
            return false;
        };
        let since = at.as_nanos().checked_sub(midnight);
        let [_, _, _, _, _, _, _, _, _, tens, ones, ..] = &mut self.text;
        let day = u32::from(*tens - b'0') * 10 + u32::from(*ones - b'0');
        if day >= 28 || !since.is_some_and(|since| (0..DAY).contains(&since)) {
            return false;
        }
        [*tens, *ones] = pair(day + 1);
        self.midnight = Some(midnight);
        true
    }
}

impl Text for Instant {
    fn append_to(&self, out: &mut Vec<u8>) {
        self.at_offset(0).append_to(out);
    }
}

impl Text for Span {
    fn append_to(&self, out: &mut Vec<u8>) {
        let nanos = self.as_nanos().unsigned_abs();
        let (secs, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        if self.as_nanos() < 0 {
            out.push(b'-');
        }
        for (count, unit) in [(secs / 86_400, b'd'), (secs / 3600 % 24, b'h'), (secs / 60 % 60, b'm')] {
            if count != 0 {
                number(out, count, 1);
                out.push(unit);
            }
        }
        if secs == 0 || !secs.is_multiple_of(60) || nanos != 0 {
            number(out, secs % 60, 1);
            if nanos != 0 {
                out.push(b'.');
                number(out, nanos, 9);
            }
            out.push(b's');
        }
    }
}

/// Appends a JSON string: in quotes, escaped as little as JSON asks for.
///
/// ```
/// let mut out = Vec::new();
/// parking_types::append_json_string(&mut out, "粤B \"1\"\n");
/// assert_eq!(out, r#""粤B \"1\"\n""#.as_bytes());
/// ```
pub fn append_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    let special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    // Nearly every text has nothing to escape: eight bytes are looked at together.
    let (eights, last) = rest.as_chunks();
    let mut end = [b' '; 8];
    end.iter_mut().zip(last).for_each(|(slot, byte)| *slot = *byte);
    if !eights.iter().chain([&end]).any(|eight| needs_escape(*eight)) {
        out.extend_from_slice(rest);
        out.push(b'"');
        return;
    }
    // Whole runs without an escape are copied at once.
    while let Some(at) = rest.iter().position(special) {
        let (run, tail) = rest.split_at(at);
        out.extend_from_slice(run);
        let Some((byte, after)) = tail.split_first() else { break };
        rest = after;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            control => {
                out.extend_from_slice(b"\\u00");
                let hex = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend_from_slice(&[hex(control >> 4), hex(control & 15)]);
            }
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Whether one of eight bytes is a control character, a quote or a backslash; never `false` where one is.
const fn needs_escape(eight: [u8; 8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let bytes = u64::from_le_bytes(eight);
    // A byte below `n` (up to 128) borrows from its highest bit when `n` is taken away; those of other alphabets have
    // that bit set already.
    let control = bytes.wrapping_sub(ONES * 0x20) & !bytes;
    let quote = bytes ^ (ONES * b'"' as u64);
    let backslash = bytes ^ (ONES * b'\\' as u64);
    let zero = (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash);
    (control | zero) & HIGH != 0
}

/// `00` to `99`: looking two digits up is quicker than dividing twice.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// The last two digits of a number.
#[inline]
const fn pair(number: u32) -> [u8; 2] {
    PAIRS[(number % 100) as usize]
}

/// A whole number with at least `width` digits (up to 20).
fn number(out: &mut Vec<u8>, mut number: u64, width: usize) {
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

/// `fraction` as `width` digits, without the zeros at its end that `least` does not ask for.
fn decimals(out: &mut Vec<u8>, mut fraction: u64, mut width: usize, least: usize) {
    while width > least && fraction.is_multiple_of(10) {
        fraction /= 10;
        width -= 1;
    }
    number(out, fraction, width);
}

/// An amount with at least so many decimals, at most six.
fn amount(out: &mut Vec<u8>, amount: Amount, least: usize) {
    let micros = amount.as_micros().unsigned_abs();
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    if amount.as_micros() < 0 {
        out.push(b'-');
    }
    match whole {
        0..10 => out.push(b'0' + whole as u8),
        10..100 => out.extend_from_slice(&pair(whole as u32)),
        _ => number(out, whole, 1),
    }
    if fraction == 0 && least == 0 {
        return;
    }
    if least == 2 && fraction.is_multiple_of(10_000) {
        let [tenths, hundredths] = pair((fraction / 10_000) as u32);
        out.extend_from_slice(&[b'.', tenths, hundredths]);
        return;
    }
    out.push(b'.');
    decimals(out, fraction, 6, least);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn appended(value: impl Text) -> String {
        let mut out = Vec::new();
        value.append_to(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_appended_is_what_is_printed(
            signed in any::<i64>(),
            unsigned in any::<u64>(),
            nanos in prop_oneof![any::<i64>(), (-4_000_000_000i64..4_000_000_000).prop_map(|secs| secs * 1_000_000_000)],
            minutes in -1439i32..1440,
            days in -800_000i32..3_000_000,
        ) {
            prop_assert_eq!(appended(signed), signed.to_string());
            prop_assert_eq!(appended(unsigned), unsigned.to_string());
            let amount = Amount::from_micros(signed);
            prop_assert_eq!(appended(amount), amount.to_string());
            for code in ["CNY", "JPY", "KWD"] {
                let shown = amount.in_currency(Currency::parse(code).unwrap());
                prop_assert_eq!(appended(shown), shown.to_string());
            }
            let at = Instant::from_nanos(nanos);
            prop_assert_eq!(appended(at), at.to_string());
            prop_assert_eq!(appended(at.at_offset(minutes * 60)), at.at_offset(minutes * 60).to_string());
            let (mut clock, mut out) = (OffsetClock::new(minutes * 60), Vec::new());
            let day = |days| at + Span::from_days(days);
            for at in [at, Instant::EPOCH, at + Span::from_secs(signed % 100_000), at, day(1), day(2), day(30), day(31)] {
                out.clear();
                clock.append(at, &mut out);
                let text = at.at_offset(minutes * 60).to_string();
                if let Some(date) = clock.date(at) {
                    prop_assert_eq!(&date, &text.as_bytes()[..10]);
                }
                prop_assert_eq!(String::from_utf8_lossy(&out), format!("\"{text}\""));
            }
            prop_assert_eq!(appended(Date::from_days(days)), Date::from_days(days).to_string());
            prop_assert_eq!(appended(Span::from_nanos(nanos)), Span::from_nanos(nanos).to_string());
        }
    }

    #[test]
    fn strings_are_escaped() {
        let all: String = (0..0x80u8).map(char::from).collect();
        // Wherever in a text what needs an escape stands.
        for at in 0..20 {
            let before: String = " !#[]~\u{7f}é".chars().cycle().take(at).collect();
            for (special, escaped) in [("\"", "\\\""), ("\\", "\\\\"), ("\u{1f}", "\\u001f")] {
                let mut out = Vec::new();
                append_json_string(&mut out, &format!("{before}{special}粤 "));
                assert_eq!(String::from_utf8(out).unwrap(), format!("\"{before}{escaped}粤 \""));
            }
        }
        for text in ["", "粤B12345", "a\"b\\c\n\u{1}\t\r", "\u{7f}é", &all] {
            let mut out = Vec::new();
            append_json_string(&mut out, text);
            let plain = core::str::from_utf8(&out).unwrap();
            assert!(
                plain.starts_with('"') && plain.ends_with('"') && !plain.bytes().any(|b| b < 0x20),
                "{plain}"
            );
        }
        let mut out = Vec::new();
        append_json_string(&mut out, "\u{1f}\u{8}\u{c}");
        assert_eq!(out, br#""\u001f\b\f""#);
    }

    #[test]
    fn words() {
        assert_eq!(appended(Plate::parse("粤B12345").unwrap()), "粤B12345");
        assert_eq!(appended(Id::new("cam-1").unwrap()), "cam-1");
        assert_eq!(appended(Span::ZERO), "0s");
    }
}
