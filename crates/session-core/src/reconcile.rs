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

/// The pairs (id to be replaced, id that is kept): a draft that lost the event it was named after keeps its id where
/// one that is new has its time.
fn inherited(
    before: &[&Draft],
    after: &[&Draft],
    alike: impl Fn(&Draft, &Draft) -> bool,
) -> Vec<(SessionId, SessionId)> {
    let is_new = |draft: &&&Draft| !before.iter().any(|old| old.id == draft.id);
    let is_gone = |draft: &&&Draft| !after.iter().any(|new| new.id == draft.id);
    let mut gone: Vec<&Draft> = before.iter().filter(is_gone).copied().collect();
    let mut pairs: Vec<(SessionId, SessionId)> = Vec::new();
    // Those that surely share time first, then those that may.
    for widely in [false, true] {
        for new in after.iter().filter(is_new) {
            if pairs.iter().any(|(id, _)| *id == new.id) {
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
    for new in after {
        let old = before.iter().find(|old| old.id == new.id);
        if old.is_none_or(|old| *old != *new) {
            changes.changed.push((*new).clone());
            changes.touched.push(new.id);
        }
    }
    for old in before.iter().filter(|old| !after.iter().any(|new| new.id == old.id)) {
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
    let old: Vec<&Draft> = before.drafts.values().collect();
    let pairs = inherited(&old, &after.drafts.values().collect::<Vec<_>>(), alike);
    for (new, kept) in pairs {
        after.rename(new, kept);
    }
    changes(&old, &after.drafts.values().collect::<Vec<_>>(), alike)
}
