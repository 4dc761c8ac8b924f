//! Exact quantities: read, rounded, printed.

use num_bigint::BigInt;

use super::{Nanos, Q};

pub(crate) fn whole(n: i64) -> Q {
    Q::from_integer(BigInt::from(n))
}

pub(crate) fn zero() -> Q {
    whole(0)
}

pub(crate) fn ratio(part: Nanos, of: Nanos) -> Q {
    Q::new(BigInt::from(part), BigInt::from(of))
}

/// A decimal string: digits, then at most one point and one to six digits.
pub(crate) fn decimal(text: &str) -> Option<Q> {
    let (digits, decimals) = match text.split_once('.') {
        None => (text, ""),
        Some((_, "")) => return None,
        Some(parts) => parts,
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if digits.is_empty() || decimals.len() > 6 || !all_digits(digits) || !all_digits(decimals) {
        return None;
    }
    let numerator: BigInt = format!("{digits}{decimals}").parse().ok()?;
    Some(Q::new(numerator, BigInt::from(10u64.pow(decimals.len() as u32))))
}

/// A decimal string that may be negative, as lines of a receipt have it.
pub(crate) fn signed(text: &str) -> Option<Q> {
    match text.strip_prefix('-') {
        Some(rest) => decimal(rest).map(|q| -q),
        None => decimal(text),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    HalfUp,
    HalfEven,
    Up,
    Down,
}

/// The multiple of `quantum` that `mode` picks for `amount`.
pub(crate) fn rounded(amount: &Q, mode: Mode, quantum: &Q) -> Q {
    let units = amount / quantum;
    let below = units.floor();
    let rest = &units - &below;
    let half = Q::new(BigInt::from(1), BigInt::from(2));
    let even = (below.to_integer() % BigInt::from(2)) == BigInt::from(0);
    let up = match mode {
        Mode::Up => rest > zero(),
        Mode::Down => false,
        Mode::HalfUp => rest >= half,
        Mode::HalfEven => rest > half || (rest == half && !even),
    };
    (if up { below + whole(1) } else { below }) * quantum
}

/// Rounded half-even to six places.
pub(crate) fn to_six_places(amount: &Q) -> Q {
    rounded(amount, Mode::HalfEven, &Q::new(BigInt::from(1), BigInt::from(1_000_000)))
}
