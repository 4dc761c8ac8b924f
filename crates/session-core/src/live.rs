//! The sessions in memory for other threads: whole, as they were between two steps, without waiting and without making
//! the writer wait.
//!
//! The writer shows its sessions when a step, or a batch of them, is over. What is shown shares its memory with the state
//! and never changes; a reader takes the newest and may look at it for as long as it likes. What that costs the writer is
//! a copy of what it changes next, as with a state that is being written down.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_types::{Amount, Id, Instant, Plate, PlateColor};

use crate::{
    book::Session,
    core::Core,
    effect::SessionState,
    session::{Marks, SessionId},
    table::Table,
};

/// A session as other threads see it: what its last record says, without what people did to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// The session.
    pub session: SessionId,
    /// Of its last record.
    pub revision: u64,
    /// Its state.
    pub state: SessionState,
    /// No frame can change it any more.
    pub settled: bool,
    /// The lot.
    pub lot: Id,
    /// The berth, on the roadside.
    pub berth: Option<Id>,
    /// The lane of the entry, in a gated lot.
    pub lane_in: Option<Id>,
    /// The plate.
    pub plate: Option<Plate>,
    /// Its colour.
    pub plate_color: Option<PlateColor>,
    /// Since when; unknown where nobody saw it come.
    pub entry: Option<Instant>,
    /// Until when, where it has ended.
    pub exit: Option<Instant>,
    /// What is special.
    pub marks: Marks,
    /// What it still owes.
    pub outstanding: Amount,
}

/// The sessions of a partition as of one step: all that are open, and those that have ended and have not left memory.
#[derive(Clone, Debug, Default)]
pub struct Live {
    clock: Option<Instant>,
    sessions: Table<SessionId, Arc<Session>>,
}

impl Live {
    /// The partition's clock then.
    pub const fn clock(&self) -> Option<Instant> {
        self.clock
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// One of them.
    pub fn get(&self, session: SessionId) -> Option<LiveSession> {
        self.sessions.get(&session).map(|session| seen(session))
    }

    /// All of them, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = LiveSession> {
        self.sessions.values().map(|session| seen(session))
    }

    /// Those that are open.
    pub fn open(&self) -> impl Iterator<Item = LiveSession> {
        let open = self.sessions.values().filter(|session| session.state() == SessionState::Open);
        open.map(|session| seen(session))
    }
}

fn seen(session: &Session) -> LiveSession {
    LiveSession {
        session: session.draft.id,
        revision: session.revision,
        state: session.state(),
        settled: session.settled,
        lot: session.draft.lot,
        berth: session.berth(),
        lane_in: session.fix.lane_in.or(session.draft.passage.lane_in),
        plate: session.plate(),
        plate_color: session.color(),
        entry: session.entry().map(|moment| moment.at),
        exit: session.exit().map(|moment| moment.at),
        marks: session.marks(),
        outstanding: session.outstanding,
    }
}

impl Core {
    /// The sessions in memory as they are between two steps. Costs a pointer for some five hundred of them.
    pub fn live(&self) -> Live {
        Live { clock: self.clock(), sessions: self.ledger.book.sessions.clone() }
    }
}

/// Where a partition's owner shows its sessions, and any thread looks at them; its copies are the same place.
///
/// ```
/// use session_core::{Core, LiveCell};
/// let (core, cell) = (Core::new(), LiveCell::default());
/// let elsewhere = cell.clone();
/// cell.show(core.live());
/// assert!(std::thread::spawn(move || elsewhere.look().is_empty()).join().unwrap());
/// ```
#[derive(Clone, Debug, Default)]
pub struct LiveCell(Arc<ArcSwap<Live>>);

impl LiveCell {
    /// Shows the sessions as they are now; readers that look at earlier ones keep them.
    pub fn show(&self, live: Live) {
        self.0.store(Arc::new(live));
    }

    /// The sessions that were shown last.
    pub fn look(&self) -> Arc<Live> {
        self.0.load_full()
    }
}
