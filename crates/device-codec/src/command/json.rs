//! A writer of JSON objects, member by member.

use crate::reading::string;

/// An object that is being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    /// Begins an object; [`close`](Self::close) ends it.
    pub(super) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    fn key(&mut self, name: &str) {
        if !core::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        string(self.out, name);
        self.out.push(b':');
    }

    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.key(name);
        string(self.out, value);
        self
    }

    pub(super) fn int(&mut self, name: &str, value: i64) -> &mut Self {
        self.key(name);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// Digits as a number, anything else as a string: a vendor's own record number goes back as it came.
    pub(super) fn number_or_text(&mut self, name: &str, value: &str) -> &mut Self {
        let plain = !value.is_empty() && value.len() < 19 && value.bytes().all(|b| b.is_ascii_digit());
        if plain && (value == "0" || !value.starts_with('0')) {
            self.key(name);
            self.out.extend_from_slice(value.as_bytes());
            self
        } else {
            self.text(name, value)
        }
    }

    /// A member that is JSON already.
    pub(super) fn raw(&mut self, name: &str, json: &[u8]) -> &mut Self {
        self.key(name);
        self.out.extend_from_slice(json);
        self
    }

    pub(super) fn object(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.key(name);
        let mut inner = Object::open(self.out);
        write(&mut inner);
        inner.close();
        self
    }

    /// An array of objects, one for each item.
    pub(super) fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(&mut Object<'_>, T),
    ) -> &mut Self {
        self.key(name);
        self.out.push(b'[');
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            let mut inner = Object::open(self.out);
            write(&mut inner, item);
            inner.close();
        }
        self.out.push(b']');
        self
    }

    pub(super) fn close(self) {
        self.out.push(b'}');
    }
}

/// One object as bytes.
pub(super) fn object(write: impl FnOnce(&mut Object<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut object = Object::open(&mut out);
    write(&mut object);
    object.close();
    out
}
