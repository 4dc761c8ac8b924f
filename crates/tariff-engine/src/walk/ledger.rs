//! The ledger: charges in the order in which they count, the caps that cut them, and who is told.

use parking_types::{Amount, Date};

use super::{Cursor, Found, Keys, LadderState, Task, TooMuch, ladder::WindowSum, used_on};
use crate::{
    Tariff,
    calendar::DayTypes,
    compiled::{CapLevel, Compiled, NO_RULE},
    document::CapPer,
    money::Exact,
    stay::Used,
};

/// One charge before caps: a flat price, a step that was reached, or units of one price that started in one segment.
#[derive(Clone, Debug)]
pub(crate) struct Charge<M> {
    pub(crate) kind: Kind,
    /// The index of the rule.
    pub(crate) rule: u32,
    /// When it counts.
    pub(crate) at: i64,
    pub(crate) to: i64,
    /// In fractions of a millionth.
    pub(crate) amount: M,
    /// In fractions of which `scale` make one; zero where nobody asks for lines.
    pub(crate) quantity: M,
    pub(crate) price: Amount,
    pub(crate) types: DayTypes,
    pub(crate) keys: Keys,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Flat,
    Tier,
    Unit,
}

/// A cap and the scope in which it cut something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CutFrom {
    pub(crate) per: CapPer,
    /// The rule, of a rule's own cap; else [`NO_RULE`].
    pub(crate) rule: u32,
    /// The scope's number: a window, period, day, 24 h, 7 d.
    pub(crate) scope: i32,
}

/// The mark of a scope that was not cut yet.
pub(crate) const UNMARKED: u32 = u32::MAX;
/// The mark of a scope that was cut on a day before: the sink has to look for it.
pub(crate) const CARRIED: u32 = u32::MAX - 1;

/// Who is told what the ledger takes.
pub(crate) trait Sink<M> {
    /// Whether the sink hears of each charge. One that does not is spared whole days that are like days before, and hears
    /// of what is charged in a segment as one sum.
    const LINES: bool;
    /// Whether the sink hears what is under way where the stay ends.
    const RUNNING: bool;
    /// What is charged on a whole day.
    type Page;
    /// A charge before caps, in the order in which they count.
    fn charge(&mut self, charge: &Charge<M>);
    /// The chargeable time of a rule has come to the end of its fixed step.
    fn left(&mut self, rule: u32, at: i64);
    /// What is under way where the stay ends.
    fn running(&mut self, running: Running);
    /// A cap cut so much more; `mark` is for the sink to find the scope again.
    fn cut(&mut self, from: CutFrom, mark: &mut u32, amount: M);
    /// So much is kept after all caps on this natural day.
    fn kept(&mut self, day: i32, amount: M);
    /// So much free time is used on this natural day.
    fn free(&mut self, day: i32, taken: i64);
    /// A whole day begins that may be like later ones.
    fn open_page(&mut self) {}
    /// It has ended, and what comes next begins at `at` or later; `None` where the sink keeps no pages.
    fn close_page(&mut self, _day: i32, _at: i64) -> Option<Self::Page> {
        None
    }
    /// So many days are behind, and so many more like them are to come.
    fn expect(&mut self, _behind: usize, _ahead: usize) {}
    /// The same is charged on a later day.
    fn add_page(&mut self, _page: &Self::Page, _later: Later) {}
}

/// What is under way where a stay ends: when a longer one may cost something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// Where the price changes next, or right after it, if nothing changes it before and caps leave something.
    pub(crate) next: i64,
    /// The rules charge nothing more up to this exit; not before the stay's own.
    pub(crate) quiet: i64,
}

/// How much later than a page's a day lies: in dates, and in time, as the clock may have been changed between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) days: i32,
    pub(crate) nanos: i64,
    /// The day.
    pub(crate) day: i32,
}

/// Keeps nothing: for totals.
pub(crate) struct NoLines;

impl<M> Sink<M> for NoLines {
    const LINES: bool = false;
    const RUNNING: bool = false;
    type Page = ();
    fn charge(&mut self, _: &Charge<M>) {}
    fn left(&mut self, _: u32, _: i64) {}
    fn running(&mut self, _: Running) {}
    fn cut(&mut self, _: CutFrom, _: &mut u32, _: M) {}
    fn kept(&mut self, _: i32, _: M) {}
    fn free(&mut self, _: i32, _: i64) {}
}

/// Keeps only what is under way where the stay ends.
pub(crate) struct AtExit(pub(crate) Option<Running>);

impl<M> Sink<M> for AtExit {
    const LINES: bool = false;
    const RUNNING: bool = true;
    type Page = ();
    fn charge(&mut self, _: &Charge<M>) {}
    fn left(&mut self, _: u32, _: i64) {}
    fn running(&mut self, running: Running) {
        self.0 = Some(running);
    }
    fn cut(&mut self, _: CutFrom, _: &mut u32, _: M) {}
    fn kept(&mut self, _: i32, _: M) {}
    fn free(&mut self, _: i32, _: i64) {}
}

/// What a cap has counted in its present scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LevelState<M> {
    scope: i32,
    sum: M,
    limit: M,
    mark: u32,
}

impl<M: Exact> LevelState<M> {
    pub(super) const NEW: Self = Self { scope: i32::MIN, sum: M::ZERO, limit: M::ZERO, mark: UNMARKED };
}

/// The most cap levels: one a scope.
pub(super) const LEVELS: usize = 6;

/// One state a cap level.
pub(super) type Levels<M> = [LevelState<M>; LEVELS];

pub(crate) struct Ledger<'a, 's, M, S> {
    tariff: &'a Tariff,
    compiled: &'a Compiled,
    scale: &'a M,
    /// The natural day of entry.
    pub(super) entry_day: i32,
    used: &'a [(Date, Used)],
    levels: &'s mut [LevelState<M>],
    /// How many of the levels have scopes of at most a day; they come first.
    inner_levels: usize,
    /// What those levels kept.
    inner: M,
    charged: M,
    first_seen: bool,
    /// `None` where no cap limits.
    first_limit: Option<M>,
    /// Charges that are kept until all are there, of tariffs that price by volume.
    waiting: Vec<Charge<M>>,
    sink: &'s mut S,
}

impl<'a, 's, M: Exact, S: Sink<M>> Ledger<'a, 's, M, S> {
    #[inline(always)]
    pub(super) fn new(task: &Task<'a, M>, levels: &'s mut [LevelState<M>], sink: &'s mut S) -> Self {
        let compiled = task.compiled;
        Self {
            tariff: task.tariff,
            compiled,
            scale: task.scale,
            entry_day: i32::MIN,
            used: task.used,
            levels,
            inner_levels: compiled.inner_levels,
            inner: M::ZERO,
            charged: M::ZERO,
            first_seen: false,
            first_limit: None,
            waiting: Vec::new(),
            sink,
        }
    }

    /// Adds what no cap looks at.
    #[inline(always)]
    pub(super) fn add(&mut self, amount: &M) -> Result<(), TooMuch> {
        self.inner = self.inner.plus(amount).ok_or(TooMuch)?;
        self.charged = self.charged.plus(amount).ok_or(TooMuch)?;
        Ok(())
    }

    /// Keeps a charge until all are there.
    #[cold]
    pub(super) fn wait(&mut self, charge: Charge<M>) {
        self.waiting.push(charge);
    }

    /// Takes a charge; `window` is the rule's cap and what it has charged in the window.
    #[inline(always)]
    pub(super) fn count(
        &mut self,
        charge: &Charge<M>,
        window: Option<(Amount, &mut WindowSum<M>)>,
    ) -> Result<(), TooMuch> {
        self.sink.charge(charge);
        let mut amount = charge.amount.clone();
        if let Some((cap, window)) = window {
            let cap = self.scale.times(cap.as_micros()).ok_or(TooMuch)?;
            let kept = keep(&mut window.sum, &cap, &amount)?;
            if S::LINES && kept != amount {
                let from = CutFrom { per: CapPer::Rule, rule: charge.rule, scope: charge.keys.window };
                self.sink.cut(from, &mut window.mark, amount.minus(&kept).ok_or(TooMuch)?);
            }
            amount = kept;
        }
        let (inner, caps) = (self.inner_levels, self.compiled.caps.len());
        if inner > 0 {
            amount = self.pass(0..inner, &charge.keys, amount)?;
        }
        self.inner = self.inner.plus(&amount).ok_or(TooMuch)?;
        if inner < caps {
            amount = self.pass(inner..caps, &charge.keys, amount)?;
        }
        self.keep(charge.keys.day, amount)
    }

    #[inline(always)]
    fn keep(&mut self, day: i32, kept: M) -> Result<(), TooMuch> {
        self.charged = self.charged.plus(&kept).ok_or(TooMuch)?;
        if S::LINES {
            self.sink.kept(day, kept);
        }
        Ok(())
    }

    /// What is left of an amount after some of the levels.
    fn pass(&mut self, levels: core::ops::Range<usize>, keys: &Keys, mut amount: M) -> Result<M, TooMuch> {
        let caps = self.compiled.caps.get(levels.clone()).unwrap_or_default();
        let states = self.levels.get_mut(levels).unwrap_or_default();
        let mut states = states.iter_mut();
        for level in caps {
            let Some(state) = states.next() else { break };
            let scope = scope(level.per, keys);
            if state.scope != scope {
                *state = open(level, scope, self.entry_day, self.tariff, self.used, self.scale)?;
            }
            let kept = keep(&mut state.sum, &state.limit, &amount)?;
            if S::LINES && kept != amount {
                let cut = amount.minus(&kept).ok_or(TooMuch)?;
                self.sink.cut(CutFrom { per: level.per, rule: NO_RULE, scope }, &mut state.mark, cut);
            }
            amount = kept;
        }
        Ok(amount)
    }

    /// What the caps of scopes of at most a day have kept so far.
    pub(super) fn inner(&self) -> &M {
        &self.inner
    }

    /// Whether the first chargeable instant has been.
    pub(super) fn first_seen(&self) -> bool {
        self.first_seen
    }

    /// Takes a day's charges that the caps of scopes of at most a day have kept.
    pub(super) fn lump(&mut self, kept: M, day: i32, rolling_7d: i32) -> Result<(), TooMuch> {
        let caps = self.compiled.caps.len();
        if self.inner_levels == caps {
            return self.keep(day, kept);
        }
        let keys = Keys { day, rolling_7d, ..Keys::default() };
        let kept = self.pass(self.inner_levels..caps, &keys, kept)?;
        self.keep(day, kept)
    }

    /// Who is told.
    pub(super) fn sink(&mut self) -> &mut S {
        self.sink
    }

    /// A day begins: what was cut in scopes that are still open lies behind.
    pub(super) fn carry_marks(&mut self) {
        self.levels.iter_mut().take(self.inner_levels).for_each(|level| carry(&mut level.mark));
    }

    /// The levels whose scopes part days, as they stand where a day begins; scopes are counted from the cursor's.
    pub(super) fn relative_levels(&self, cursor: &Cursor<'_>) -> Levels<M> {
        let keys = cursor.keys(None);
        let mut relative = [const { LevelState::NEW }; LEVELS];
        for ((slot, state), level) in relative.iter_mut().zip(self.levels.iter()).zip(self.inner_caps()) {
            if state.scope == scope(level.per, &keys) {
                *slot = LevelState { scope: 0, ..state.clone() };
            }
        }
        relative
    }

    /// The reverse of [`relative_levels`](Self::relative_levels) at the cursor.
    pub(super) fn restore_levels(&mut self, relative: &Levels<M>, cursor: &Cursor<'_>) {
        let keys = cursor.keys(None);
        let count = self.inner_levels;
        for ((state, saved), level) in
            self.levels.iter_mut().zip(relative).zip(&self.compiled.caps).take(count)
        {
            *state = saved.clone();
            if saved.scope == 0 {
                state.scope = scope(level.per, &keys);
            }
        }
    }

    fn inner_caps(&self) -> impl Iterator<Item = &CapLevel> {
        self.compiled.caps.iter().take(self.inner_levels)
    }

    /// There is chargeable time at the cursor that is not free; a minimum asks what the caps leave there.
    #[inline(always)]
    pub(super) fn chargeable(&mut self, cursor: &Cursor<'_>, has_minimum: bool) -> Result<(), TooMuch> {
        self.first_seen = true;
        if has_minimum { self.limit_first(cursor) } else { Ok(()) }
    }

    /// Notes the least that the caps leave at the cursor.
    fn limit_first(&mut self, cursor: &Cursor<'_>) -> Result<(), TooMuch> {
        let keys = cursor.keys(None);
        for level in &self.compiled.caps {
            let state =
                open(level, scope(level.per, &keys), self.entry_day, self.tariff, self.used, self.scale)?;
            let left = state.limit.minus(&state.sum).ok_or(TooMuch)?.max(M::ZERO);
            self.first_limit = Some(match self.first_limit.take() {
                Some(least) => least.min(left),
                None => left,
            });
        }
        Ok(())
    }

    pub(super) fn free(&mut self, day: i32, taken: i64) {
        self.sink.free(day, taken);
    }

    pub(super) fn running(&mut self, running: Running) {
        self.sink.running(running);
    }

    pub(super) fn left(&mut self, rule: u32, at: i64) {
        self.sink.left(rule, at);
    }

    /// Counts what was kept back, and gives the sums.
    #[inline(always)]
    pub(super) fn finish(&mut self, states: &mut [LadderState<M>]) -> Result<Found<M>, TooMuch> {
        if !self.waiting.is_empty() {
            self.count_waiting(states)?;
        }
        Ok(Found {
            charged: self.charged.clone(),
            first_chargeable: self.first_seen,
            first_limit: self.first_limit.take(),
        })
    }

    /// The states' windows have counted nothing yet where charges were kept back.
    #[cold]
    fn count_waiting(&mut self, states: &mut [LadderState<M>]) -> Result<(), TooMuch> {
        let mut waiting = core::mem::take(&mut self.waiting);
        waiting.sort_by_key(|charge| charge.at);
        for charge in &waiting {
            let cap = self.compiled.rules.get(charge.rule as usize).and_then(|rule| rule.cap);
            let state = states.get_mut(charge.rule as usize);
            self.count(charge, cap.zip(state.map(|state| state.window(charge.keys.window))))?;
        }
        Ok(())
    }
}

/// Adds a charge to a scope's sum and returns by how much the kept part changes.
#[inline(always)]
fn keep<M: Exact>(sum: &mut M, limit: &M, amount: &M) -> Result<M, TooMuch> {
    let after = sum.plus(amount).ok_or(TooMuch)?;
    let kept = (&after).min(limit).minus((&*sum).min(limit)).ok_or(TooMuch)?;
    *sum = after;
    Ok(kept)
}

pub(super) fn carry(mark: &mut u32) {
    if *mark != UNMARKED {
        *mark = CARRIED;
    }
}

fn scope(per: CapPer, keys: &Keys) -> i32 {
    match per {
        CapPer::Rule => keys.window,
        CapPer::Period => keys.period,
        CapPer::NaturalDay | CapPer::Day => keys.day,
        CapPer::Rolling24h => keys.rolling_24h,
        CapPer::Rolling7d => keys.rolling_7d,
        CapPer::Stay => 0,
    }
}

/// A scope before its first charge.
fn open<M: Exact>(
    level: &CapLevel,
    scope: i32,
    entry_day: i32,
    tariff: &Tariff,
    used: &[(Date, Used)],
    scale: &M,
) -> Result<LevelState<M>, TooMuch> {
    // A date that the zone never had is no scope.
    let days_before = |days: i32| {
        let lost = tariff.lost_days().iter().filter(|day| (entry_day..entry_day + days).contains(*day));
        days - lost.count() as i32
    };
    let number = match level.per {
        CapPer::NaturalDay | CapPer::Day => days_before(scope - entry_day),
        CapPer::Period if !tariff.document().rolling => days_before(scope),
        _ => scope,
    };
    let sum = match level.per {
        CapPer::Day => scale.times(used_on(used, scope).charged.as_micros()).ok_or(TooMuch)?,
        _ => M::ZERO,
    };
    let limit = scale.times(level.amount(number).as_micros()).ok_or(TooMuch)?;
    Ok(LevelState { scope, sum, limit, mark: UNMARKED })
}
