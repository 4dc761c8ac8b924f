//! What a decoder tells about its reads: nothing in `decode`, everything in `explain`.

use std::cell::RefCell;

use crate::explain::Field;

/// Hears about each field that a decoder reads.
pub(crate) trait Trace: Copy {
    /// Nobody listens: what is known to be right may be passed over without being read field by field.
    const QUIET: bool = false;
    /// A field was read at this offset of the payload.
    fn field(self, offset: usize, len: usize, name: &'static str, value: impl FnOnce() -> String);
    /// What the field read last means.
    fn means(self, meaning: impl FnOnce() -> String);
}

/// Hears nothing and costs nothing.
#[derive(Clone, Copy)]
pub(crate) struct Quiet;

impl Trace for Quiet {
    const QUIET: bool = true;
    #[inline]
    fn field(self, _: usize, _: usize, _: &'static str, _: impl FnOnce() -> String) {}
    #[inline]
    fn means(self, _: impl FnOnce() -> String) {}
}

/// Writes everything down.
#[derive(Default)]
pub(crate) struct Recorder {
    fields: RefCell<Vec<Field>>,
}

impl Recorder {
    pub(crate) fn into_fields(self) -> Vec<Field> {
        self.fields.into_inner()
    }
}

impl Trace for &Recorder {
    fn field(self, offset: usize, len: usize, name: &'static str, value: impl FnOnce() -> String) {
        let field = Field { offset, len, name: name.into(), value: value(), meaning: String::new() };
        self.fields.borrow_mut().push(field);
    }

    fn means(self, meaning: impl FnOnce() -> String) {
        if let Some(last) = self.fields.borrow_mut().last_mut() {
            if !last.meaning.is_empty() {
                last.meaning.push_str("; ");
            }
            last.meaning.push_str(&meaning());
        }
    }
}
