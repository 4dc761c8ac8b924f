//! Questions to a pipeline between two records, as plain values: whoever asks may be another thread or process.

use parking_types::{Id, Instant};
use serde::{Deserialize, Serialize};
use session_core::{SessionId, Whose};

use crate::{output::asked, pipeline::Pipeline};

/// What can be asked. The answer is one JSON array, a member for whatever is known of what was asked for.
///
/// ```
/// use parkline::{ask::{Question, Subject}, pipeline::Pipeline, site::Site, stage::Stage};
/// use parking_types::{Id, Instant};
/// let pipeline = Pipeline::new(Site::parse(&[("site.json", br#"{ "format": 1 }"#)])?);
/// let question = Question::Due { at: Instant::EPOCH, of: vec![Subject::Berth(Id::new("L1-001")?)] };
/// assert_eq!(pipeline.ask(&question.to_bytes()).as_deref(), Some(&b"[]"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// What is due, of an open session if it ended at this instant.
    Due {
        /// When.
        at: Instant,
        /// Of whom.
        of: Vec<Subject>,
    },
    /// How many cars are inside gated lots.
    Inside(Vec<Id>),
    /// What is known of berths.
    Berths(Vec<Id>),
    /// Whether an action was carried out.
    Action(Id),
    /// What became of a payment, part by part.
    Payment(Id),
}

/// Whose due is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A session.
    Session(Id),
    /// Everything at a berth.
    Berth(Id),
    /// Who waits at a lane.
    Lane(Id),
    /// Who has a ticket of a lot.
    Ticket(Id, Id),
}

impl Subject {
    fn whose(self) -> Option<Whose> {
        Some(match self {
            Self::Session(id) => Whose::Session(SessionId::parse(id.as_str())?),
            Self::Berth(berth) => Whose::Berth(berth),
            Self::Lane(lane) => Whose::Lane(lane),
            Self::Ticket(lot, ticket) => Whose::Ticket(lot, ticket),
        })
    }
}

impl Question {
    /// The question as [`Stage::ask`](crate::stage::Stage::ask) takes it.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Ids and numbers cannot fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Pipeline {
    /// Answers a question; see [`Question`].
    pub fn answer(&self, question: &Question) -> Vec<u8> {
        let (core, site) = (self.core(), self.site());
        let mut out = Vec::with_capacity(256);
        out.push(b'[');
        let mut next = |write: &mut dyn FnMut(&mut Vec<u8>)| {
            if out.len() > 1 {
                out.push(b',');
            }
            write(&mut out);
        };
        match question {
            Question::Due { at, of } => {
                let mut told: Vec<SessionId> = Vec::new();
                for owed in of.iter().filter_map(|of| of.whose()).flat_map(|of| core.owed(&of, *at, site)) {
                    if !told.contains(&owed.session) {
                        told.push(owed.session);
                        next(&mut |out| asked::owed(out, &owed, *at, site));
                    }
                }
            }
            Question::Inside(lots) => {
                for (lot, inside) in lots.iter().filter_map(|lot| Some((lot, core.inside(lot)?))) {
                    next(&mut |out| asked::inside(out, lot, inside));
                }
            }
            Question::Berths(berths) => {
                for (berth, now) in berths.iter().filter_map(|berth| Some((berth, core.berth_now(berth)?))) {
                    next(&mut |out| asked::berth(out, berth, &now));
                }
            }
            Question::Action(id) => {
                if core.was_done(id) {
                    next(&mut |out| asked::action(out, id));
                }
            }
            Question::Payment(payment) => {
                for paid in core.paid(payment) {
                    next(&mut |out| asked::paid(out, payment, &paid));
                }
            }
        }
        out.push(b']');
        out
    }
}
