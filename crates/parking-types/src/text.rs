//! Appending values to a buffer as text, for the writers of records: what `Display` prints, at a fraction of its cost.

use crate::{
    Amount, Currency, Date, Direction, Id, Plate, PlateColor, Span, VehicleClass,
    money::InCurrency,
    time::{AtOffset, Instant},
};

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
        let Ok(year @ 0..=9999) = u32::try_from(year) else {
            // Sign and width as the formatter has them; no instant that we accept comes here.
            out.extend_from_slice(self.to_string().as_bytes());
            return;
        };
        let mut text = *b"0000-00-00";
        let [a, b, c, d, _, e, f, _, g, h] = &mut text;
        ([*a, *b], [*c, *d]) = (pair(year / 100), pair(year % 100));
        ([*e, *f], [*g, *h]) = (pair(month), pair(day));
        out.extend_from_slice(&text);
    }
}

impl Text for AtOffset {
    fn append_to(&self, out: &mut Vec<u8>) {
        let nanos = self.at.as_nanos().rem_euclid(1_000_000_000).unsigned_abs();
        let local = self.at.as_secs() + i64::from(self.offset_secs);
        Date::from_days(local.div_euclid(86_400) as i32).append_to(out);
        let second = local.rem_euclid(86_400) as u32;
        let ([a, b], [c, d], [e, f]) = (pair(second / 3600), pair(second / 60 % 60), pair(second % 60));
        out.extend_from_slice(&[b'T', a, b, b':', c, d, b':', e, f]);
        if nanos != 0 {
            out.push(b'.');
            decimals(out, nanos, 9, 0);
        }
        if self.offset_secs == 0 {
            out.push(b'Z');
            return;
        }
        let minutes = self.offset_secs.unsigned_abs() / 60;
        let ([a, b], [c, d]) = (pair(minutes / 60), pair(minutes % 60));
        out.extend_from_slice(&[if self.offset_secs < 0 { b'-' } else { b'+' }, a, b, b':', c, d]);
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
    // Nearly every text has nothing to escape: many bytes are looked at together.
    if !rest.chunks(32).any(|some| some.iter().fold(false, |found, byte| found | special(byte))) {
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

/// The two digits of a number below 100.
const fn pair(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
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

fn amount(out: &mut Vec<u8>, amount: Amount, least: usize) {
    let micros = amount.as_micros();
    if micros < 0 {
        out.push(b'-');
    }
    number(out, micros.unsigned_abs() / 1_000_000, 1);
    let fraction = micros.unsigned_abs() % 1_000_000;
    if fraction != 0 || least > 0 {
        out.push(b'.');
        decimals(out, fraction, 6, least);
    }
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
            prop_assert_eq!(appended(Date::from_days(days)), Date::from_days(days).to_string());
            prop_assert_eq!(appended(Span::from_nanos(nanos)), Span::from_nanos(nanos).to_string());
        }
    }

    #[test]
    fn strings_are_escaped() {
        let all: String = (0..0x80u8).map(char::from).collect();
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
