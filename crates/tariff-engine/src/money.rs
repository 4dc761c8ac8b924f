//! Exact fractions of money, and how they become amounts.

mod big;
mod exact;

use core::cmp::Ordering;

use parking_types::Amount;

use crate::{
    adjust::HUNDRED,
    document::{Rounding, RoundingMode},
};

pub(crate) use big::Big;
pub(crate) use exact::{Exact, gcd};

/// `numerator / denominator` millionths, rounded half to even; held at the ends of the range. `denominator` is positive.
pub(crate) fn half_even<M: Exact>(numerator: &M, denominator: &M) -> Amount {
    let end = if *numerator < M::ZERO { i64::MIN } else { i64::MAX };
    let Some((quotient, rest)) = numerator.divided(denominator) else { return Amount::from_micros(end) };
    if rest == M::ZERO {
        return Amount::from_micros(i64::try_from(quotient).unwrap_or(end));
    }
    let up = match more_than_half(&rest, denominator) {
        Ordering::Less => 0,
        Ordering::Greater => 1,
        Ordering::Equal => quotient & 1,
    };
    Amount::from_micros(i64::try_from(quotient + up).unwrap_or(end))
}

/// How the rest of a division compares with half of the divisor. Twice the rest may not fit; the other half does.
fn more_than_half<M: Exact>(rest: &M, divisor: &M) -> Ordering {
    match divisor.minus(rest) {
        Some(other) => rest.cmp(&other),
        None => Ordering::Less,
    }
}

/// An exact amount in millionths as a fraction; the denominator is positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fraction<M> {
    numerator: M,
    denominator: M,
}

/// A fraction after a change, and how many times its denominator is that of the fraction before.
pub(crate) struct Changed<M> {
    pub(crate) after: Fraction<M>,
    finer: i64,
}

impl<M: Exact> Fraction<M> {
    pub(crate) fn new(numerator: M, denominator: M) -> Self {
        Self { numerator, denominator }
    }

    /// Times `factor / per`; `None` where the figures do not hold the result.
    fn times(&self, factor: i64, per: i64) -> Option<Changed<M>> {
        let common = gcd(factor, per);
        let (factor, finer) = (factor / common, per / common);
        let after = Self::new(self.numerator.times(factor)?, self.denominator.times(finer)?);
        Some(Changed { after, finer })
    }

    /// Times a decimal number held in millionths.
    pub(crate) fn multiply(&self, factor: Amount) -> Option<Changed<M>> {
        self.times(factor.as_micros(), 1_000_000)
    }

    /// Less so many per cent, held in millionths.
    pub(crate) fn percent_off(&self, percent: Amount) -> Option<Changed<M>> {
        let left = HUNDRED.as_micros() - percent.as_micros();
        self.times(left.max(0), HUNDRED.as_micros())
    }

    /// Less an amount, never below zero; what is below already stays.
    pub(crate) fn minus(&self, amount: Amount) -> Option<Changed<M>> {
        let off = self.denominator.times(amount.as_micros())?;
        let least = self.numerator.clone().min(M::ZERO);
        let after = Self::new(self.numerator.minus(&off)?.max(least), self.denominator.clone());
        Some(Changed { after, finer: 1 })
    }

    /// The total that is charged: not below zero, rounded; `None` beyond the range.
    pub(crate) fn round(&self, rounding: Rounding) -> Option<Amount> {
        let quantum = rounding.quantum.as_micros().max(1);
        let unit = self.denominator.times(quantum)?;
        let (count, rest) = self.numerator.clone().max(M::ZERO).divided(&unit)?;
        let up = rest != M::ZERO
            && match (rounding.mode, more_than_half(&rest, &unit)) {
                (RoundingMode::Up, _) | (RoundingMode::HalfUp, Ordering::Equal) => true,
                (RoundingMode::Down, _) => false,
                (_, Ordering::Greater) => true,
                (_, Ordering::Less) => false,
                (RoundingMode::HalfEven, Ordering::Equal) => count % 2 == 1,
            };
        let total = (count + i128::from(up)).checked_mul(i128::from(quantum))?;
        i64::try_from(total).ok().map(Amount::from_micros)
    }
}

impl<M: Exact> Changed<M> {
    /// The difference to the fraction before, rounded to an amount; `None` where the figures do not hold it.
    pub(crate) fn difference(&self, before: &Fraction<M>) -> Option<Amount> {
        let difference = self.after.numerator.minus(&before.numerator.times(self.finer)?)?;
        Some(half_even(&difference, &self.after.denominator))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_to_even() {
        for (numerator, expected) in [(5, 2), (7, 4), (-5, -2), (-7, -4), (-3, -2), (1, 0), (3, 2), (6, 3)] {
            assert_eq!(half_even(&numerator, &2_i64).as_micros(), expected, "{numerator}/2");
            assert_eq!(half_even(&Big::new(numerator.into()), &Big::new(2)).as_micros(), expected);
        }
        assert_eq!(half_even(&2_i128, &3).as_micros(), 1);
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

    fn rounded_to_micros(changed: Changed<i128>) -> Amount {
        half_even(&changed.after.numerator, &changed.after.denominator)
    }

    #[test]
    fn discounts_are_exact() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        let price = Fraction::new(7_000_000, 1);
        let less = price.percent_off(amount("33.333333")).unwrap();
        assert_eq!(less.difference(&price).map(Amount::as_micros), Some(-2_333_333));
        assert_eq!(rounded_to_micros(less), amount("4.666667"));
        assert_eq!(rounded_to_micros(price.minus(amount("9")).unwrap()), Amount::ZERO);
        assert_eq!(rounded_to_micros(price.multiply(amount("0.5")).unwrap()), amount("3.5"));
    }
}
