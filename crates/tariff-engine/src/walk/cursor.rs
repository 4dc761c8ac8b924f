//! The cursor: where in local time an instant lies, which rule is in force there, and until when both hold.

use parking_types::{Date, Instant, Zone};

use crate::{
    Tariff,
    calendar::{Calendar, DayTypes, weekends_only},
    compiled::{Compiled, DAY, NO_RULE, Piece, PlanSet},
    document::{Document, Window},
};

/// The scopes in which a charge counts, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Keys {
    /// The date that names the rule's window; of a rule without one, the period.
    pub(crate) window: i32,
    /// From entry.
    pub(crate) period: i32,
    /// The natural day, since 1970-01-01.
    pub(crate) day: i32,
    /// From entry.
    pub(crate) rolling_24h: i32,
    /// From entry.
    pub(crate) rolling_7d: i32,
}

/// What a cursor moves over.
pub(crate) struct Ground<'a> {
    pub(crate) zone: &'a Zone,
    pub(crate) calendar: Option<&'a Calendar>,
    pub(crate) plans: &'a PlanSet,
    pub(crate) entry: i64,
}

/// Moves forward over segments: spans in which nothing that the price depends on changes.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    ground: &'a Ground<'a>,
    rolling: bool,
    entry_day: i32,
    /// Where the cursor stands.
    pub(crate) at: i64,
    /// Where the segment ends.
    pub(crate) end: i64,
    /// The rule in force, or [`NO_RULE`].
    pub(crate) rule: u32,
    /// The types of the local date.
    pub(crate) types: DayTypes,
    offset: i64,
    pub(super) offset_end: i64,
    /// The local date at which the offset was looked up: it holds since then at the latest.
    pub(super) offset_since_date: i32,
    /// The local date of the instant.
    pub(super) date: i32,
    /// The natural day: where a clock is set back over midnight, the new day goes on.
    pub(crate) day: i32,
    /// Midnight at the start of `date`, by the offset in force.
    pub(super) midnight: i64,
    plan: &'a [Piece],
    piece: usize,
    part_24h: i32,
    pub(super) part_24h_end: i64,
    part_7d: i32,
    pub(super) part_7d_end: i64,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub(crate) fn new(ground: &'a Ground<'a>, document: &Document, compiled: &Compiled) -> Self {
        let entry = ground.entry;
        Self {
            ground,
            rolling: document.rolling,
            entry_day: 0,
            at: entry,
            end: entry,
            rule: NO_RULE,
            types: DayTypes::NONE,
            offset: 0,
            offset_end: i64::MIN,
            offset_since_date: i32::MIN,
            date: i32::MIN,
            day: i32::MIN,
            midnight: 0,
            plan: &[],
            piece: 0,
            part_24h: 0,
            part_24h_end: if compiled.parts_24h { entry + DAY } else { i64::MAX },
            part_7d: 0,
            part_7d_end: if compiled.parts_7d { entry + 7 * DAY } else { i64::MAX },
        }
    }

    /// Moves to the entry; returns its natural day.
    #[inline(always)]
    pub(crate) fn begin(&mut self, tariff: &Tariff) -> i32 {
        let entry = self.ground.entry;
        self.seek(entry);
        self.day += i32::from(tariff.in_second_evening(entry));
        self.entry_day = self.day;
        self.entry_day
    }

    /// Moves forward to `at`.
    pub(crate) fn seek(&mut self, at: i64) {
        self.at = at;
        if at >= self.offset_end {
            let (offset_secs, until) = self.ground.zone.offset_until(Instant::from_nanos(at));
            self.offset = i64::from(offset_secs) * 1_000_000_000;
            self.offset_end = until.map_or(i64::MAX, Instant::as_nanos);
            self.enter_date();
            self.offset_since_date = self.date;
        } else if at - self.midnight >= DAY {
            self.enter_date();
        }
        let time = at - self.midnight;
        let mut piece = self.plan.get(self.piece).copied().unwrap_or(Piece { end: DAY, rule: NO_RULE });
        while piece.end <= time {
            self.piece += 1;
            piece = self.plan.get(self.piece).copied().unwrap_or(Piece { end: DAY, rule: NO_RULE });
        }
        self.rule = piece.rule;
        self.end = (self.midnight + piece.end).min(self.offset_end);
        if at >= self.part_24h_end {
            let parts = (at - self.ground.entry) / DAY;
            (self.part_24h, self.part_24h_end) = (parts as i32, self.ground.entry + (parts + 1) * DAY);
        }
        if at >= self.part_7d_end {
            let parts = (at - self.ground.entry) / (7 * DAY);
            (self.part_7d, self.part_7d_end) = (parts as i32, self.ground.entry + (parts + 1) * 7 * DAY);
        }
        self.end = self.end.min(self.part_24h_end).min(self.part_7d_end);
    }

    fn enter_date(&mut self) {
        let local = self.at + self.offset;
        self.date = local.div_euclid(DAY) as i32;
        self.day = self.day.max(self.date);
        self.midnight = i64::from(self.date) * DAY - self.offset;
        self.types = match self.ground.calendar {
            Some(calendar) => calendar.types_of(self.date),
            None => weekends_only(self.date),
        };
        self.plan = self.ground.plans.of(self.types, self.date);
        self.piece = 0;
    }

    /// The number of the charging period.
    pub(crate) fn period(&self) -> i32 {
        if self.rolling { self.part_24h } else { self.day - self.entry_day }
    }

    /// The date that names the window of a rule at the cursor, or the period for a rule without a window.
    pub(crate) fn window_key(&self, window: Option<Window>) -> i32 {
        match window {
            None => self.period(),
            Some(window) => {
                let from = i64::from(window.from) * 1_000_000_000;
                let since_yesterday = window.over_midnight() && self.at - self.midnight < from;
                self.date - i32::from(since_yesterday)
            }
        }
    }

    #[inline]
    pub(crate) fn keys(&self, window: Option<Window>) -> Keys {
        Keys {
            window: self.window_key(window),
            period: self.period(),
            day: self.day,
            rolling_24h: self.part_24h,
            rolling_7d: self.part_7d,
        }
    }

    /// The number of a natural day from entry.
    pub(crate) fn day_from_entry(&self, day: i32) -> i32 {
        day - self.entry_day
    }

    /// The next boundary between charging periods after the cursor.
    pub(crate) fn period_end(&self) -> i64 {
        if self.rolling {
            return self.part_24h_end;
        }
        let midnight = self.midnight + DAY;
        if self.date == self.day && midnight < self.offset_end {
            midnight
        } else {
            start_of(self.ground.zone, self.day + 1)
        }
    }

    /// The next instant after the cursor at which a rule's window opens.
    pub(crate) fn next_opening(&self, window: Window) -> i64 {
        let date = self.window_key(Some(window)) + 1;
        let from = i64::from(window.from) * 1_000_000_000;
        let by_this_offset = self.midnight + i64::from(date - self.date) * DAY + from;
        if by_this_offset < self.offset_end {
            return by_this_offset;
        }
        // A window that the clock skips whole does not open.
        let openings = (date..date + 3).filter_map(|date| window_bounds(self.ground.zone, window, date));
        openings.map(|(opens, _)| opens).find(|opens| *opens > self.at).unwrap_or(i64::MAX)
    }
}

/// The first instant of a natural day.
pub(crate) fn start_of(zone: &Zone, day: i32) -> i64 {
    zone.start_of(Date::from_days(day)).as_nanos()
}

/// The pieces of elapsed time in which a wall clock lies in the window that opens on `date`.
pub(crate) fn window_pieces(zone: &Zone, window: Window, date: i32, mut piece: impl FnMut(i64, i64)) {
    let second = |secs: u32| i64::from(secs) * 1_000_000_000;
    let opens = i64::from(date) * DAY + second(window.from);
    let closes = i64::from(date) * DAY + second(window.to) + if window.over_midnight() { DAY } else { 0 };
    // Offsets lie within a day of UTC, so two days around the window see every piece of it.
    let (mut at, last) = (opens - 2 * DAY, closes + 2 * DAY);
    while at < last {
        let (offset_secs, until) = zone.offset_until(Instant::from_nanos(at));
        let offset = i64::from(offset_secs) * 1_000_000_000;
        let until = until.map_or(i64::MAX, Instant::as_nanos);
        let (from, to) = ((opens - offset).max(at), (closes - offset).min(until));
        if from < to {
            piece(from, to);
        }
        at = until;
    }
}

/// The first instant and the end of the window that opens on `date`; `None` where the clock skips it whole.
pub(crate) fn window_bounds(zone: &Zone, window: Window, date: i32) -> Option<(i64, i64)> {
    let mut bounds: Option<(i64, i64)> = None;
    window_pieces(zone, window, date, |from, to| {
        bounds = Some((bounds.map_or(from, |(first, _)| first), to));
    });
    bounds
}
