//! The machine of one berth: contacts, plates, silences and people in their order, sessions out.
//!
//! ```text
//!            contact says occupied (inferred) ─┐
//!   unknown ──────────────────────────────────▶ occupied ──▶ session open
//!      │  contact says vacant                  ▲   │ change says vacant (exact)
//!      └───────────────▶ vacant ───────────────┘   │ contact says vacant (inferred)
//!                          ▲   change says occupied │ two missing (split), another plate
//!                          └────────────────────────┘
//! ```

use parking_types::{Id, Instant};
use serde::{Deserialize, Serialize};

use crate::{
    device::Entry,
    draft::{Draft, DraftState, exact, inferred_entry, inferred_exit},
    effect::{Certainty, Moment, Origin},
    event::FrameName,
    ids::Origins,
    policy::{LostPair, Policy, WhenOffline},
    session::Mark,
    statement::PlateRead,
};

mod contact;
mod person;

use contact::Contact;
pub(crate) use person::{Deed, PersonEvent};

/// One event of a berth, in the order of event time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RoadEvent<'a> {
    /// A frame of the detector that decides. `doubt`: what is missing before it may hide a departure and an arrival;
    /// `earlier`: another detector's report of the same edge, a little before.
    Contact { device: Id, entry: &'a Entry, doubt: bool, earlier: Option<(Id, &'a Entry)> },
    /// A plate was read.
    Plate { device: Id, entry: &'a Entry },
    /// All detectors are silent, the last since `since`.
    Silence { since: Instant },
    /// A person did something.
    Person(&'a PersonEvent),
}

/// The state of a berth after some events.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Roadside {
    /// What the detectors last said.
    pub(crate) occupied: Option<bool>,
    /// When they last said so.
    pub(crate) last_contact: Option<Instant>,
    /// Two or more of their frames are missing since they last said the other.
    doubt: bool,
    /// A person overruled them: their repeats say nothing until their next edge.
    overruled: bool,
    /// Everything of theirs was silent, and nothing has come since; kept to judge a vacancy without number.
    silent_since: Option<Instant>,
    /// The sessions that may still change, oldest first; only the last may be open.
    pub(crate) drafts: Vec<Draft>,
    /// The newest event.
    pub(crate) upto: Option<Instant>,
}

/// What the machine is told about the berth.
pub(crate) struct Setting<'a> {
    pub(crate) lot: Id,
    pub(crate) berth: Id,
    pub(crate) policy: &'a Policy,
    pub(crate) origins: &'a Origins<'a>,
}

impl Roadside {
    /// Takes the next event.
    pub(crate) fn apply(&mut self, event: RoadEvent<'_>, setting: &Setting<'_>) {
        match event {
            RoadEvent::Contact { device, entry, doubt, earlier } => {
                self.contact(&Contact::new(device, entry, doubt, earlier), setting);
            }
            RoadEvent::Plate { device, entry } => {
                if let Some(read) = &entry.statement.plate {
                    self.plate(device, entry, read, setting);
                }
            }
            RoadEvent::Silence { since } => self.silence(since, setting.policy),
            RoadEvent::Person(person) => self.person(person, setting),
        }
    }

    /// The detector has said the same again, at last at this instant.
    pub(crate) fn still(&mut self, at: Instant, occupied: bool) {
        self.last_contact = Some(at);
        self.upto = self.upto.max(Some(at));
        if occupied && let Some(draft) = self.open_draft() {
            draft.last_contact = draft.last_contact.max(at);
        }
    }

    /// Whether this is what the detector has just said, and the last that is known.
    pub(crate) fn says(&self, occupied: bool, at: Instant) -> bool {
        let just = (self.occupied, self.last_contact, self.upto) == (Some(occupied), Some(at), Some(at));
        just && !self.is_silent()
    }

    /// Whether its detectors were silent when last looked at.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent_since.is_some()
    }

    /// Since when the berth is known to be vacant.
    pub(crate) fn vacant_since(&self) -> Option<Instant> {
        let open = self.drafts.last().is_some_and(Draft::is_open);
        let left = self.drafts.last().and_then(|draft| draft.exit).map(|exit| exit.at);
        (self.occupied == Some(false) && !open && self.silent_since.is_none()).then_some(left).flatten()
    }

    fn open_draft(&mut self) -> Option<&mut Draft> {
        self.drafts.last_mut().filter(|draft| draft.is_open())
    }

    /// A detector says occupied or vacant, or gives a sign of life.
    fn contact(&mut self, contact: &Contact, setting: &Setting<'_>) {
        let Some(occupied) = contact.occupied else { return };
        let edge = self.occupied != Some(occupied);
        if self.overruled {
            let lost_edge = contact.change && contact.missing > 0;
            if !(edge || lost_edge) {
                self.seen(contact, occupied);
                return;
            }
            self.overruled = false;
        }
        let doubt = contact.missing >= 2 && contact.doubt && setting.policy.lost_pair == LostPair::Split;
        match (self.occupied, occupied) {
            (None, true) => {
                let entry =
                    if contact.reports_change { contact.entry(None) } else { contact.inferred_entry(None) };
                self.begin(entry, contact, setting);
            }
            (None, false) => self.end_after_silence(contact, setting),
            (Some(true), true) => {
                if contact.change && (contact.missing == 1 || doubt) {
                    // The departure was lost: this is another arrival.
                    self.end_lost(contact, setting);
                    self.begin(contact.entry(self.last_contact), contact, setting);
                    self.mark_open(Mark::FramesLost);
                } else if doubt {
                    self.end_lost(contact, setting);
                    self.begin(contact.inferred_entry(self.last_contact), contact, setting);
                } else if contact.missing >= 2 && contact.doubt {
                    self.mark_open(Mark::FramesLost);
                }
            }
            (Some(false), false) => {
                if contact.change && contact.missing > 0 {
                    // The arrival was lost: someone was here, for nobody knows how long.
                    self.begin(contact.lost_arrival(self.last_contact), contact, setting);
                    self.end(contact.exit(self.last_contact), contact, setting);
                }
            }
            (Some(true), false) => self.vacated(contact, doubt, setting),
            (Some(false), true) => {
                self.narrow_exit(contact, setting.policy);
                let entry = if contact.change {
                    contact.entry(self.last_contact)
                } else {
                    contact.inferred_entry(self.last_contact)
                };
                self.begin(entry, contact, setting);
            }
        }
        self.seen(contact, occupied);
    }

    fn seen(&mut self, contact: &Contact, occupied: bool) {
        self.doubt = self.occupied == Some(occupied) && (self.doubt || contact.missing >= 2);
        self.occupied = Some(occupied);
        self.last_contact = Some(contact.at);
        self.silent_since = None;
        if occupied && let Some(draft) = self.open_draft() {
            draft.last_contact = draft.last_contact.max(contact.at);
            if contact.suspect {
                draft.mark(Mark::ClockSuspect);
            }
        }
    }

    /// Vacant after occupied.
    fn vacated(&mut self, contact: &Contact, doubt: bool, setting: &Setting<'_>) {
        let began = contact.previous_began();
        let last = self.last_contact.unwrap_or(contact.at);
        // A detector that has seen it occupied since before the contact before leaves no doubt.
        let told = began.is_some_and(|(_, high)| high <= last);
        if doubt && !told {
            return self.end_lost(contact, setting);
        }
        if contact.missing >= 2 && contact.doubt && !told {
            self.mark_open(Mark::FramesLost);
        }
        if let Some((low, high)) = began
            && !self.join_across_flicker(high, setting.policy)
            && let Some(entry) = self.open_draft().and_then(|draft| draft.entry.as_mut())
            && overlaps(entry, low, high)
        {
            narrow(entry, low, high);
        }
        if contact.after_silence(self.silent_since) {
            let since = self.silent_since.unwrap_or(contact.at);
            return self.end(inferred_exit(since, contact.at, contact.by()), contact, setting);
        }
        self.end(contact.exit(self.last_contact), contact, setting);
    }

    /// Vacant where the state is not known: ends what a person opened or a silence left.
    fn end_after_silence(&mut self, contact: &Contact, setting: &Setting<'_>) {
        if self.open_draft().is_some() {
            self.end(contact.exit(self.last_contact), contact, setting);
        }
    }

    /// The detector, which has seen it occupied since `high` at the latest, shows that the car came within a flicker of the
    /// one before, or never left: they are one, parted by lost frames.
    fn join_across_flicker(&mut self, high: Instant, policy: &Policy) -> bool {
        let [.., before, last] = self.drafts.as_mut_slice() else { return false };
        let inferred = last.entry.filter(|entry| entry.certainty == Certainty::Inferred);
        let (Some(exit), Some(entry)) = (before.exit, inferred) else { return false };
        let came = entry.not_after.unwrap_or(entry.at).min(high);
        let one_car = last.plate.plate.is_none_or(|plate| before.plate.is_same(&plate));
        if !(has_ended(before) && last.is_open() && one_car) || came - exit.at >= policy.flicker {
            return false;
        }
        go_on(before, exit, entry, last.anchor);
        before.marks = before.marks.union(last.marks);
        before.plate.take(&last.plate);
        before.last_contact = before.last_contact.max(last.last_contact);
        self.drafts.pop();
        true
    }

    /// The departure was lost: the session ends at the contact before.
    fn end_lost(&mut self, contact: &Contact, setting: &Setting<'_>) {
        let low = self.last_contact.unwrap_or(contact.at);
        let low = self.open_draft().map_or(low, |draft| draft.last_contact.max(low));
        let exit = match contact.previous_began() {
            // A detector that tells how long it has been vacant narrows the interval.
            // Behind two missing frames it may be another car's vacancy: then it only says the latest.
            Some((began, by)) if contact.occupied == Some(true) && by >= low => {
                let low = began.filter(|_| contact.missing < 2).map_or(low, |began| began.max(low));
                inferred_exit(low, by.min(contact.at), contact.by())
            }
            _ => inferred_exit(low, contact.at, contact.by()),
        };
        self.mark_open(Mark::FramesLost);
        self.end(exit, contact, setting);
    }

    /// A detector that says since when the berth has been vacant narrows the exit that no frame reported.
    fn narrow_exit(&mut self, contact: &Contact, policy: &Policy) {
        let (Some((low, high)), Some(last)) = (contact.previous_began(), self.last_contact) else { return };
        let Some(draft) = self.drafts.last_mut().filter(|draft| has_ended(draft)) else { return };
        let doubtful = draft.doubtful_exit;
        let Some(exit) = draft.exit.as_mut().filter(|exit| exit.certainty == Certainty::Inferred) else {
            return;
        };
        // Only where the vacancy that the detector speaks of is surely the one that the first vacant contact saw.
        let sure = !self.doubt || exit.not_after.is_none_or(|first| high <= first);
        if !sure || contact.missing >= 2 && high > last || high < exit.at {
            return;
        }
        let high = exit.not_after.map_or(high, |first| first.min(high));
        exit.not_after = Some(high);
        if let Some(low) = low.filter(|low| !doubtful && *low > exit.at && *low <= high) {
            (exit.at, exit.not_before) = (low, Some(low));
        }
        let exit = *exit;
        void_if_short(draft, exit, policy);
    }

    fn mark_open(&mut self, mark: Mark) {
        if let Some(draft) = self.open_draft() {
            draft.mark(mark);
        }
    }

    /// A session begins, or goes on after a flicker.
    fn begin(&mut self, entry: Moment, contact: &Contact, setting: &Setting<'_>) {
        if self.open_draft().is_some() {
            return;
        }
        let flicker = setting.policy.flicker;
        if let Some(draft) = self.drafts.last_mut()
            && has_ended(draft)
            && let Some(exit) = draft.exit
            && entry.at - exit.at < flicker
            && !contact.same_frame
        {
            return go_on(draft, exit, entry, contact.key);
        }
        let mut draft = self.draft(entry, contact.key, setting);
        let doubt = contact.missing >= 2 && !self.tells_vacant_throughout(contact);
        if contact.missing > 0 && entry.certainty == Certainty::Inferred || doubt {
            draft.mark(Mark::FramesLost);
        }
        if contact.suspect {
            draft.mark(Mark::ClockSuspect);
        }
        if contact.offline {
            draft.mark(Mark::Backfilled);
        }
        self.push(draft);
    }

    /// An arrival whose detector has seen the berth vacant since before the contact before: no car came and went between.
    fn tells_vacant_throughout(&self, contact: &Contact) -> bool {
        let vacant_by = contact.previous_began().map(|(_, by)| by).filter(|_| contact.occupied == Some(true));
        self.occupied == Some(false)
            && vacant_by.is_some_and(|by| self.last_contact.is_some_and(|last| by <= last))
    }

    fn draft(&self, entry: Moment, key: u64, setting: &Setting<'_>) -> Draft {
        let mut draft = Draft::new(setting.origins.id(key, entry.at), key, setting.lot, entry.at);
        draft.berth = Some(setting.berth);
        draft.entry = Some(entry);
        draft
    }

    /// Most berths have one session in mind: there is room for four only when there is a second.
    fn push(&mut self, draft: Draft) {
        if self.drafts.capacity() == 0 {
            self.drafts.reserve_exact(1);
        }
        self.drafts.push(draft);
    }

    /// The open session ends.
    fn end(&mut self, mut exit: Moment, contact: &Contact, setting: &Setting<'_>) {
        let Some(draft) = self.open_draft() else { return };
        if let Some(entry) = draft.entry.filter(|entry| entry.at > exit.at) {
            exit.at = entry.at;
            if exit.certainty == Certainty::Inferred {
                exit.not_before = Some(exit.at);
                exit.not_after = exit.not_after.map(|after| after.max(exit.at));
            }
        }
        draft.doubtful_exit = contact.missing >= 2;
        if exit.certainty == Certainty::Inferred && contact.missing > 0 {
            draft.mark(Mark::FramesLost);
        }
        if contact.suspect {
            draft.mark(Mark::ClockSuspect);
        }
        if contact.offline {
            draft.mark(Mark::Backfilled);
        }
        close(draft, exit, setting.policy);
    }

    /// A camera read a plate on the berth.
    fn plate(&mut self, device: Id, entry: &Entry, read: &PlateRead, setting: &Setting<'_>) {
        let (Some(plate), Some(draft)) = (read.plate, self.open_draft()) else { return };
        if draft.plate.is_same(&plate) {
            draft.plate.read(read, entry.at);
            draft.last_contact = draft.last_contact.max(entry.at);
            return;
        }
        // A flicker between the two plates was a departure and an arrival after all.
        if let Some((exit, arrival, key)) = draft.flicker.as_deref().copied()
            && draft.plate.read_at.is_none_or(|read| read <= exit.at)
        {
            close(draft, exit, setting.policy);
            draft.flicker = None;
            let mut next = self.draft(arrival, key, setting);
            next.plate.read(read, entry.at);
            next.last_contact = entry.at;
            self.push(next);
            return;
        }
        // Another plate without a vacancy between: the first car has left unseen.
        let by = exact(entry.at, device, entry.name, entry.received_at);
        let last = draft.last_contact.min(entry.at);
        close(draft, inferred_exit(last, entry.at, by), setting.policy);
        let mut next = self.draft(inferred_entry(Some(last), entry.at, by), entry.key, setting);
        next.plate.read(read, entry.at);
        self.push(next);
    }

    /// No detector of the berth is in contact any more.
    fn silence(&mut self, since: Instant, policy: &Policy) {
        self.silent_since = Some(since);
        let Some(draft) = self.open_draft() else { return };
        if draft.last_contact > since && draft.plate.read_at.is_some_and(|at| at > since) {
            return;
        }
        draft.mark(Mark::ContactLost);
        if policy.when_offline == WhenOffline::Close {
            let last = draft.last_contact;
            let by = draft.entry.unwrap_or(Moment {
                at: last,
                certainty: Certainty::Inferred,
                not_before: None,
                not_after: None,
                device: None,
                frame: FrameName::default(),
                received_at: last,
            });
            draft.exit = Some(inferred_exit(last, last, by));
            draft.state = DraftState::Exception;
            self.occupied = None;
        }
    }
}

/// Whether the car has left, however short it was there.
fn has_ended(draft: &Draft) -> bool {
    draft.state == DraftState::Closed || draft.marks.contains(Mark::TooShort)
}

/// What ended at `exit` goes on after a flicker.
fn go_on(draft: &mut Draft, exit: Moment, entry: Moment, key: u64) {
    draft.state = DraftState::Open;
    draft.marks.remove(Mark::TooShort);
    draft.flicker = Some(Box::new((exit, entry, key)));
    draft.exit = None;
    draft.publish_from = None;
}

/// Closes a draft; it is published as closed when `flicker` has passed since an exact vacancy, else at once.
fn close(draft: &mut Draft, exit: Moment, policy: &Policy) {
    draft.exit = Some(exit);
    draft.state = DraftState::Closed;
    draft.publish_from = (exit.certainty == Certainty::Exact).then(|| exit.at + policy.flicker);
    void_if_short(draft, exit, policy);
}

/// Without a plate, and too short even at its longest: nobody has parked.
fn void_if_short(draft: &mut Draft, exit: Moment, policy: &Policy) {
    let longest = draft.entry.and_then(|entry| match entry.certainty {
        Certainty::Inferred => Some(exit.not_after.unwrap_or(exit.at) - entry.not_before?),
        _ => Some(exit.not_after.unwrap_or(exit.at) - entry.at),
    });
    if draft.plate.plate.is_none()
        && draft.origin == Origin::Device
        && longest.is_some_and(|span| span < policy.min_stay)
    {
        draft.state = DraftState::Void;
        draft.mark(Mark::TooShort);
    }
}

/// Whether an entry may have been in `[low, high]`.
fn overlaps(entry: &Moment, low: Option<Instant>, high: Instant) -> bool {
    let (from, to) = match entry.certainty {
        Certainty::Inferred => {
            (entry.not_before.unwrap_or(Instant::MIN), entry.not_after.unwrap_or(entry.at))
        }
        _ => (entry.at, entry.at),
    };
    from <= high && low.is_none_or(|low| low <= to)
}

/// Narrows an inferred entry to `[low, high]`.
fn narrow(entry: &mut Moment, low: Option<Instant>, high: Instant) {
    if entry.certainty != Certainty::Inferred {
        return;
    }
    let to = entry.not_after.unwrap_or(entry.at).min(high);
    let from = match (entry.not_before, low) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    };
    entry.not_before = from.map(|from| from.min(to));
    entry.not_after = Some(to);
    entry.at = to;
}
