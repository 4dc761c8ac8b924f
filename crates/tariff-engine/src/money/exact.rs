//! The whole numbers that sums are kept in: as narrow as the tariff allows, as wide as it needs.

use core::fmt;

use super::Big;

/// Figures in which a stay is priced. Where they do not hold a result they say so, and the stay is priced in wider ones.
pub(crate) trait Exact: Clone + Ord + fmt::Debug {
    const ZERO: Self;
    fn plus(&self, other: &Self) -> Option<Self>;
    fn minus(&self, other: &Self) -> Option<Self>;
    fn times(&self, n: i64) -> Option<Self>;
    /// The `n`th part, where that is a whole number; `n` is positive.
    fn part(&self, n: i64) -> Self;
    /// The quotient rounded down, and the rest; `None` where the quotient is too large. `other` is positive.
    fn divided(&self, other: &Self) -> Option<(i128, Self)>;
}

/// A machine word adds and takes away by its own checked methods; how it divides is its own affair.
macro_rules! machine_word {
    ($word:ty, $($rest:item)*) => {
        impl Exact for $word {
            const ZERO: Self = 0;
            #[inline]
            fn plus(&self, other: &Self) -> Option<Self> {
                self.checked_add(*other)
            }
            #[inline]
            fn minus(&self, other: &Self) -> Option<Self> {
                self.checked_sub(*other)
            }
            $($rest)*
        }
    };
}

machine_word! { i64,
    #[inline]
    fn times(&self, n: i64) -> Option<Self> {
        self.checked_mul(n)
    }
    #[inline]
    fn part(&self, n: i64) -> Self {
        self / n.max(1)
    }
    #[inline]
    fn divided(&self, other: &Self) -> Option<(i128, Self)> {
        // Dividing is slow, and most tariffs need no fractions.
        if *other == 1 {
            return Some((i128::from(*self), 0));
        }
        Some((i128::from(self.checked_div_euclid(*other)?), self.checked_rem_euclid(*other)?))
    }
}

machine_word! { i128,
    #[inline]
    fn times(&self, n: i64) -> Option<Self> {
        match i64::try_from(*self) {
            Ok(narrow) => Some(i128::from(narrow) * i128::from(n)),
            Err(_) => self.checked_mul(i128::from(n)),
        }
    }
    #[inline]
    fn part(&self, n: i64) -> Self {
        // A machine word divides far faster.
        match u64::try_from(*self) {
            Ok(narrow) => i128::from(narrow / n.max(1).unsigned_abs()),
            Err(_) => self / i128::from(n.max(1)),
        }
    }
    #[inline]
    fn divided(&self, other: &Self) -> Option<(i128, Self)> {
        match (i64::try_from(*self), i64::try_from(*other)) {
            (Ok(narrow), Ok(by)) => narrow.divided(&by).map(|(quotient, rest)| (quotient, i128::from(rest))),
            _ => Some((self.checked_div_euclid(*other)?, self.checked_rem_euclid(*other)?)),
        }
    }
}

impl Exact for Big {
    const ZERO: Self = Self::ZERO;
    fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self::plus(self, other))
    }
    fn minus(&self, other: &Self) -> Option<Self> {
        Some(Self::minus(self, other))
    }
    fn times(&self, n: i64) -> Option<Self> {
        Some(Self::times(self, n))
    }
    fn part(&self, n: i64) -> Self {
        self.parted(n.max(1).unsigned_abs()).0
    }
    fn divided(&self, other: &Self) -> Option<(i128, Self)> {
        Self::divided(self, other)
    }
}

/// The greatest common divisor; at least 1.
pub(crate) fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a.wrapping_rem(b));
    }
    a.max(1)
}
