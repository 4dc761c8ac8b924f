//! The whole state as bytes, and back.

use crate::core::Core;

/// The version of the state's layout. Another version is not restored but derived from the log again.
pub const STATE_VERSION: u32 = 9;

impl Core {
    /// The whole state, deterministically: equal states give equal bytes.
    pub fn save(&self) -> Vec<u8> {
        let mut saved = Vec::new();
        self.clone().save_to(&mut saved);
        saved
    }

    /// The same, at the end of `out`. A copy is quickly made and shares nearly all with the core that goes on, so it may
    /// be written down by another thread.
    pub fn save_to(mut self, out: &mut Vec<u8>) {
        self.wake_all();
        // Field by field, as all of them would be written: what is written is let go, so that its owner no longer has to
        // copy what he changes of it.
        let Self {
            clock,
            outages,
            devices,
            calms: _,
            berths,
            lots,
            ledger,
            actions,
            timers,
            alerts,
            commands,
            effects: _,
            silent,
            displays,
            fallback,
            swept,
        } = self;
        put(clock, out);
        put(outages, out);
        put(devices, out);
        put(berths, out);
        put(lots, out);
        put(ledger, out);
        put(actions, out);
        put(timers, out);
        put(alerts, out);
        put(commands, out);
        put(silent, out);
        put(displays, out);
        put(fallback, out);
        put(swept, out);
    }

    /// Takes back what [`save`](Self::save) gave in the same [`STATE_VERSION`]; `None` where it cannot be read.
    pub fn restore(saved: &[u8]) -> Option<Self> {
        postcard::from_bytes(saved).ok()
    }
}

/// Appends a value, and drops it.
fn put(value: impl serde::Serialize, out: &mut Vec<u8>) {
    let before = core::mem::take(out);
    *out = postcard::to_extend(&value, before).unwrap_or_default();
}

/// Maps in the order of their keys, whatever order they hold them in.
pub(crate) mod sorted {
    use core::hash::Hash;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::hash::Map;

    pub(crate) fn serialize<K, V, S>(map: &Map<K, V>, serializer: S) -> Result<S::Ok, S::Error>
    where
        K: Ord + Serialize,
        V: Serialize,
        S: Serializer,
    {
        let mut entries: Vec<(&K, &V)> = map.iter().collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
        entries.serialize(serializer)
    }

    pub(crate) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<Map<K, V>, D::Error>
    where
        K: Eq + Hash + Deserialize<'de>,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::<(K, V)>::deserialize(deserializer).map(|entries| entries.into_iter().collect())
    }
}
