//! Ids after deriving again: given once and kept.

use crate::{draft::Draft, gated::Gated, session::SessionId};

/// What deriving again has changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Drafts that are new or other than before.
    pub(crate) changed: Vec<Draft>,
    /// Ids that no draft has any more, and the one that has their time now.
    pub(crate) gone: Vec<(SessionId, Option<SessionId>)>,
    /// Where sessions were split, joined or moved: all ids concerned, for the payments.
    pub(crate) touched: Vec<SessionId>,
}

/// Drafts by id.
struct ById<'d>(Vec<&'d Draft>);

impl<'d> ById<'d> {
    fn new(drafts: &[&'d Draft]) -> Self {
        let mut drafts = drafts.to_vec();
        drafts.sort_unstable_by_key(|draft| draft.id);
        Self(drafts)
    }

    fn get(&self, id: SessionId) -> Option<&'d Draft> {
        let at = self.0.binary_search_by_key(&id, |draft| draft.id).ok()?;
        self.0.get(at).copied()
    }
}

/// The pairs (id to be replaced, id that is kept): a draft that lost the event it was named after keeps its id where
/// one that is new has its time.
fn inherited(
    before: &[&Draft],
    after: &[&Draft],
    alike: impl Fn(&Draft, &Draft) -> bool,
) -> Vec<(SessionId, SessionId)> {
    let (known, stays) = (ById::new(before), ById::new(after));
    let mut gone: Vec<&Draft> =
        before.iter().filter(|draft| stays.get(draft.id).is_none()).copied().collect();
    let new: Vec<&Draft> = after.iter().filter(|draft| known.get(draft.id).is_none()).copied().collect();
    let mut pairs: Vec<(SessionId, SessionId)> = Vec::new();
    // Those that surely share time first, then those that may.
    for widely in [false, true] {
        for new in &new {
            if gone.is_empty() || pairs.iter().any(|(id, _)| *id == new.id) {
                continue;
            }
            // The part with the earlier entry keeps the id.
            if let Some(at) = gone.iter().position(|old| old.overlaps(new, widely) && alike(old, new)) {
                pairs.push((new.id, gone.remove(at).id));
            }
        }
    }
    pairs
}

fn changes(before: &[&Draft], after: &[&Draft], alike: impl Fn(&Draft, &Draft) -> bool) -> Changes {
    let mut changes = Changes::default();
    let (known, stays) = (ById::new(before), ById::new(after));
    for new in after {
        if known.get(new.id).is_none_or(|old| old != *new) {
            changes.changed.push((*new).clone());
            changes.touched.push(new.id);
        }
    }
    for old in before.iter().filter(|old| stays.get(old.id).is_none()) {
        let with =
            |widely| after.iter().find(|new| old.overlaps(new, widely) && alike(old, new)).map(|new| new.id);
        let stands = with(false).or_else(|| with(true));
        changes.gone.push((old.id, stands));
        changes.touched.extend([Some(old.id), stands].into_iter().flatten());
    }
    changes.touched.sort_unstable();
    changes.touched.dedup();
    changes
}

/// Gives a berth's new drafts their old ids and says what has changed.
pub(crate) fn roadside(before: &[Draft], after: &mut [Draft]) -> Changes {
    let old: Vec<&Draft> = before.iter().collect();
    let pairs = inherited(&old, &after.iter().collect::<Vec<_>>(), |_, _| true);
    for (new, kept) in pairs {
        for draft in after.iter_mut().filter(|draft| draft.id == new) {
            draft.id = kept;
        }
    }
    changes(&old, &after.iter().collect::<Vec<_>>(), |_, _| true)
}

/// Gives a lot's new drafts their old ids and says what has changed.
pub(crate) fn gated(before: &Gated, after: &mut Gated) -> Changes {
    let alike = |a: &Draft, b: &Draft| match (&a.plate.plate, &b.plate.plate) {
        (Some(a), Some(b)) => a.resembles(b),
        (a, b) => a == b,
    };
    let old = in_order(before);
    let pairs = inherited(&old, &in_order(after), alike);
    for (new, kept) in pairs {
        after.rename(new, kept);
    }
    changes(&old, &in_order(after), alike)
}

/// A lot's drafts in the order of their ids.
fn in_order(state: &Gated) -> Vec<&Draft> {
    let mut drafts: Vec<&Draft> = state.drafts.values().map(Box::as_ref).collect();
    drafts.sort_unstable_by_key(|draft| draft.id);
    drafts
}
