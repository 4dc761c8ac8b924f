//! Where sessions lie that have left memory: plain keys and values, and what a step may need of them.
//!
//! A step asks for them as it asks for prices ([`World`](crate::World)): what it may ask is one of [`Need`], the store
//! brings it, and the answer depends on nothing but what earlier steps have put there. So a step stays a pure function
//! of its input, whether or not sessions leave.

use core::ops::{Bound, ControlFlow};
use std::collections::BTreeMap;

use parking_types::{Id, Instant};

use crate::{
    book::{HistoryKey, PaymentKey},
    session::SessionId,
};

/// Takes a key and its value, and says whether it wants the next.
pub type Each<'e> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'e;

/// Appends what a store had changed as of one step to what it is given.
pub type StoreCut = Box<dyn FnOnce(&mut Vec<u8>) + Send>;

/// Keys and values, in the order of the keys' bytes.
///
/// A session is either in memory or here. Who saves a core saves its store with it: the two are one state.
pub trait Store: Send {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;

    /// Gives the pairs of `[from, to)` in order, until `each` breaks off.
    fn range(&self, from: &[u8], to: &[u8], each: &mut Each<'_>);

    /// Keeps a value; it replaces the one that the key has had.
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>);

    /// Forgets a key, which need not be there.
    fn remove(&mut self, key: &[u8]);

    /// What has changed since the last [`settle`](Self::settle): it is saved with the core's state, so that the two are
    /// durable together. A store that ends with the process has nothing to say.
    fn changes(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Bytes that these changes take in memory, about.
    fn unsaved(&self) -> usize {
        0
    }

    /// The same as they are now, for another thread to write down while the store goes on.
    fn cut(&mut self) -> StoreCut {
        let changes = self.changes();
        Box::new(move |out| out.extend_from_slice(&changes))
    }

    /// A state that was saved with what was [cut](Self::cut) last is durable: these changes can be made for good.
    fn settle(&mut self) {}

    /// Goes on as it was when a state was saved with these changes. `false`: it cannot, and begins empty, as a store does
    /// that is not told to go on.
    fn resume(&mut self, _changes: &[u8]) -> bool {
        true
    }

    /// `false`: it could not be read or written, so the last steps must not be believed.
    fn is_sound(&self) -> bool {
        true
    }
}

/// A store in memory: for tests, and where another place than the core's own maps is wanted for what has ended.
///
/// ```
/// use session_core::{MemoryStore, Store};
/// let mut store = MemoryStore::default();
/// store.put(b"a".to_vec(), b"1".to_vec());
/// assert_eq!(store.get(b"a"), Some(b"1".to_vec()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStore(BTreeMap<Vec<u8>, Vec<u8>>);

impl MemoryStore {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing has left memory.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.get(key).cloned()
    }

    fn range(&self, from: &[u8], to: &[u8], each: &mut Each<'_>) {
        if from >= to {
            return;
        }
        for (key, value) in self.0.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))) {
            if each(key, value).is_break() {
                return;
            }
        }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.insert(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

/// What a step may need of a store; the first byte of a key says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Need {
    /// A session, by its id.
    Session = 1,
    /// The session that has owed longest at a berth or in a lot, of any car, a plate or a ticket.
    Owing = 2,
    /// What has stood on a berth.
    OnBerth = 3,
    /// What has ended since an instant.
    EndedSince = 4,
    /// What a plate has used, by the stays of it that have ended since an instant.
    PlateStays = 5,
    /// The latest known colour of a plate.
    PlateColor = 6,
    /// The cars of a pass that have left since an instant.
    PassMates = 7,
    /// The session that a payment belongs to.
    Payment = 8,
    /// What an action's id stood for.
    Action = 9,
}

impl Need {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Session,
        Self::Owing,
        Self::OnBerth,
        Self::EndedSince,
        Self::PlateStays,
        Self::PlateColor,
        Self::PassMates,
        Self::Payment,
        Self::Action,
    ];

    /// The need that a key answers.
    pub fn of_key(key: &[u8]) -> Option<Self> {
        let first = key.first()?;
        Self::ALL.into_iter().find(|need| *need as u8 == *first)
    }
}

/// Who is looked for among those that owe.
#[derive(Clone, Copy)]
pub(crate) enum Who<'a> {
    Anyone,
    Plate(&'a str),
    Ticket(Id),
}

/// A key in the making. Every part ends where the next begins, so that a key's beginnings are prefixes of ranges.
pub(crate) struct Key(Vec<u8>);

impl Key {
    fn new(need: Need) -> Self {
        let mut bytes = Vec::with_capacity(80);
        bytes.push(need as u8);
        Self(bytes)
    }

    fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self.byte(0)
    }

    fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// In the order of time.
    pub(crate) fn instant(mut self, at: Instant) -> Self {
        self.0.extend_from_slice(&(at.as_nanos() as u64 ^ 1 << 63).to_be_bytes());
        self
    }

    pub(crate) fn id(mut self, id: SessionId) -> Self {
        self.0.extend_from_slice(&id.to_bytes());
        self
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }

    /// The keys that begin so, from the one that goes on with `since` on.
    pub(crate) fn since(self, since: Instant) -> (Vec<u8>, Vec<u8>) {
        let to = self.after();
        (self.instant(since).0, to)
    }

    /// All keys that begin so.
    pub(crate) fn all(self) -> (Vec<u8>, Vec<u8>) {
        let to = self.after();
        (self.0, to)
    }

    /// The first key that no longer begins so.
    fn after(&self) -> Vec<u8> {
        let mut to = self.0.clone();
        // A prefix ends with its need or a zero: there is always a next byte.
        if let Some(last) = to.last_mut() {
            *last += 1;
        }
        to
    }

    pub(crate) fn session(id: SessionId) -> Self {
        Self::new(Need::Session).id(id)
    }

    pub(crate) fn owing(place: &Id, who: Who<'_>) -> Self {
        let key = Self::new(Need::Owing).text(place.as_str());
        match who {
            Who::Anyone => key.text(""),
            Who::Plate(plate) => key.byte(b'p').text(plate),
            Who::Ticket(ticket) => key.byte(b't').text(ticket.as_str()),
        }
    }

    pub(crate) fn on_berth(berth: &Id) -> Self {
        Self::new(Need::OnBerth).text(berth.as_str())
    }

    pub(crate) fn ended() -> Self {
        Self::new(Need::EndedSince)
    }

    pub(crate) fn stays((group, plate, color): &HistoryKey) -> Self {
        let color = color.map_or(0, |color| color as u8 + 1);
        Self::new(Need::PlateStays).text(group.as_str()).text(plate.as_str()).byte(color).byte(0)
    }

    pub(crate) fn color(group: &Id, plate: &parking_types::Plate) -> Self {
        Self::new(Need::PlateColor).text(group.as_str()).text(plate.as_str())
    }

    pub(crate) fn mates(pass: &Id) -> Self {
        Self::new(Need::PassMates).text(pass.as_str())
    }

    pub(crate) fn payment((payment, part): &PaymentKey) -> Self {
        let key = Self::new(Need::Payment).text(payment.as_str());
        match part {
            Some(part) => key.byte(1).text(part),
            None => key,
        }
    }

    pub(crate) fn action(id: &Id) -> Self {
        Self::new(Need::Action).text(id.as_str())
    }
}

/// The session that a key of a look-up ends with.
pub(crate) fn session_of(key: &[u8]) -> Option<SessionId> {
    key.last_chunk().map(|bytes| SessionId::from_bytes(*bytes))
}

/// The instant that stands before it.
pub(crate) fn instant_of(key: &[u8]) -> Option<Instant> {
    let at = key.len().checked_sub(24)?;
    let bytes = key.get(at..)?.first_chunk()?;
    Some(Instant::from_nanos((u64::from_be_bytes(*bytes) ^ 1 << 63) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_in_order_and_prefixes_do_not_run_into_each_other() {
        let id = Id::from_ascii;
        let at = |nanos| Instant::from_nanos(nanos);
        let key = |berth: &[u8], nanos| {
            Key::on_berth(&id(berth)).instant(at(nanos)).id(SessionId::new(1, 2)).done()
        };
        let mut store = MemoryStore::default();
        for (berth, nanos) in [(b"B1".as_slice(), -5), (b"B1", 7), (b"B1", i64::MAX), (b"B10", 1), (b"B2", 1)]
        {
            store.put(key(berth, nanos), Vec::new());
        }
        let found = |(from, to): (Vec<u8>, Vec<u8>)| {
            let mut keys = Vec::new();
            store.range(&from, &to, &mut |key, _| {
                keys.push(key.to_vec());
                ControlFlow::Continue(())
            });
            keys
        };
        assert_eq!(
            found(Key::on_berth(&id(b"B1")).all()),
            [key(b"B1", -5), key(b"B1", 7), key(b"B1", i64::MAX)]
        );
        assert_eq!(found(Key::on_berth(&id(b"B1")).since(at(0))), [key(b"B1", 7), key(b"B1", i64::MAX)]);
        assert_eq!(session_of(&key(b"B1", 7)), Some(SessionId::new(1, 2)));
        assert_eq!(Need::of_key(&key(b"B1", 7)), Some(Need::OnBerth));
    }
}
