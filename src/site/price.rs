//! The price of a stay: which tariff, which calendar, and the receipt.

use parking_types::{Amount, PlateColor};
use session_core::{PriceRequest, Priced, Unpriced, Used};
use tariff_engine::{Adjust, Calendar, Stay};

use super::{Site, Tariff, entity::*};

/// Everything off, so that the benefit of a white list is visible.
const WHITE: Adjust = Adjust::PercentOff(Amount::from_micros(100_000_000));

/// Which version prices a stay, and with which calendar.
struct Choice<'s> {
    tariff: &'s tariff_engine::Tariff,
    calendar: Option<&'s Calendar>,
}

impl Site {
    pub(super) fn price_stay(&self, request: &PriceRequest<'_>) -> Result<Priced, Unpriced> {
        let choice = self.choose(request)?;
        let stay = stay_of(request)?;
        let priced = tariff_engine::price(choice.tariff, choice.calendar, &stay);
        let receipt = priced.map_err(|error| Unpriced {
            code: error.code().as_str(),
            receipt: tariff_engine::error_json(Some(request.id), &error).into(),
        })?;
        let used = receipt.used.iter().map(|(date, used)| (*date, used_of(used)));
        Ok(Priced {
            total: receipt.total,
            paid: receipt.paid,
            due: receipt.due,
            currency: receipt.currency,
            used: used.collect(),
            uses_history: choice.tariff.uses_history(),
            receipt: receipt.to_json().into(),
        })
    }

    /// The first of the berth's or lot's tariffs that has a version in force at entry and covers vehicle and colour.
    /// Where none covers them, the first in force says so; where none is in force, the first of all does.
    fn choose(&self, request: &PriceRequest<'_>) -> Result<Choice<'_>, Unpriced> {
        let lot = self.at::<Lot>(&request.lot, request.as_of);
        let berth = request.berth.and_then(|berth| self.at::<Berth>(&berth, request.as_of));
        let own = berth.map(|berth| berth.tariffs.as_slice()).filter(|tariffs| !tariffs.is_empty());
        let choices = own.or(lot.map(|lot| lot.tariffs.as_slice())).unwrap_or_default();
        let color = known(request.plate_color);
        let (mut in_force, mut any) = (None, None);
        for choice in choices {
            let Some(tariff) = self.at::<Tariff>(&choice.tariff, request.as_of) else { continue };
            any = any.or_else(|| Some((tariff.versions().first()?, choice)));
            let Some(version) = tariff.version_at(request.entry) else { continue };
            if version.covers(Some(request.vehicle), color) {
                return self.with_calendar(version, choice, lot, request);
            }
            in_force = in_force.or(Some((version, choice)));
        }
        match in_force.or(any) {
            Some((version, choice)) => self.with_calendar(version, choice, lot, request),
            None => Err(refused(request, "not_in_force", "the lot has no tariff")),
        }
    }

    fn with_calendar<'s>(
        &'s self,
        tariff: &'s tariff_engine::Tariff,
        choice: &TariffChoice,
        lot: Option<&Lot>,
        request: &PriceRequest<'_>,
    ) -> Result<Choice<'s>, Unpriced> {
        let of_lot = lot.map(|lot| &lot.calendars);
        let ids = if choice.calendars.is_empty() { of_lot } else { Some(&choice.calendars) };
        let Some(ids) = ids.filter(|ids| !ids.is_empty()) else {
            return Ok(Choice { tariff, calendar: None });
        };
        match self.index.calendars.at(&**ids, request.as_of) {
            Some(calendar) => Ok(Choice { tariff, calendar: Some(calendar) }),
            None => Err(refused(request, "calendar_gap", "a calendar that the lot names is not there")),
        }
    }
}

fn known(color: Option<PlateColor>) -> Option<PlateColor> {
    color.filter(|color| *color != PlateColor::Unknown)
}

fn stay_of(request: &PriceRequest<'_>) -> Result<Stay, Unpriced> {
    let mut stay = Stay::new(request.id, request.entry, request.exit);
    stay.vehicle = Some(request.vehicle.into());
    stay.plate_color = known(request.plate_color).map(Into::into);
    stay.exempt = request.exempt.to_vec();
    stay.used = request.used.iter().map(|(date, used)| (*date, used_before(used))).collect();
    if let Some(text) = request.adjust {
        let adjust = Adjust::list_from_json(text.as_bytes());
        stay.adjust = adjust.map_err(|error| {
            refused(request, error.code().as_str(), "the adjustments are no list of them")
        })?;
    }
    if request.white {
        stay.adjust.push(WHITE);
    }
    stay.paid = request.paid.to_vec();
    Ok(stay)
}

const fn used_of(used: &tariff_engine::Used) -> Used {
    Used { stays: used.stays, free: used.free, charged: used.charged }
}

const fn used_before(used: &Used) -> tariff_engine::Used {
    tariff_engine::Used { stays: used.stays, free: used.free, charged: used.charged }
}

/// No price, in the form of the tariff contract.
fn refused(request: &PriceRequest<'_>, code: &'static str, message: &str) -> Unpriced {
    let mut receipt = Vec::with_capacity(128);
    receipt.extend_from_slice(b"{\"id\":");
    crate::output::string(&mut receipt, request.id);
    receipt.extend_from_slice(b",\"error\":{\"code\":");
    crate::output::string(&mut receipt, code);
    receipt.extend_from_slice(b",\"message\":");
    crate::output::string(&mut receipt, message);
    receipt.extend_from_slice(b",\"path\":\"\"}}");
    Unpriced { code, receipt: String::from_utf8(receipt).unwrap_or_default().into() }
}
