//! Names of topics and readers.

use std::{fmt, sync::Arc};

/// The name of a topic or a reader: 1–64 characters of `0-9 a-z _ -`. A value, so that logs know no list of topics.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks `text`; `None` when it is empty, too long or holds another character.
    ///
    /// ```
    /// use ingest_server::log::Name;
    /// assert!(Name::new("dead-letters").is_some());
    /// assert!(Name::new("../frames").is_none());
    /// ```
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase() || b == b'_' || b == b'-';
        let fits = !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed);
        fits.then(|| Self(Arc::from(text)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}
