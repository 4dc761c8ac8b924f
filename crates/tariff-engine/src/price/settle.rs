//! From what was calculated to the total: changes by people, the floor and the rounding.

use parking_types::Amount;

use super::{Asked, Source};
use crate::{
    LineKind, PriceError,
    adjust::Adjust,
    money::{Changed, Exact, Fraction},
};

/// One change of the amount.
pub(super) struct Change<'c, M> {
    pub(super) kind: LineKind,
    /// The factor or the per cent.
    pub(super) quantity: Option<Amount>,
    pub(super) before: &'c Fraction<M>,
    pub(super) changed: &'c Changed<M>,
}

/// Who is told what each change does to the amount.
pub(super) trait Witness<M> {
    /// The amount changes; `None` where the figures do not hold the difference.
    fn change(&mut self, change: Change<'_, M>) -> Option<()>;
}

/// Wants to know nothing.
pub(super) struct Quiet;

impl<M> Witness<M> for Quiet {
    fn change(&mut self, _: Change<'_, M>) -> Option<()> {
        Some(())
    }
}

/// The greatest total: 10^12.
pub(super) const GREATEST: Amount = Amount::from_micros(1_000_000_000_000_000_000);

impl Asked<'_> {
    /// The total that comes of `source`.
    pub(super) fn settle<M: Exact>(
        &self,
        source: &Source<M>,
        scale: &M,
        witness: &mut impl Witness<M>,
    ) -> Result<Amount, PriceError> {
        let sum = match source {
            Source::Free => return Ok(Amount::ZERO),
            Source::Instead(amount) | Source::Package(_, amount) => {
                scale.times(amount.as_micros()).ok_or(PriceError::OVERFLOW)?
            }
            Source::Calculated { with_minimum, .. } => with_minimum.clone(),
        };
        let start = Fraction::new(sum, scale.clone());
        self.adjusted(start, witness)
            .and_then(|amount| amount.round(self.document.rounding))
            .filter(|total| *total <= GREATEST)
            .ok_or(PriceError::OVERFLOW)
    }

    /// `multiply`, then `percent_off`, then `amount_off`, each in the order given.
    fn adjusted<M: Exact>(&self, start: Fraction<M>, witness: &mut impl Witness<M>) -> Option<Fraction<M>> {
        if self.stay.adjust.is_empty() {
            return Some(start);
        }
        let mut amount = start;
        for turn in [LineKind::Multiply, LineKind::PercentOff, LineKind::AmountOff] {
            for adjust in &self.stay.adjust {
                let (quantity, changed) = match (turn, adjust) {
                    (LineKind::Multiply, Adjust::Multiply(factor)) => {
                        (Some(*factor), amount.multiply(*factor)?)
                    }
                    (LineKind::PercentOff, Adjust::PercentOff(percent)) => {
                        (Some(*percent), amount.percent_off(*percent)?)
                    }
                    (LineKind::AmountOff, Adjust::AmountOff(off)) => (None, amount.minus(*off)?),
                    _ => continue,
                };
                witness.change(Change { kind: turn, quantity, before: &amount, changed: &changed })?;
                amount = changed.after;
            }
        }
        Some(amount)
    }
}
