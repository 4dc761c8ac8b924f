//! A map whose copy costs little, however much is in it: the copy shares everything until one of the two changes it.
//!
//! A state of a million berths is written down while frames go on. Whoever writes it has a copy as of one record; the
//! owner goes on with his own, and pays for what he changes meanwhile, a page of a few entries at a time. Where nobody
//! has a copy a change costs what it does in any map.
//!
//! A look-up waits for memory twice: for the page and, as values that are not small are kept in an [`Arc`] each, for the
//! value. So a page is copied without what its values hold, and only the value that changes is copied with it.

use core::{
    fmt,
    hash::{BuildHasher, BuildHasherDefault, Hash},
    mem,
};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use crate::hash::Fnv;

/// Entries of a page, about: so many are copied at a change.
const PAGE: usize = 8;
/// Room for entries in a page itself: few pages need more.
const ROOM: usize = 16;
/// Pages of a sheet: for so many there is one pointer at a copy.
const SHEET: usize = 64;

/// Entries in no order, looked through one by one.
type Entries<K, V> = SmallVec<[(K, V); ROOM]>;
type Page<K, V> = Arc<Entries<K, V>>;
type Sheet<K, V> = Arc<Vec<Page<K, V>>>;

/// A map in pages that copies share. Its order is never looked at; it is saved in the order of its keys.
///
/// There are as many pages as the entries want, made one at a time (linear hashing), so no change moves more than a page.
///
/// ```
/// use session_core::Table;
/// let mut table: Table<u32, &str> = [(1, "one"), (2, "two")].into_iter().collect();
/// let copy = table.clone();
/// table.insert(2, "deux");
/// assert_eq!((table.get(&2), copy.get(&2)), (Some(&"deux"), Some(&"two")));
/// ```
pub struct Table<K, V, S = BuildHasherDefault<Fnv>> {
    // There is always a first one, so that looking for a page needs no failure.
    first: Page<K, V>,
    /// The others, a sheet of them at a time.
    sheets: Vec<Sheet<K, V>>,
    /// How many others there are.
    others: usize,
    len: usize,
    hasher: S,
}

impl<K, V, S> Table<K, V, S> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn pages(&self) -> impl Iterator<Item = &Page<K, V>> {
        core::iter::once(&self.first).chain(self.sheets.iter().flat_map(|sheet| sheet.iter()))
    }

    /// All entries, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.pages().flat_map(|page| page.iter()).map(|(key, value)| (key, value))
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// All entries by their keys.
    fn sorted(&self) -> Vec<(&K, &V)>
    where
        K: Ord,
    {
        let mut entries: Vec<(&K, &V)> = Vec::with_capacity(self.len);
        entries.extend(self.iter());
        entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
        entries
    }
}

/// On which of `pages` pages a hash belongs, at least one: on the one of its number in a round of 2ⁿ pages, or where the
/// round is not full yet and lacks it, in half a round.
#[inline]
fn place(hash: u64, pages: usize) -> usize {
    let hash = (hash >> 16) as usize;
    let round = pages.next_power_of_two();
    let place = hash & (round - 1);
    if place < pages { place } else { place & (round / 2 - 1) }
}

/// Where a key stands on a page.
#[inline]
fn find<K: Eq, V>(page: &[(K, V)], key: &K) -> Option<usize> {
    page.iter().position(|(known, _)| known == key)
}

impl<K: Hash + Eq, V, S: BuildHasher> Table<K, V, S> {
    #[inline]
    fn place(&self, key: &K) -> usize {
        if self.others == 0 {
            return 0;
        }
        place(self.hasher.hash_one(key), self.others + 1)
    }

    #[inline]
    fn page_at(&self, place: usize) -> &Page<K, V> {
        let other = place.wrapping_sub(1);
        self.sheets.get(other / SHEET).and_then(|sheet| sheet.get(other % SHEET)).unwrap_or(&self.first)
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &K) -> Option<&V> {
        let page = self.page_at(self.place(key));
        page.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether a key is there.
    #[inline]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Table<K, V, S> {
    #[inline]
    fn page_mut(&mut self, place: usize) -> &mut Entries<K, V> {
        let other = place.wrapping_sub(1);
        let page =
            self.sheets.get_mut(other / SHEET).and_then(|sheet| Arc::make_mut(sheet).get_mut(other % SHEET));
        Arc::make_mut(page.unwrap_or(&mut self.first))
    }

    /// The value of a key, to change it.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key);
        // A page that is shared and has not the key need not be copied.
        let at = find(self.page_at(place), key)?;
        self.page_mut(place).get_mut(at).map(|(_, value)| value)
    }

    /// Sets the value of a key and gives the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(&key) {
            return Some(mem::replace(known, value));
        }
        self.grow();
        self.len += 1;
        self.page_mut(self.place(&key)).push((key, value));
        None
    }

    /// The value of a key, to change it; where there is none it is made.
    pub fn or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let mut place = self.place(&key);
        let known = find(self.page_at(place), &key);
        if known.is_none() {
            self.grow();
            self.len += 1;
            place = self.place(&key);
        }
        let page = self.page_mut(place);
        let at = known.unwrap_or(page.len());
        if known.is_none() {
            page.push((key, make()));
        }
        &mut page[at].1
    }

    /// Takes a key out and gives its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key);
        let at = find(self.page_at(place), key)?;
        self.len -= 1;
        Some(self.page_mut(place).swap_remove(at).1)
    }

    /// Keeps the entries that fit; one may be looked at twice.
    pub fn retain(&mut self, fits: impl Fn(&K, &V) -> bool) {
        let mut len = 0;
        for place in 0..=self.others {
            if !self.page_at(place).iter().all(|(key, value)| fits(key, value)) {
                self.page_mut(place).retain(|(key, value)| fits(key, value));
            }
            len += self.page_at(place).len();
        }
        self.len = len;
    }

    /// Where the pages are full there is one more, and on it what of an earlier page belongs there from now on.
    fn grow(&mut self) {
        let pages = self.others + 1;
        if self.len < pages * PAGE {
            return;
        }
        let from = pages - (pages + 1).next_power_of_two() / 2;
        let all = mem::take(self.page_mut(from));
        let mut go = Entries::new();
        for (key, value) in all {
            let stays = place(self.hasher.hash_one(&key), pages + 1) == from;
            let to = if stays { self.page_mut(from) } else { &mut go };
            to.push((key, value));
        }
        match self.sheets.last_mut().filter(|sheet| sheet.len() < SHEET) {
            Some(sheet) => Arc::make_mut(sheet).push(Arc::new(go)),
            None => self.sheets.push(Arc::new(vec![Arc::new(go)])),
        }
        self.others += 1;
    }
}

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Table<K, Arc<V>, S> {
    /// The value of a key, to change it in place.
    #[inline]
    pub fn change(&mut self, key: &K) -> Option<&mut V> {
        self.get_mut(key).map(Arc::make_mut)
    }

    /// The value of a key, to change it in place; where there is none it is made.
    pub fn change_or_new(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        Arc::make_mut(self.or_insert_with(key, Arc::default))
    }
}

impl<K, V, S: Clone> Clone for Table<K, V, S> {
    fn clone(&self) -> Self {
        let (first, sheets, hasher) = (self.first.clone(), self.sheets.clone(), self.hasher.clone());
        Self { first, sheets, others: self.others, len: self.len, hasher }
    }
}

impl<K, V, S: Default> Default for Table<K, V, S> {
    fn default() -> Self {
        Self { first: Arc::default(), sheets: Vec::new(), others: 0, len: 0, hasher: S::default() }
    }
}

impl<K: fmt::Debug + Ord, V: fmt::Debug, S> fmt::Debug for Table<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sorted()).finish()
    }
}

impl<K: Hash + Eq, V: PartialEq, S: BuildHasher> PartialEq for Table<K, V, S> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K, V, S> FromIterator<(K, V)> for Table<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher + Default,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut table = Self::default();
        for (key, value) in entries {
            table.insert(key, value);
        }
        table
    }
}

impl<K: Ord + Serialize, V: Serialize, S> Serialize for Table<K, V, S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        self.sorted().serialize(serializer)
    }
}

impl<'de, K, V, S> Deserialize<'de> for Table<K, V, S>
where
    K: Hash + Eq + Clone + Deserialize<'de>,
    V: Clone + Deserialize<'de>,
    S: BuildHasher + Default,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<(K, V)>::deserialize(deserializer).map(|entries| entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn all(table: &Table<u16, u32>) -> BTreeMap<u16, u32> {
        table.iter().map(|(key, value)| (*key, *value)).collect()
    }

    proptest! {
        /// Beside an ordinary map, with copies taken now and then that must stay as they were.
        #[test]
        fn as_any_map_and_copies_stay(steps in prop::collection::vec((0u16..3000, 0u32..9, 0u8..12), 1..3000)) {
            let (mut table, mut map) = (Table::<u16, u32>::default(), BTreeMap::new());
            let mut copies: Vec<(Table<u16, u32>, BTreeMap<u16, u32>)> = Vec::new();
            for (key, value, what) in steps {
                match what {
                    0 if key < 100 => copies.push((table.clone(), map.clone())),
                    1 => {
                        prop_assert_eq!(table.remove(&key), map.remove(&key));
                    }
                    2 => {
                        let changed = [table.get_mut(&key), map.get_mut(&key)].map(|known| known.map(|known| {
                            *known += 1;
                            *known
                        }));
                        prop_assert_eq!(changed[0], changed[1]);
                    }
                    3 => {
                        *table.or_insert_with(key, || value) += 1;
                        *map.entry(key).or_insert(value) += 1;
                    }
                    4 if key % 100 == 0 => {
                        table.retain(|key, _| key % 7 != 0);
                        map.retain(|key, _| key % 7 != 0);
                    }
                    _ => {
                        prop_assert_eq!(table.insert(key, value), map.insert(key, value));
                    }
                }
                prop_assert_eq!(table.get(&key), map.get(&key));
                prop_assert_eq!(table.len(), map.len());
            }
            copies.push((table, map));
            for (table, map) in copies {
                prop_assert_eq!(all(&table), map.clone());
                let saved = postcard::to_allocvec(&table).unwrap();
                prop_assert_eq!(&saved, &postcard::to_allocvec(&map.into_iter().collect::<Vec<_>>()).unwrap());
                prop_assert!(postcard::from_bytes::<Table<u16, u32>>(&saved).unwrap() == table);
            }
        }
    }

    /// However much is in it, a change copies a page.
    #[test]
    fn pages_stay_small() {
        let table: Table<u32, u32> = (0..50_000).map(|n| (n * 64, n)).collect();
        let largest = table.pages().map(|page| page.len()).max();
        assert!(largest < Some(6 * PAGE), "{largest:?}");
        assert!(table.pages().count() <= 50_000 / PAGE + 1);
    }
}
