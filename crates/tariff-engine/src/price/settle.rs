//! From what was calculated to the total: changes by people, the floor and the rounding.

use parking_types::Amount;

use super::{Asked, Source};
use crate::{Code, LineKind, PriceError, adjust::Adjust, money::Fraction};

/// Who is told what each change does to the amount.
pub(super) trait Witness {
    /// The amount goes from `before` to `after`; `quantity` is the factor or the per cent.
    fn change(&mut self, kind: LineKind, quantity: Option<Amount>, before: Fraction, after: Fraction);
}

/// Wants to know nothing.
pub(super) struct Quiet;

impl Witness for Quiet {
    fn change(&mut self, _: LineKind, _: Option<Amount>, _: Fraction, _: Fraction) {}
}

/// The greatest total: 10^12.
const GREATEST: Amount = Amount::from_micros(1_000_000_000_000_000_000);

impl Asked<'_> {
    /// The total that comes of `source`.
    pub(super) fn settle(&self, source: Source, witness: &mut impl Witness) -> Result<Amount, PriceError> {
        let start = match source {
            Source::Free => return Ok(Amount::ZERO),
            Source::Instead(amount) | Source::Package(_, amount) => {
                Fraction::new(i128::from(amount.as_micros()), 1)
            }
            Source::Calculated { with_minimum, .. } => Fraction::new(with_minimum, self.compiled()?.scale),
        };
        self.adjusted(start, witness)
            .and_then(|amount| amount.round(self.document.rounding))
            .filter(|total| *total <= GREATEST)
            .ok_or(PriceError::new(Code::Overflow, "", "the total is beyond what can be charged"))
    }

    /// `multiply`, then `percent_off`, then `amount_off`, each in the order given.
    fn adjusted(&self, start: Fraction, witness: &mut impl Witness) -> Option<Fraction> {
        if self.stay.adjust.is_empty() {
            return Some(start);
        }
        let mut amount = start;
        for turn in [LineKind::Multiply, LineKind::PercentOff, LineKind::AmountOff] {
            for adjust in &self.stay.adjust {
                let (quantity, after) = match (turn, adjust) {
                    (LineKind::Multiply, Adjust::Multiply(factor)) => {
                        (Some(*factor), amount.multiply(*factor)?)
                    }
                    (LineKind::PercentOff, Adjust::PercentOff(percent)) => {
                        (Some(*percent), amount.percent_off(*percent)?)
                    }
                    (LineKind::AmountOff, Adjust::AmountOff(off)) => (None, amount.minus(*off)?),
                    _ => continue,
                };
                witness.change(turn, quantity, amount, after);
                amount = after;
            }
        }
        Some(amount)
    }
}
