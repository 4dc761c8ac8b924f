//! Many stays at once, on all cores.

use core::num::NonZero;
use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use parking_types::Amount;

use crate::{Calendar, PriceError, Stay, Tariff, price_as_of, total};

/// Stays are handed to threads in runs of at least so many: a thread costs as much as pricing a few hundred.
const LEAST_RUN: usize = 512;
/// And of at most so many: what comes of a run should stay in a core's cache until it is put with the others.
const MOST_RUN: usize = 8192;
/// With more runs than threads, a thread that is slower than the others takes fewer.
const RUNS_A_THREAD: usize = 8;

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
    if count(threads) == 1 || stays.len() <= LEAST_RUN {
        return stays.iter().map(each).collect();
    }
    let mut all = Vec::with_capacity(stays.len());
    in_runs(stays, threads, |run| run.iter().map(&each).collect::<Vec<T>>(), |run| all.extend(run));
    all
}

/// What runs of stays fold into, in the order of the stays.
pub(crate) fn fold_many<T: Send>(
    stays: &[Stay],
    threads: Option<NonZero<usize>>,
    begin: impl Fn() -> T + Sync,
    fold: impl Fn(&mut T, &Stay) + Sync,
) -> Vec<T> {
    let mut all = Vec::new();
    let work = |run: &[Stay]| {
        run.iter().fold(begin(), |mut folded, stay| {
            fold(&mut folded, stay);
            folded
        })
    };
    in_runs(stays, threads, work, |folded| all.push(folded));
    all
}

fn count(threads: Option<NonZero<usize>>) -> usize {
    threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get)
}

/// Does the work of all runs on up to `threads` threads, and takes what comes of them in order. Each thread takes the next
/// run when it is done with one, so that none waits for a slow one; the caller's takes runs too, and puts together what is
/// ready between them.
fn in_runs<R: Send>(
    stays: &[Stay],
    threads: Option<NonZero<usize>>,
    work: impl Fn(&[Stay]) -> R + Sync,
    mut take: impl FnMut(R),
) {
    let threads = count(threads);
    let length = (stays.len() / threads.saturating_mul(RUNS_A_THREAD)).clamp(LEAST_RUN, MOST_RUN);
    let runs: Vec<&[Stay]> = stays.chunks(length).collect();
    let next = AtomicUsize::new(0);
    let take_next = || {
        let index = next.fetch_add(1, Ordering::Relaxed);
        runs.get(index).map(|run| (index, work(run)))
    };
    let mut ready: Vec<Option<R>> = runs.iter().map(|_| None).collect();
    let mut taken = 0;
    thread::scope(|scope| {
        let (done, others_done) = mpsc::channel();
        let others: Vec<_> = (1..threads.min(runs.len()))
            .map(|_| {
                let (done, take_next) = (done.clone(), &take_next);
                // The caller's thread listens until all have ended.
                scope.spawn(move || while take_next().is_some_and(|run| done.send(run).is_ok()) {})
            })
            .collect();
        drop(done);
        let mut put = |(index, result): (usize, R)| {
            if let Some(slot) = ready.get_mut(index) {
                *slot = Some(result);
            }
            while let Some(result) = ready.get_mut(taken).and_then(Option::take) {
                take(result);
                taken += 1;
            }
        };
        while let Some(own) = take_next() {
            put(own);
            others_done.try_iter().for_each(&mut put);
        }
        others_done.iter().for_each(&mut put);
        // Joined here, a thread that panicked does not panic the caller's.
        others.into_iter().for_each(|thread| drop(thread.join()));
    });
    // Nothing in a run panics; if it did, its stays are done here, and whatever panics there is seen.
    for (run, result) in runs.iter().zip(ready).skip(taken) {
        take(result.unwrap_or_else(|| work(run)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// Results of many stays are put together by one thread: they must be small.
    #[test]
    fn a_result_has_two_words() {
        assert_eq!(size_of::<Result<Amount, PriceError>>(), 16);
    }

    /// Some other thread panics in the middle of a run, the caller's never: that run is done again.
    #[test]
    fn what_a_thread_left_undone_is_done() {
        let (caller, panicked) = (thread::current().id(), AtomicBool::new(false));
        let entry: parking_types::Instant = "2026-03-02T08:00:00+08:00".parse().unwrap();
        let exit = |n: i64| entry + parking_types::Span::from_secs(n);
        let stays: Vec<Stay> = (0..5000).map(|n| Stay::new("a", entry, exit(n))).collect();
        let each = |stay: &Stay| {
            if thread::current().id() != caller {
                panicked.store(true, Ordering::Relaxed);
                panic!("on purpose");
            }
            // Otherwise the caller's thread might do all there is before another has begun.
            while !panicked.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            stay.exit
        };
        let exits = map_many(&stays, NonZero::new(4), each);
        assert_eq!(exits, (0..5000).map(exit).collect::<Vec<_>>());
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
        for threads in [2, 3, 8, 100, usize::MAX] {
            assert_eq!(total_many(&tariff, None, &stays, NonZero::new(threads)), one);
        }
        let texts = price_many(&tariff, None, &stays, NonZero::new(3), |_, receipt| receipt.map(|r| r.total));
        assert_eq!(texts, one);
    }
}
