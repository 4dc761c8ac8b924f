//! Whole numbers of any size, for sums whose fractions need more than 128 bits. Nearly no tariff has such sums, so these
//! are plain rather than fast.

use core::cmp::Ordering;

/// A whole number: its sign, and its magnitude in 64-bit digits, the least first and none zero at the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Big {
    negative: bool,
    digits: Vec<u64>,
}

impl Big {
    pub(crate) const ZERO: Self = Self { negative: false, digits: Vec::new() };

    pub(crate) fn new(number: i128) -> Self {
        let magnitude = number.unsigned_abs();
        Self::of(number < 0, vec![magnitude as u64, (magnitude >> 64) as u64])
    }

    /// The number with these digits; zeros at the end are dropped.
    fn of(negative: bool, mut digits: Vec<u64>) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self { negative: negative && !digits.is_empty(), digits }
    }

    /// The number, where 127 bits and a sign hold it.
    pub(crate) fn to_i128(&self) -> Option<i128> {
        let magnitude = match *self.digits.as_slice() {
            [] => 0,
            [low] => u128::from(low),
            [low, high] => u128::from(high) << 64 | u128::from(low),
            _ => return None,
        };
        let number = i128::try_from(magnitude).ok()?;
        Some(if self.negative { -number } else { number })
    }

    pub(crate) fn plus(&self, other: &Self) -> Self {
        if self.negative == other.negative {
            return Self::of(self.negative, sum(&self.digits, &other.digits));
        }
        match compare(&self.digits, &other.digits) {
            Ordering::Less => Self::of(other.negative, difference(&other.digits, &self.digits)),
            _ => Self::of(self.negative, difference(&self.digits, &other.digits)),
        }
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        self.plus(&Self::of(!other.negative, other.digits.clone()))
    }

    pub(crate) fn times(&self, n: i64) -> Self {
        let factor = u128::from(n.unsigned_abs());
        let mut carry = 0;
        let mut digits = Vec::with_capacity(self.digits.len() + 1);
        for digit in &self.digits {
            carry += u128::from(*digit) * factor;
            digits.push(carry as u64);
            carry >>= 64;
        }
        digits.push(carry as u64);
        Self::of(self.negative != (n < 0), digits)
    }

    /// The quotient towards zero, and the rest of the magnitude; by zero, nothing and nothing.
    pub(crate) fn parted(&self, n: u64) -> (Self, u64) {
        let mut rest = 0;
        let mut digits = self.digits.clone();
        for digit in digits.iter_mut().rev() {
            let part = rest << 64 | u128::from(*digit);
            *digit = part.checked_div(u128::from(n)).unwrap_or(0) as u64;
            rest = part.checked_rem(u128::from(n)).unwrap_or(0);
        }
        (Self::of(self.negative, digits), rest as u64)
    }

    /// The quotient rounded down, and the rest; `None` where the quotient is too large. `other` is positive.
    pub(crate) fn divided(&self, other: &Self) -> Option<(i128, Self)> {
        let more = bits(&self.digits).saturating_sub(bits(&other.digits));
        if more > 120 {
            return None;
        }
        let (mut quotient, mut rest) = (0_i128, self.digits.clone());
        for shift in (0..=more).rev() {
            let part = shifted(&other.digits, shift);
            if compare(&rest, &part) != Ordering::Less {
                rest = Self::of(false, difference(&rest, &part)).digits;
                quotient |= 1 << shift;
            }
        }
        let rest = Self::of(false, rest);
        Some(match (self.negative, rest.digits.is_empty()) {
            (false, _) => (quotient, rest),
            (true, true) => (-quotient, rest),
            (true, false) => (-quotient - 1, other.minus(&rest)),
        })
    }
}

impl Ord for Big {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => compare(&self.digits, &other.digits),
            (true, true) => compare(&other.digits, &self.digits),
            (negative, _) => {
                if negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}
impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn compare(a: &[u64], b: &[u64]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

fn bits(digits: &[u64]) -> usize {
    digits.last().map_or(0, |last| digits.len() * 64 - last.leading_zeros() as usize)
}

fn sum(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut digits = Vec::with_capacity(a.len().max(b.len()) + 1);
    let mut carry = 0;
    for index in 0..a.len().max(b.len()) {
        let digit = |of: &[u64]| u128::from(of.get(index).copied().unwrap_or(0));
        carry += digit(a) + digit(b);
        digits.push(carry as u64);
        carry >>= 64;
    }
    digits.push(carry as u64);
    digits
}

/// `a` less `b`, which is not greater.
fn difference(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut borrow = false;
    let less = a.iter().enumerate().map(|(index, digit)| {
        let (part, first) = digit.overflowing_sub(b.get(index).copied().unwrap_or(0));
        let (part, second) = part.overflowing_sub(u64::from(borrow));
        borrow = first || second;
        part
    });
    less.collect()
}

fn shifted(digits: &[u64], shift: usize) -> Vec<u64> {
    let (whole, part) = (shift / 64, (shift % 64) as u32);
    let mut moved = vec![0; whole];
    let mut carry = 0;
    for digit in digits {
        moved.push(digit << part | carry);
        carry = digit.checked_shr(64 - part).unwrap_or(0);
    }
    moved.push(carry);
    Big::of(false, moved).digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use proptest::prelude::*;

    fn known(big: &Big) -> BigInt {
        let digits = big.digits.iter().rev();
        let magnitude = digits.fold(BigInt::from(0), |sum, digit| (sum << 64) + *digit);
        if big.negative { -magnitude } else { magnitude }
    }

    fn any_big() -> impl Strategy<Value = Big> {
        let digit = prop_oneof![any::<u64>(), Just(0), Just(1), Just(u64::MAX)];
        (any::<bool>(), proptest::collection::vec(digit, 0..6)).prop_map(|(n, digits)| Big::of(n, digits))
    }

    proptest! {
        #[test]
        fn counts_as_a_known_library_does(a in any_big(), b in any_big(), n in any::<i64>(), m in 1_u64..) {
            prop_assert_eq!(known(&a.plus(&b)), known(&a) + known(&b));
            prop_assert_eq!(known(&a.minus(&b)), known(&a) - known(&b));
            prop_assert_eq!(known(&a.times(n)), known(&a) * n);
            prop_assert_eq!(a.cmp(&b), known(&a).cmp(&known(&b)));
            let (quotient, rest) = a.parted(m);
            prop_assert_eq!((known(&quotient), BigInt::from(rest)), (known(&a) / m, BigInt::from(known(&a).magnitude() % m)));
        }

        #[test]
        fn divides_as_a_known_library_does(b in any_big(), quotient in any::<i64>(), part in any::<u64>()) {
            let b = if b.negative { Big::ZERO.minus(&b) } else { b };
            prop_assume!(b != Big::ZERO);
            // Some number near so many times the divisor.
            let a = b.times(quotient).plus(&b.times((part >> 1) as i64).parted(1 << 63).0);
            let (found, rest) = a.divided(&b).unwrap();
            prop_assert_eq!(known(&b) * found + known(&rest), known(&a));
            prop_assert!(rest >= Big::ZERO && rest < b);
        }

        #[test]
        fn small_numbers_come_back(number in any::<i128>()) {
            prop_assume!(number != i128::MIN);
            prop_assert_eq!(Big::new(number).to_i128(), Some(number));
        }
    }
}
