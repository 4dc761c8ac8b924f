//! Writing JSON: compact, members in the order in which they are written.

pub(crate) use parking_types::append_json_string as string;
use parking_types::{Id, Instant, Text, Zone};
use session_core::{Actor, FrameName};

/// Bytes as lower-case hex.
pub(crate) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| DIGITS.get(usize::from(n & 15)).copied().unwrap_or(b'0');
    out.extend(bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]));
}

/// A member's name as it is written, after a comma; see [`key!`].
#[derive(Clone, Copy)]
pub(super) struct Key(pub(super) &'static str);

/// The [`Key`] of a name that needs no escapes, put together by the compiler so that it is written in one piece.
macro_rules! key {
    ($name:literal) => {
        $crate::output::json::Key(concat!(",\"", $name, "\":"))
    };
}
pub(super) use key;

/// An object that is being written. Whoever opens it closes it.
pub(super) struct Object<'o> {
    pub(super) out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    pub(super) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    /// A published record: its version first.
    pub(super) fn record(out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"v\":1");
        Self { out, first: false }
    }

    pub(super) fn close(self) {
        self.out.push(b'}');
    }

    /// The name of the next member.
    pub(super) fn key(&mut self, Key(name): Key) -> &mut Vec<u8> {
        let name = if core::mem::take(&mut self.first) { name.get(1..).unwrap_or_default() } else { name };
        self.out.extend_from_slice(name.as_bytes());
        self.out
    }

    /// Members as they stand, without the braces around them; nothing where there are none.
    pub(super) fn members(&mut self, json: &str) {
        let json = json.strip_prefix(',').unwrap_or(json);
        if !json.is_empty() {
            if !core::mem::take(&mut self.first) {
                self.out.push(b',');
            }
            self.out.extend_from_slice(json.as_bytes());
        }
    }

    pub(super) fn text(&mut self, name: Key, value: &str) {
        string(self.key(name), value);
    }

    /// A value whose text needs no escapes.
    pub(super) fn plain(&mut self, name: Key, value: impl Text) {
        let out = self.key(name);
        out.push(b'"');
        value.append_to(out);
        out.push(b'"');
    }

    pub(super) fn number(&mut self, name: Key, value: impl Text) {
        value.append_to(self.key(name));
    }

    pub(super) fn flag(&mut self, name: Key, value: bool) {
        self.key(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A member that is absent when it is not known.
    pub(super) fn maybe(&mut self, name: Key, value: Option<impl Text>) {
        if let Some(value) = value {
            self.plain(name, value);
        }
    }

    /// JSON as it stands.
    pub(super) fn raw(&mut self, name: Key, json: &[u8]) {
        self.key(name).extend_from_slice(json);
    }

    pub(super) fn instant(&mut self, name: Key, at: Instant, zone: Option<&Zone>) {
        self.plain(name, at.at_offset(zone.map_or(0, |zone| zone.offset_secs(at))));
    }

    /// An array, item by item.
    pub(super) fn list<T>(
        &mut self,
        name: Key,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) {
        let out = self.key(name);
        out.push(b'[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write(out, item);
        }
        out.push(b']');
    }

    pub(super) fn actor(&mut self, name: Key, actor: Actor, id: &Id) {
        let mut by = Object::open(self.key(name));
        by.plain(key!("kind"), actor_word(actor));
        by.plain(key!("id"), id);
        by.close();
    }
}

pub(super) const fn actor_word(actor: Actor) -> &'static str {
    match actor {
        Actor::User => "user",
        Actor::Patrol => "patrol",
        Actor::Owner => "owner",
        Actor::Partner => "partner",
        Actor::System => "system",
    }
}

/// Prints a frame's name: `partition-offset` or `partition-offset.index`.
pub(super) struct Named(pub(super) FrameName);

impl Text for Named {
    fn append_to(&self, out: &mut Vec<u8>) {
        self.0.partition.append_to(out);
        out.push(b'-');
        self.0.offset.append_to(out);
        if let Some(index) = self.0.index {
            out.push(b'.');
            index.append_to(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        for text in ["", "粤B12345", "a\"b\\c\n\u{1}\t\r", "\u{7f}é"] {
            let mut out = Vec::new();
            string(&mut out, text);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
