//! A sorted set that mostly has one entry, which then takes no room of its own.

use std::collections::{BTreeSet, btree_set};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Saved as any sorted set.
#[derive(Clone, Debug)]
pub(crate) enum Few<T> {
    One(T),
    /// None or several.
    Many(BTreeSet<T>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Many(BTreeSet::new())
    }
}

impl<T: Ord> Few<T> {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Many(set) if set.is_empty())
    }

    pub(crate) fn insert(&mut self, entry: T) {
        *self = match core::mem::take(self) {
            Self::Many(set) if set.is_empty() => Self::One(entry),
            Self::One(known) if known == entry => Self::One(known),
            Self::One(known) => Self::Many([known, entry].into()),
            Self::Many(mut set) => {
                set.insert(entry);
                Self::Many(set)
            }
        };
    }

    pub(crate) fn remove(&mut self, entry: &T) {
        match self {
            Self::One(known) if known == entry => *self = Self::default(),
            Self::One(_) => {}
            Self::Many(set) => drop(set.remove(entry)),
        }
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let (one, many) = match self {
            Self::One(entry) => (Some(entry), btree_set::Iter::default()),
            Self::Many(set) => (None, set.iter()),
        };
        one.into_iter().chain(many)
    }
}

impl<T: Ord + Serialize> Serialize for Few<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(entry) => [entry].as_slice().serialize(serializer),
            Self::Many(set) => set.serialize(serializer),
        }
    }
}

impl<'de, T: Ord + Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut few = Self::default();
        Vec::deserialize(deserializer)?.into_iter().for_each(|entry| few.insert(entry));
        Ok(few)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Beside the standard library's.
        #[test]
        fn as_any_sorted_set(steps in prop::collection::vec((0u8..4, any::<bool>()), 0..30)) {
            let (mut few, mut set) = (Few::default(), BTreeSet::new());
            for (entry, comes) in steps {
                if comes {
                    few.insert(entry);
                    set.insert(entry);
                } else {
                    few.remove(&entry);
                    set.remove(&entry);
                }
                prop_assert!(few.iter().eq(set.iter()));
                prop_assert_eq!(few.is_empty(), set.is_empty());
                let saved = postcard::to_allocvec(&few).unwrap();
                prop_assert_eq!(&saved, &postcard::to_allocvec(&set).unwrap());
                prop_assert!(postcard::from_bytes::<Few<u8>>(&saved).unwrap().iter().eq(set.iter()));
            }
        }
    }
}
