//! Whole days of receipts that are written again instead of walked.
//!
//! As in [`days`](super::days), two days that begin alike, by the same day plan and followed by the same one, go on alike;
//! where their dates are of the same types too, their lines say the same but for the dates. Each such day is walked once,
//! onto a page that its [`Sink`] keeps; after that the page is added again. What is known lasts as long as the stay.

use super::{
    Later, Remembered, Sink, TooMuch, Walk,
    days::{RULES, Snapshot},
};
use crate::{DayTypes, compiled::DAY};

/// Shorter stays have too few whole days.
const LEAST: i64 = 4 * DAY;
/// How many ways to begin a day and how many different days are told apart. What does not fit is walked.
const BEGINNINGS: usize = 16;
const DAYS: usize = 64;

struct Pages<M, P> {
    beginnings: Vec<Snapshot<M>>,
    days: Vec<Known<M, P>>,
    /// Some day was written again.
    again: bool,
}

/// What tells apart how whole days go on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    /// How it begins, by number.
    begins: usize,
    types: DayTypes,
    /// The day plan and the next day's, by number.
    plans: (usize, usize),
}

/// A day that was walked.
struct Known<M, P> {
    kind: Kind,
    date: i32,
    midnight: i64,
    /// What it adds before the caps of longer scopes.
    added: M,
    /// How the next day begins.
    following: usize,
    page: P,
}

/// A day that is being walked, and the sum before it.
struct Walking<M> {
    kind: Kind,
    date: i32,
    midnight: i64,
    before: M,
}

impl<M: Remembered, S: Sink<M>> Walk<'_, '_, M, S> {
    /// Whether days of this stay may be written again.
    pub(super) fn keeps_pages(&self) -> bool {
        let compiled = self.task.compiled;
        S::LINES
            && self.task.exit - self.task.entry > LEAST
            && compiled.days_repeat
            && compiled.rules.len() <= RULES
            && self.task.used.is_empty()
    }

    /// Walks the stay, but not the days that are known.
    pub(super) fn walk_pages(&mut self) -> Result<(), TooMuch> {
        let mut pages = Pages { beginnings: Vec::new(), days: Vec::new(), again: false };
        let (mut date, mut walking) = (self.cursor.date, None);
        while self.go_on()? {
            if self.cursor.date != date {
                walking = self.turn_page(&mut pages, walking)?;
                date = self.cursor.date;
            }
        }
        // Not reached: the last day is never on a page.
        if walking.is_some() {
            self.ledger.sink().close_page(date, self.task.exit);
        }
        Ok(())
    }

    /// Where a date begins: closes the page of the day before, goes over as many days as are known, and opens a page for
    /// the first that is not.
    fn turn_page(
        &mut self,
        pages: &mut Pages<M, S::Page>,
        walked: Option<Walking<M>>,
    ) -> Result<Option<Walking<M>>, TooMuch> {
        let at = self.cursor.at;
        let walked = walked.map(|walked| (self.ledger.sink().close_page(walked.date, at), walked));
        self.ledger.carry_marks();
        self.states.iter_mut().for_each(|state| state.carry_marks());
        let date = self.cursor.date;
        let Some(count) = self.plain_days() else { return Ok(None) };
        let Some(begins) = self.beginning(pages) else { return Ok(None) };
        if let Some((Some(page), Walking { kind, date: of, midnight, before })) = walked
            && of + 1 == date
        {
            let added = self.ledger.inner().minus(&before).ok_or(TooMuch)?;
            pages.days.push(Known { kind, date: of, midnight, added, following: begins, page });
        }
        let (midnight, rolling_7d) = (self.cursor.midnight, self.cursor.keys(None).rolling_7d);
        let midnight_of = |now: i32| midnight + i64::from(now - date) * DAY;
        let mut numbers = self.task.plans.kinds(self.task.calendar, date);
        let (mut now, mut begins, mut today) = (date, begins, numbers.next_day());
        let mut unknown = None;
        while now < date + count && unknown.is_none() {
            let tomorrow = numbers.next_day();
            let kind = Kind { begins, types: today.0, plans: (today.1, tomorrow.1) };
            match pages.days.iter().find(|known| known.kind == kind) {
                Some(known) => {
                    if !core::mem::replace(&mut pages.again, true) {
                        let days = |from: i64, to: i64| usize::try_from((to - from) / DAY).unwrap_or(0);
                        let (entry, exit) = (self.task.entry, self.task.exit);
                        self.ledger.sink().expect(days(entry, at), days(at, exit));
                    }
                    let later =
                        Later { days: now - known.date, nanos: midnight_of(now) - known.midnight, day: now };
                    self.ledger.sink().add_page(&known.page, later);
                    self.ledger.lump(known.added.clone(), now, rolling_7d)?;
                    (now, begins, today) = (now + 1, known.following, tomorrow);
                }
                None => unknown = Some(kind),
            }
        }
        if now > date
            && let Some(snapshot) = pages.beginnings.get(begins)
        {
            self.restore(snapshot, now);
        }
        let unknown = unknown.filter(|_| pages.days.len() < DAYS);
        Ok(unknown.map(|kind| {
            self.ledger.sink().open_page();
            Walking { kind, date: now, midnight: midnight_of(now), before: self.ledger.inner().clone() }
        }))
    }

    /// The number of the way in which the day at the cursor begins; `None` where there is no room for another.
    fn beginning(&self, pages: &mut Pages<M, S::Page>) -> Option<usize> {
        let (rules, levels) = (self.task.compiled.rules.len(), self.task.compiled.caps.len());
        let snapshot = self.snapshot();
        let known = pages.beginnings.iter().position(|known| known.is_like(&snapshot, rules, levels));
        known.or_else(|| {
            let number = pages.beginnings.len();
            (number < BEGINNINGS).then(|| pages.beginnings.push(snapshot))?;
            Some(number)
        })
    }
}
