//! Many stays at once, on all cores.

use core::num::NonZero;
use std::thread;

use parking_types::Amount;

use crate::{Calendar, PriceError, Stay, Tariff, price_as_of, total};

/// Stays are handed to threads in runs of at least so many: a thread costs as much as pricing a few hundred.
const LEAST_RUN: usize = 512;

/// The totals of many stays, in their order, on up to `threads` threads (`None`: as many as the machine has).
///
/// ```
/// use tariff_engine::{Stay, Tariff, total_many};
/// let tariff = Tariff::from_json(br#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
///     "rules": [ { "id": "all", "charge": { "flat": "3", "once": "stay" } } ] }"#)?;
/// let entry = "2026-03-02T08:00:00+08:00".parse()?;
/// let stays = vec![Stay::new("a", entry, "2026-03-02T09:00:00+08:00".parse()?); 3];
/// let totals = total_many(&tariff, None, &stays, None);
/// assert!(totals.iter().all(|total| total.is_ok_and(|amount| amount.to_string() == "3")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn total_many(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stays: &[Stay],
    threads: Option<NonZero<usize>>,
) -> Vec<Result<Amount, PriceError>> {
    map_many(stays, threads, |stay| total(tariff, calendar, stay))
}

/// What `each` makes of the receipt (without its next change) or the refusal of many stays, in their order: JSON, a
/// comparison, a sum. A receipt borrows, so it is consumed where it is made.
pub fn price_many<T: Send>(
    tariff: &Tariff,
    calendar: Option<&Calendar>,
    stays: &[Stay],
    threads: Option<NonZero<usize>>,
    each: impl Fn(&Stay, Result<crate::Receipt<'_>, PriceError>) -> T + Sync,
) -> Vec<T> {
    map_many(stays, threads, |stay| each(stay, price_as_of(tariff, calendar, stay)))
}

fn map_many<T: Send>(
    stays: &[Stay],
    threads: Option<NonZero<usize>>,
    each: impl Fn(&Stay) -> T + Sync,
) -> Vec<T> {
    let threads = threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let run = stays.len().div_ceil(threads).max(LEAST_RUN);
    if stays.len() <= run {
        return stays.iter().map(each).collect();
    }
    let each = &each;
    let work = |run: &[Stay]| run.iter().map(each).collect::<Vec<T>>();
    thread::scope(|scope| {
        let mut runs = stays.chunks(run);
        // The caller's own thread takes the first run.
        let own = runs.next().unwrap_or_default();
        let others: Vec<_> = runs.map(|run| (run, scope.spawn(move || work(run)))).collect();
        let mut all = work(own);
        all.reserve(stays.len() - own.len());
        for (run, thread) in others {
            // Nothing in a run panics; if it did, its stays are done here, and whatever panics there is seen.
            all.extend(thread.join().unwrap_or_else(|_| work(run)));
        }
        all
    })
}

/// What the runs of stays that threads take fold into, in the order of the stays.
pub(crate) fn fold_many<T: Send>(
    stays: &[Stay],
    threads: Option<NonZero<usize>>,
    begin: impl Fn() -> T + Sync,
    fold: impl Fn(&mut T, &Stay) + Sync,
) -> Vec<T> {
    let threads = threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let runs = stays.chunks(stays.len().div_ceil(threads).max(LEAST_RUN));
    let work = |run: &[Stay]| {
        run.iter().fold(begin(), |mut folded, stay| {
            fold(&mut folded, stay);
            folded
        })
    };
    let work = &work;
    thread::scope(|scope| {
        let started: Vec<_> = runs.map(|run| (run, scope.spawn(move || work(run)))).collect();
        // Nothing in a run panics; if it did, its stays are done here, and whatever panics there is seen.
        started.into_iter().map(|(run, thread)| thread.join().unwrap_or_else(|_| work(run))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Results of many stays are put together by one thread: they must be small.
    #[test]
    fn a_result_has_two_words() {
        assert_eq!(size_of::<Result<Amount, PriceError>>(), 16);
    }

    #[test]
    fn threads_change_nothing() {
        let tariff = Tariff::from_json(
            br#"{ "format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
                  "rules": [ { "id": "all", "charge": { "steps": [ { "every": "1h", "price": "1" } ] } } ] }"#,
        )
        .unwrap();
        let entry: parking_types::Instant = "2026-03-02T08:00:00+08:00".parse().unwrap();
        let stay = |hours: i64| Stay::new("a", entry, entry + parking_types::Span::from_hours(hours % 50));
        let stays: Vec<Stay> = (0..5000).map(stay).collect();
        let one = total_many(&tariff, None, &stays, NonZero::new(1));
        for threads in [2, 3, 8] {
            assert_eq!(total_many(&tariff, None, &stays, NonZero::new(threads)), one);
        }
        let texts = price_many(&tariff, None, &stays, NonZero::new(3), |_, receipt| receipt.map(|r| r.total));
        assert_eq!(texts, one);
    }
}
