//! A sorted set whose copy costs little, as that of a [`Table`](crate::Table): the copy shares everything until one of
//! the two changes it.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of a run at most, about: so many are moved or copied at a change, and there is a pointer a run at a copy.
const RUN_BYTES: usize = 2048;

/// A sorted set in runs that copies share. No run is empty but an only one, whose room is kept.
#[derive(Clone, Debug)]
pub(crate) struct Ordered<T> {
    runs: Vec<Arc<Vec<T>>>,
}

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self { runs: Vec::new() }
    }
}

impl<T: Ord + Clone> Ordered<T> {
    /// Entries of a run at most.
    const RUN: usize = RUN_BYTES / if size_of::<T>() > 16 { size_of::<T>() } else { 16 };

    pub(crate) fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.runs.iter().flat_map(|run| run.iter())
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.runs.first()?.first()
    }

    /// Those from `from` on.
    pub(crate) fn since<'s>(&'s self, from: &'s T) -> impl Iterator<Item = &'s T> {
        let at = self.run_of(from);
        let runs = self.runs.get(at..).unwrap_or_default();
        runs.iter().flat_map(|run| run.iter()).skip_while(move |entry| *entry < from)
    }

    /// The run that has an entry, or would: the last that begins with it or before, else the first.
    fn run_of(&self, entry: &T) -> usize {
        self.runs.partition_point(|run| run.first() <= Some(entry)).saturating_sub(1)
    }

    /// Puts an entry in; `false`: it was there.
    pub(crate) fn insert(&mut self, entry: T) -> bool {
        let at = self.run_of(&entry);
        let Some(run) = self.runs.get_mut(at) else {
            self.runs.push(Arc::new(vec![entry]));
            return true;
        };
        let Err(place) = run.binary_search(&entry) else { return false };
        let run = Arc::make_mut(run);
        run.insert(place, entry);
        if run.len() > Self::RUN {
            // What only grows at its end leaves full runs behind.
            let keep = if place + 1 == run.len() { Self::RUN } else { Self::RUN / 2 };
            let rest = run.split_off(keep);
            self.runs.insert(at + 1, Arc::new(rest));
        }
        true
    }

    /// Takes an entry out; `false`: it was not there.
    pub(crate) fn remove(&mut self, entry: &T) -> bool {
        let at = self.run_of(entry);
        let Some(run) = self.runs.get_mut(at) else { return false };
        let Ok(place) = run.binary_search(entry) else { return false };
        Arc::make_mut(run).remove(place);
        if run.is_empty() && self.runs.len() > 1 {
            self.runs.remove(at);
        }
        true
    }
}

impl<T: Ord + Clone> FromIterator<T> for Ordered<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let mut set = Self::default();
        for entry in entries {
            set.insert(entry);
        }
        set
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all: Vec<&T> = self.runs.iter().flat_map(|run| run.iter()).collect();
        all.serialize(serializer)
    }
}

impl<'de, T: Ord + Clone + Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|all| all.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Beside the standard library's, with copies that must stay as they were.
        #[test]
        fn as_any_sorted_set_and_copies_stay(steps in prop::collection::vec((0u16..2000, 0u8..9), 1..4000)) {
            let (mut own, mut set) = (Ordered::default(), BTreeSet::new());
            let mut copies = Vec::new();
            for (entry, what) in steps {
                match what {
                    0 if entry < 40 => copies.push((own.clone(), set.clone())),
                    1 | 2 => prop_assert_eq!(own.remove(&entry), set.remove(&entry)),
                    3 => {
                        let since: Vec<u16> = own.since(&entry).copied().collect();
                        prop_assert_eq!(since, set.range(entry..).copied().collect::<Vec<_>>());
                    }
                    _ => prop_assert_eq!(own.insert(entry), set.insert(entry)),
                }
                prop_assert_eq!((own.first(), own.is_empty()), (set.first(), set.is_empty()));
            }
            copies.push((own, set));
            for (own, set) in copies {
                prop_assert!(own.iter().eq(set.iter()));
                prop_assert!(own.runs.len() < 2 || own.runs.iter().all(|run| (1..=Ordered::<u16>::RUN).contains(&run.len())));
                let saved = postcard::to_allocvec(&own).unwrap();
                prop_assert_eq!(&saved, &postcard::to_allocvec(&set).unwrap());
                prop_assert!(postcard::from_bytes::<Ordered<u16>>(&saved).unwrap().iter().eq(own.iter()));
            }
        }
    }
}
