//! What a replay came to.

use std::{cmp::Reverse, collections::BTreeMap};

use memchr::memmem::Finder;
use parking_types::{Amount, Currency};
use session_core::{Certainty, ChargeRecord, Effect};

use crate::{output, pipeline::Counts, site::Site};

/// What a recording came to, in figures. Frames = applied + duplicate + dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Frames; ticks, outages and reference lines are none.
    pub frames: u64,
    /// Used.
    pub applied: u64,
    /// Seen before.
    pub duplicate: u64,
    /// Could not be used.
    pub dead_letters: u64,
    /// Readings that could not be used, of frames whose others were.
    pub readings_dead: u64,
    /// Sessions, without superseded ones.
    pub sessions: u64,
    /// Charges of those.
    pub charges: u64,
}

/// What the charges in one currency come to; `None`: more than an amount can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revenue {
    /// Charged.
    pub total: Option<Amount>,
    /// Of it still owed.
    pub outstanding: Option<Amount>,
}

/// What a recording came to: the last state of everything. Records become JSON when they are asked for.
#[derive(Clone, Debug)]
pub struct Report {
    site: Site,
    sessions: Vec<Effect>,
    charges: Vec<Effect>,
    alerts: Vec<Effect>,
    commands: Vec<Effect>,
    dead_letters: Vec<String>,
    /// The figures.
    pub summary: Summary,
    /// How many entries and exits are inferred.
    pub inferred_edges: u64,
    /// What the charges come to, by currency.
    pub revenue: BTreeMap<Currency, Revenue>,
}

impl Report {
    pub(super) fn new(
        site: Site,
        counts: Counts,
        sessions: Vec<Effect>,
        charges: Vec<Effect>,
        alerts: Vec<Effect>,
        commands: Vec<Effect>,
        dead_letters: Vec<String>,
    ) -> Self {
        let summary = Summary {
            frames: counts.frames(),
            applied: counts.applied,
            duplicate: counts.duplicate,
            dead_letters: counts.dead_letters,
            readings_dead: counts.readings_dead,
            sessions: sessions.len() as u64,
            charges: charges.len() as u64,
        };
        Self {
            site,
            summary,
            inferred_edges: inferred_edges(&sessions),
            revenue: revenue(&charges),
            sessions,
            charges,
            alerts,
            commands,
            dead_letters,
        }
    }

    /// Sessions without superseded ones, by entry (else exit), lot, session.
    pub fn sessions(&self) -> Lines<'_> {
        self.lines(&self.sessions)
    }

    /// Their charges, in the same order.
    pub fn charges(&self) -> Lines<'_> {
        self.lines(&self.charges)
    }

    /// Alerts, by the time they were opened, lot, id.
    pub fn alerts(&self) -> Lines<'_> {
        self.lines(&self.alerts)
    }

    /// Commands, by the time of their event, lot, id.
    pub fn commands(&self) -> Lines<'_> {
        self.lines(&self.commands)
    }

    /// Dead letters as they came, one JSON object each.
    pub fn dead_letters(&self) -> &[String] {
        &self.dead_letters
    }

    /// Up to `most` sessions and their charges whose receipts show something: first those whose kinds of lines have
    /// not been seen yet, then the longest.
    pub fn examples(&self, most: usize) -> Vec<(String, String)> {
        /// Receipts with more lines are as good as one with so many.
        const LONG: usize = 12;
        let find = Finder::new(KIND);
        let mut by_length: Vec<(Reverse<usize>, &ChargeRecord)> = Vec::new();
        let mut firsts: BTreeMap<Vec<&str>, (Reverse<usize>, usize)> = BTreeMap::new();
        let mut kinds = Vec::new();
        for effect in &self.charges {
            let Effect::Charge(charge) = effect else { continue };
            kinds.clear();
            kinds.extend(kinds_of(charge.receipt.as_deref().unwrap_or_default(), &find));
            let place = (Reverse(kinds.len().min(LONG)), by_length.len());
            by_length.push((place.0, charge));
            kinds.sort_unstable();
            kinds.dedup();
            match firsts.get_mut(kinds.as_slice()) {
                Some(first) => *first = place.min(*first),
                None if kinds.is_empty() => drop(by_length.pop()),
                None => drop(firsts.insert(kinds.clone(), place)),
            }
        }
        let mut firsts: Vec<_> = firsts.into_values().collect();
        firsts.sort_unstable();
        let mut order: Vec<usize> = (0..by_length.len()).collect();
        order.sort_by_key(|place| by_length.get(*place).map(|(length, _)| *length));
        let rest = order.into_iter().filter(|place| !firsts.iter().any(|(_, first)| first == place));
        let chosen = firsts.iter().map(|(_, place)| *place).chain(rest).take(most);
        chosen.filter_map(|place| self.with_session(by_length.get(place)?.1)).collect()
    }

    fn with_session(&self, charge: &ChargeRecord) -> Option<(String, String)> {
        let of = |effect: &&Effect| matches!(effect, Effect::Session(s) if s.session == charge.session);
        let session = self.sessions.iter().find(of)?;
        let (mut session_json, mut charge_json) = (Vec::new(), Vec::new());
        output::write(&mut session_json, session, &self.site);
        output::write(&mut charge_json, &Effect::Charge(Box::new(charge.clone())), &self.site);
        Some((text(&session_json), text(&charge_json)))
    }

    fn lines<'r>(&'r self, effects: &'r [Effect]) -> Lines<'r> {
        Lines { site: &self.site, effects: effects.iter() }
    }
}

/// Records of one kind; each becomes one JSON object when it is taken.
#[derive(Clone, Debug)]
pub struct Lines<'r> {
    site: &'r Site,
    effects: core::slice::Iter<'r, Effect>,
}

impl Lines<'_> {
    /// Takes the next record and appends its JSON to `out`; `false` where there is none.
    pub fn append_next(&mut self, out: &mut Vec<u8>) -> bool {
        self.effects.next().is_some_and(|effect| {
            output::write(out, effect, self.site);
            true
        })
    }
}

impl Iterator for Lines<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut out = Vec::with_capacity(768);
        self.append_next(&mut out).then(|| text(&out))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.effects.size_hint()
    }
}

impl ExactSizeIterator for Lines<'_> {}

fn inferred_edges(sessions: &[Effect]) -> u64 {
    let edges = sessions.iter().flat_map(|effect| match effect {
        Effect::Session(session) => [session.entry, session.exit],
        _ => [None; 2],
    });
    let edges = edges.flatten();
    edges.filter(|edge| edge.certainty == Certainty::Inferred).count() as u64
}

fn revenue(charges: &[Effect]) -> BTreeMap<Currency, Revenue> {
    let mut sums = BTreeMap::new();
    for effect in charges {
        let Effect::Charge(charge) = effect else { continue };
        let (Some(currency), Some(total)) = (charge.currency, charge.total) else { continue };
        let nothing = Revenue { total: Some(Amount::ZERO), outstanding: Some(Amount::ZERO) };
        let sum = sums.entry(currency).or_insert(nothing);
        sum.total = sum.total.and_then(|sum| sum.checked_add(total));
        sum.outstanding = sum.outstanding.and_then(|sum| sum.checked_add(charge.outstanding));
    }
    sums
}

const KIND: &str = "\"kind\":\"";

/// The kinds of a receipt's lines. Quotes within values are escaped, so this finds members only.
fn kinds_of<'r>(receipt: &'r str, find: &Finder<'_>) -> impl Iterator<Item = &'r str> {
    let members = find.find_iter(receipt.as_bytes());
    members.filter_map(|at| receipt.get(at + KIND.len()..)?.split_once('"').map(|(kind, _)| kind))
}

/// Our own JSON, which is UTF-8.
pub(super) fn text(json: &[u8]) -> String {
    simdutf8::basic::from_utf8(json).unwrap_or_default().to_owned()
}
