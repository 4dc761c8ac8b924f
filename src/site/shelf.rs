//! Versions of entities by id and instant.

use std::{collections::HashMap, sync::Arc};

use parking_types::{Id, Instant};
use smallvec::SmallVec;

use crate::hash::IdMap;

/// What stood in a slot before it was written: gives it back when a check fails.
pub(super) type Before<T> = Option<Option<Arc<T>>>;

/// The versions of one entity by the instant since which each holds; `None`: it is gone from there on.
#[derive(Debug)]
struct Versions<T>(SmallVec<[(Instant, Option<Arc<T>>); 1]>);

impl<T> Clone for Versions<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// All entities of one kind with all their versions.
#[derive(Debug)]
pub struct Shelf<T, K = Id>(IdMap<Versions<T>, K>);

impl<T, K: Clone> Clone for Shelf<T, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T, K> Default for Shelf<T, K> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T, K: Clone + Eq + core::hash::Hash + Ord> Shelf<T, K> {
    /// The version that holds at an instant.
    pub(super) fn at<Q>(&self, key: &Q, at: Instant) -> Option<&T>
    where
        K: core::borrow::Borrow<Q>,
        Q: Eq + core::hash::Hash + ?Sized,
    {
        let versions = &self.0.get(key)?.0;
        versions.iter().rev().find(|(since, _)| *since <= at)?.1.as_deref()
    }

    /// The version that holds at an instant, else the last one before it that was there.
    pub(super) fn last(&self, key: &K, at: Instant) -> Option<&T> {
        let versions = self.0.get(key)?.0.iter().rev();
        versions.filter(|(since, _)| *since <= at).find_map(|(_, value)| value.as_deref())
    }

    /// Puts a version; what held since the very same instant is replaced and given back.
    pub(super) fn put(&mut self, key: K, since: Instant, value: Option<Arc<T>>) -> Before<T> {
        let versions = &mut self.0.entry(key).or_insert_with(|| Versions(SmallVec::new())).0;
        match versions.binary_search_by_key(&since, |(since, _)| *since) {
            Ok(at) => versions.get_mut(at).map(|slot| core::mem::replace(&mut slot.1, value)),
            Err(at) => {
                versions.insert(at, (since, value));
                None
            }
        }
    }

    /// Takes a version back.
    pub(super) fn take_back(&mut self, key: &K, since: Instant, before: Before<T>) {
        let Some(versions) = self.0.get_mut(key) else { return };
        match before {
            Some(value) => {
                if let Some(slot) = versions.0.iter_mut().find(|(known, _)| *known == since) {
                    slot.1 = value;
                }
            }
            None => versions.0.retain(|(known, _)| *known != since),
        }
        if versions.0.is_empty() {
            self.0.remove(key);
        }
    }

    /// Forgets all versions of an entity.
    pub(super) fn clear(&mut self, key: &K) {
        self.0.remove(key);
    }

    /// The instants at which a version begins.
    pub(super) fn changes(&self, key: &K) -> impl Iterator<Item = Instant> + '_ {
        self.0.get(key).into_iter().flat_map(|versions| versions.0.iter().map(|(since, _)| *since))
    }

    /// All versions that ever held, with their beginnings.
    pub(super) fn versions(&self, key: &K) -> impl Iterator<Item = (Instant, &T)> + '_ {
        let versions = self.0.get(key).into_iter().flat_map(|versions| versions.0.iter());
        versions.filter_map(|(since, value)| Some((*since, value.as_deref()?)))
    }

    /// All ids, in order.
    pub(super) fn keys(&self) -> Vec<K> {
        let mut keys: Vec<K> = self.0.keys().cloned().collect();
        keys.sort_unstable();
        keys
    }

    /// How many entities there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_holds() {
        let (id, at) = (Id::new("a").unwrap(), |secs: i64| Instant::from_nanos(secs * 1_000_000_000));
        let mut shelf = Shelf::default();
        shelf.put(id, Instant::MIN, Some(Arc::new(1)));
        shelf.put(id, at(20), None);
        shelf.put(id, at(10), Some(Arc::new(2)));
        let seen: Vec<_> = [0, 10, 19, 20].map(|secs| shelf.at(&id, at(secs)).copied()).into();
        assert_eq!(seen, [Some(1), Some(2), Some(2), None]);
        let before = shelf.put(id, at(10), Some(Arc::new(3)));
        shelf.take_back(&id, at(10), before);
        let before = shelf.put(id, at(5), None);
        shelf.take_back(&id, at(5), before);
        assert_eq!((shelf.at(&id, at(7)), shelf.at(&id, at(10))), (Some(&1), Some(&2)));
    }
}
