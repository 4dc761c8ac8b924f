//! Prices stays by documents: what `parkline quote` and `POST /v1/quote` share.

use parking_types::{Amount, Instant, Span, Zone};
use tariff_engine::{
    Breakpoint, Calendar, Lang, Stay, Tariff, TariffSet, curve, document_error_json, error_json, explain,
    latest_exit_for, price,
};

/// One tariff in all its versions, with a calendar.
pub struct Quoter {
    tariffs: TariffSet,
    id: String,
    calendar: Option<Calendar>,
}

/// A receipt or the error in its place, as one JSON object, or as text for people where that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The object, or the text.
    pub json: String,
    /// Whether it is a receipt.
    pub priced: bool,
}

/// What a stay costs for every exit.
pub struct Fees<'a> {
    /// The version in force at entry.
    pub tariff: &'a Tariff,
    /// Where the fee changes, the first at entry.
    pub points: Vec<Breakpoint>,
    /// An amount, and the latest exit for it.
    pub latest: Option<(Amount, Option<Instant>)>,
}

impl Fees<'_> {
    /// `{"id","points","latest_exit"}`, as [`Quoter::curve`] gives it.
    pub fn to_json(&self, stay: &Stay) -> String {
        let (zone, currency) = (self.tariff.zone(), self.tariff.currency());
        let local = |at: Instant| at.at_offset(zone.offset_secs(at)).to_string();
        let point = |point: &Breakpoint| {
            let total = point.total.map(|total| total.in_currency(currency).to_string());
            serde_json::json!({"at": local(point.at), "inclusive": point.inclusive, "total": total})
        };
        let points: Vec<serde_json::Value> = self.points.iter().map(point).collect();
        let mut value = serde_json::json!({"id": stay.id, "points": points});
        if let (Some((fee, at)), Some(object)) = (self.latest, value.as_object_mut()) {
            let latest =
                serde_json::json!({"fee": fee.in_currency(currency).to_string(), "at": at.map(local)});
            object.insert("latest_exit".to_owned(), latest);
        }
        value.to_string()
    }
}

impl Quoter {
    /// Reads a tariff (one document or an array of versions) and calendars, of which later ones win.
    ///
    /// # Errors
    /// The error object `{"error":{"code","message","path"}}` of the document that cannot be used.
    pub fn new(tariff: &[u8], calendars: &[Vec<u8>]) -> Result<Self, String> {
        let (tariffs, id) = read_versions(tariff)?;
        let calendar = read_calendars(calendars)?;
        Ok(Self { tariffs, id, calendar })
    }

    /// Prices one stay.
    pub fn quote(&self, stay: &[u8]) -> Quote {
        let stay = match Stay::from_json(stay) {
            Ok(stay) => stay,
            Err(error) => return Quote { json: error.to_json(), priced: false },
        };
        let Some(tariff) = self.version(&stay) else { return no_tariff() };
        match price(tariff, self.calendar.as_ref(), &stay) {
            Ok(receipt) => Quote { json: receipt.to_json(), priced: true },
            Err(error) => Quote { json: error_json(stay.id.as_deref(), &error), priced: false },
        }
    }

    /// The receipt of one stay as text for people, so many columns wide; what cannot be priced is said in its place.
    pub fn explain(&self, stay: &[u8], lang: Lang, width: usize) -> Quote {
        let stay = match Stay::from_json(stay) {
            Ok(stay) => stay,
            Err(error) => {
                let at = if error.path().is_empty() { String::new() } else { format!(" ({})", error.path()) };
                let id = error.id().unwrap_or("-");
                return Quote { json: format!("{id}: {}: {error}{at}\n", error.code()), priced: false };
            }
        };
        let Some(tariff) = self.version(&stay) else { return no_tariff() };
        match price(tariff, self.calendar.as_ref(), &stay) {
            Ok(receipt) => Quote { json: explain(&receipt, lang, width), priced: true },
            Err(error) => {
                let id = stay.id.as_deref().unwrap_or("-");
                Quote { json: format!("{id}: {}: {error}\n", error.code()), priced: false }
            }
        }
    }

    /// What the stay costs for every exit up to `horizon` after its entry:
    /// `{"id","points":[{"at","inclusive","total"}]}`; for a `fee` also `"latest_exit":{"fee","at"}`, the last exit up to
    /// which every one costs no more, null where that is so for 366 days.
    pub fn curve(&self, stay: &[u8], horizon: Span, fee: Option<Amount>) -> Quote {
        let stay = match Stay::from_json(stay) {
            Ok(stay) => stay,
            Err(error) => return Quote { json: error.to_json(), priced: false },
        };
        match self.fees(&stay, horizon, fee) {
            Ok(fees) => Quote { json: fees.to_json(&stay), priced: true },
            Err(error) => Quote { json: error, priced: false },
        }
    }

    /// The breakpoints of the stay's fee up to `horizon` after its entry, and the latest exit for `fee`.
    ///
    /// # Errors
    /// The object `{"id","error"}` of a stay without a price.
    pub fn fees(&self, stay: &Stay, horizon: Span, fee: Option<Amount>) -> Result<Fees<'_>, String> {
        let tariff = self.version(stay).ok_or_else(|| no_tariff().json)?;
        let refused = |error| error_json(stay.id.as_deref(), &error);
        let points = curve(tariff, self.calendar.as_ref(), stay, horizon).map_err(refused)?.collect();
        let latest = match fee {
            None => None,
            Some(fee) => {
                Some((fee, latest_exit_for(tariff, self.calendar.as_ref(), stay, fee).map_err(refused)?))
            }
        };
        Ok(Fees { tariff, points, latest })
    }

    /// The zone of the tariff, in which local times are meant.
    pub fn zone(&self) -> Option<&Zone> {
        self.tariffs.versions(&self.id).first().map(Tariff::zone)
    }

    /// The version in force at entry; where none is, any says so, after the errors that come before that one.
    fn version(&self, stay: &Stay) -> Option<&Tariff> {
        self.tariffs.version_at(&self.id, stay.entry).or(self.tariffs.versions(&self.id).first())
    }
}

/// The versions of one tariff, with its id.
///
/// # Errors
/// The error object of a document that cannot be used.
pub(crate) fn read_versions(tariff: &[u8]) -> Result<(TariffSet, String), String> {
    let tariffs = TariffSet::from_json(tariff).map_err(|error| document_error_json(&error))?;
    let mut ids = tariffs.ids();
    let id = match (ids.next(), ids.next()) {
        (Some(id), None) => id.to_owned(),
        (None, _) => return Err(bad_field("there is no tariff")),
        (Some(_), Some(_)) => {
            return Err(bad_field("versions of one tariff are wanted, not several tariffs"));
        }
    };
    drop(ids);
    Ok((tariffs, id))
}

/// Calendars as one, of which later ones win; `None` where there are none.
///
/// # Errors
/// The error object of a document that cannot be used.
pub(crate) fn read_calendars(texts: &[Vec<u8>]) -> Result<Option<Calendar>, String> {
    let read: Result<Vec<Calendar>, _> = texts.iter().map(|text| Calendar::from_json(text)).collect();
    let read = read.map_err(|error| document_error_json(&error))?;
    match read.iter().collect::<Vec<_>>().as_slice() {
        [] => Ok(None),
        all => Calendar::merge(all).map(Some).map_err(|error| bad_field(&error.to_string())),
    }
}

fn no_tariff() -> Quote {
    Quote { json: bad_field("there is no tariff"), priced: false }
}

fn bad_field(message: &str) -> String {
    serde_json::json!({"error": {"code": "bad_field", "message": message, "path": ""}}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const TARIFF: &str = r#"{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai",
        "rules":[{"id":"all","charge":{"steps":[{"every":"1h","price":"PRICE"}]}}],"valid":VALID}"#;

    fn version(price: &str, valid: &str) -> String {
        TARIFF.replace("PRICE", price).replace("VALID", valid)
    }

    fn stay(entry: &str, exit: &str) -> Vec<u8> {
        format!(r#"{{"id":"a","entry":"{entry}","exit":"{exit}"}}"#).into_bytes()
    }

    #[test]
    fn the_version_at_entry_prices() {
        let versions = format!(
            "[{},{}]",
            version("2.00", r#"{"until":"2026-03-02T00:00:00"}"#),
            version("3.00", r#"{"from":"2026-03-02T00:00:00","until":"2026-04-01T00:00:00"}"#)
        );
        let quoter = Quoter::new(versions.as_bytes(), &[]).unwrap();
        let total = |entry: &str, exit: &str| -> Value {
            let quote = quoter.quote(&stay(entry, exit));
            let value: Value = serde_json::from_str(&quote.json).unwrap();
            assert_eq!(quote.priced, value.get("total").is_some());
            value
        };
        assert_eq!(total("2026-03-01T22:30:00+08:00", "2026-03-01T23:20:00+08:00")["total"], "2.00");
        assert_eq!(total("2026-03-02T00:00:00+08:00", "2026-03-02T00:30:00+08:00")["total"], "3.00");
        let late = total("2026-05-02T00:00:00+08:00", "2026-05-02T00:30:00+08:00");
        assert_eq!(late["error"]["code"], "not_in_force");
        let reversed = total("2026-05-02T00:00:00+08:00", "2026-05-01T00:30:00+08:00");
        assert_eq!(reversed["error"]["code"], "exit_before_entry");
        assert!(quoter.quote(b"{").json.contains("bad_json"));
    }

    #[test]
    fn a_curve_has_every_change_of_the_price() {
        let quoter = Quoter::new(version("2.00", "{}").as_bytes(), &[]).unwrap();
        let stay = stay("2026-03-02T08:00:00+08:00", "2026-03-02T08:00:00+08:00");
        let curve = quoter.curve(&stay, Span::from_mins(90), "2".parse().ok());
        let value: Value = serde_json::from_str(&curve.json).unwrap();
        let totals: Vec<&str> = value["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|point| point["total"].as_str().unwrap())
            .collect();
        assert_eq!((curve.priced, totals), (true, vec!["0.00", "2.00", "4.00"]));
        assert_eq!(value["points"][2]["at"], "2026-03-02T09:00:00+08:00");
        let latest = serde_json::json!({"fee": "2.00", "at": "2026-03-02T09:00:00+08:00"});
        assert_eq!(value["latest_exit"], latest);
        assert!(!quoter.curve(b"{", Span::from_mins(90), None).priced);
    }

    #[test]
    fn documents_that_cannot_be_used_are_named() {
        let refused =
            |tariff: &str, calendars: &[Vec<u8>]| Quoter::new(tariff.as_bytes(), calendars).err().unwrap();
        let open = version("1.00", "{}");
        assert!(refused("[]", &[]).contains("error"));
        let two = format!("[{open},{}]", open.replace("\"t\"", "\"u\""));
        assert!(refused(&two, &[]).contains("several tariffs"));
        assert!(refused(&open, &[b"[]".to_vec()]).contains("error"));
    }
}
