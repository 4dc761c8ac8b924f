//! Exact fractions of money, and how they become amounts.

use parking_types::Amount;

use crate::{
    adjust::HUNDRED,
    compiled::gcd,
    document::{Rounding, RoundingMode},
};

/// `numerator / denominator` millionths, rounded half to even; held at the ends of the range. `denominator` is positive.
pub(crate) fn half_even(numerator: i128, denominator: i128) -> Amount {
    let (quotient, rest) = match (i64::try_from(numerator), i64::try_from(denominator)) {
        // A machine word holds most amounts and divides far faster.
        (Ok(numerator), Ok(denominator)) if numerator > i64::MIN => {
            (i128::from(numerator.div_euclid(denominator)), i128::from(numerator.rem_euclid(denominator)))
        }
        _ => (numerator.div_euclid(denominator), numerator.rem_euclid(denominator)),
    };
    let up = match rest.cmp(&(denominator - rest)) {
        core::cmp::Ordering::Less => 0,
        core::cmp::Ordering::Greater => 1,
        core::cmp::Ordering::Equal => quotient & 1,
    };
    let end = if quotient < 0 { i64::MIN } else { i64::MAX };
    Amount::from_micros(i64::try_from(quotient + up).unwrap_or(end))
}

/// An exact amount in millionths as a fraction; the denominator is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fraction {
    pub(crate) numerator: i128,
    pub(crate) denominator: i128,
}

impl Fraction {
    pub(crate) fn new(numerator: i128, denominator: i128) -> Self {
        Self { numerator, denominator }
    }

    fn reduced(self) -> Self {
        let common =
            gcd(self.numerator.unsigned_abs().min(i128::MAX.unsigned_abs()).cast_signed(), self.denominator);
        Self { numerator: self.numerator / common, denominator: self.denominator / common }
    }

    /// Times `factor / per`; `None` where 128 bits do not hold the result.
    fn times(self, factor: i128, per: i128) -> Option<Self> {
        let common = gcd(factor, per);
        let (factor, per) = (factor / common, per / common);
        let exact = |fraction: Self| {
            Some(Self::new(fraction.numerator.checked_mul(factor)?, fraction.denominator.checked_mul(per)?))
        };
        exact(self).or_else(|| exact(self.reduced()))
    }

    /// Times a decimal number held in millionths.
    pub(crate) fn multiply(self, factor: Amount) -> Option<Self> {
        self.times(i128::from(factor.as_micros()), 1_000_000)
    }

    /// Less so many per cent, held in millionths.
    pub(crate) fn percent_off(self, percent: Amount) -> Option<Self> {
        let left = HUNDRED.as_micros() - percent.as_micros();
        self.times(i128::from(left.max(0)), i128::from(HUNDRED.as_micros()))
    }

    /// Less an amount, never below zero; what is below already stays.
    pub(crate) fn minus(self, amount: Amount) -> Option<Self> {
        let off = i128::from(amount.as_micros()).checked_mul(self.denominator)?;
        Some(Self { numerator: self.numerator.checked_sub(off)?.max(self.numerator.min(0)), ..self })
    }

    /// The difference to another fraction, rounded to an amount.
    pub(crate) fn change_from(self, before: Self) -> Option<Amount> {
        let (a, b) = (self.reduced(), before.reduced());
        let common = gcd(a.denominator, b.denominator);
        let numerator = a
            .numerator
            .checked_mul(b.denominator / common)?
            .checked_sub(b.numerator.checked_mul(a.denominator / common)?)?;
        Some(half_even(numerator, (a.denominator / common).checked_mul(b.denominator)?))
    }

    /// The total that is charged: not below zero, rounded; `None` beyond the range.
    pub(crate) fn round(self, rounding: Rounding) -> Option<Amount> {
        let quantum = i128::from(rounding.quantum.as_micros().max(1));
        let numerator = self.numerator.max(0);
        let unit = match self.denominator.checked_mul(quantum) {
            Some(unit) => unit,
            None => {
                let reduced = self.reduced();
                return Self { numerator: reduced.numerator.max(0), ..reduced }.round_reduced(rounding);
            }
        };
        rounded(numerator, unit, rounding.mode, quantum)
    }

    fn round_reduced(self, rounding: Rounding) -> Option<Amount> {
        let quantum = i128::from(rounding.quantum.as_micros().max(1));
        rounded(self.numerator, self.denominator.checked_mul(quantum)?, rounding.mode, quantum)
    }
}

fn rounded(numerator: i128, unit: i128, mode: RoundingMode, quantum: i128) -> Option<Amount> {
    let (count, rest) = match (u64::try_from(numerator), u64::try_from(unit)) {
        // A machine word holds most amounts and divides far faster.
        (Ok(numerator), Ok(unit)) => (i128::from(numerator / unit), i128::from(numerator % unit)),
        _ => (numerator / unit, numerator % unit),
    };
    // Twice the rest may not fit 128 bits; the other half of the unit does.
    let half = rest.cmp(&(unit - rest));
    let up = match (mode, half) {
        _ if rest == 0 => false,
        (RoundingMode::Up, _) => true,
        (RoundingMode::Down, _) => false,
        (_, core::cmp::Ordering::Greater) => true,
        (_, core::cmp::Ordering::Less) => false,
        (RoundingMode::HalfUp, core::cmp::Ordering::Equal) => true,
        (RoundingMode::HalfEven, core::cmp::Ordering::Equal) => count % 2 == 1,
    };
    let total = (count + i128::from(up)).checked_mul(quantum)?;
    i64::try_from(total).ok().map(Amount::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_to_even() {
        for (numerator, expected) in [(5, 2), (7, 4), (-5, -2), (-7, -4), (-3, -2), (1, 0), (3, 2), (6, 3)] {
            assert_eq!(half_even(numerator, 2).as_micros(), expected, "{numerator}/2");
        }
        assert_eq!(half_even(2, 3).as_micros(), 1);
    }

    #[test]
    fn modes() {
        let quantum = Amount::from_micros(10);
        let round = |mode, micros: i128| {
            Fraction::new(micros * 3, 3).round(Rounding { mode, quantum }).map(Amount::as_micros)
        };
        for (micros, half_up, half_even, up, down) in [
            (15, 20, 20, 20, 10),
            (25, 30, 20, 30, 20),
            (24, 20, 20, 30, 20),
            (20, 20, 20, 20, 20),
            (-5, 0, 0, 0, 0),
        ] {
            assert_eq!(round(RoundingMode::HalfUp, micros), Some(half_up), "{micros}");
            assert_eq!(round(RoundingMode::HalfEven, micros), Some(half_even), "{micros}");
            assert_eq!(round(RoundingMode::Up, micros), Some(up), "{micros}");
            assert_eq!(round(RoundingMode::Down, micros), Some(down), "{micros}");
        }
    }

    fn rounded_to_micros(fraction: Fraction) -> Amount {
        half_even(fraction.numerator, fraction.denominator)
    }

    #[test]
    fn discounts_are_exact() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        let price = Fraction::new(7_000_000, 1);
        let less = price.percent_off(amount("33.333333")).unwrap();
        assert_eq!(rounded_to_micros(less), amount("4.666667"));
        assert_eq!(less.change_from(price).map(Amount::as_micros), Some(-2_333_333));
        assert_eq!(rounded_to_micros(price.minus(amount("9")).unwrap()), Amount::ZERO);
        assert_eq!(rounded_to_micros(price.multiply(amount("0.5")).unwrap()), amount("3.5"));
    }
}
