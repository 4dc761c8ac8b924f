//! Records on their way into the log.

/// Some records of one partition, appended as one piece. All lie in one buffer.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    may_share: bool,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// A batch of one record.
    pub fn of(record: &[u8]) -> Self {
        let mut batch = Self::new();
        batch.push(record);
        batch
    }

    /// Adds a record.
    pub fn push(&mut self, record: &[u8]) {
        self.push_with(|bytes| bytes.extend_from_slice(record));
    }

    /// Adds the record that `write` appends to the buffer.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// Small frames, which may share a record of the log with each other and with those of other batches, a line each.
    /// They hold no line end, and nobody needs to know them by position.
    pub fn share(&mut self) {
        self.may_share = true;
    }

    /// Whether its records may share one.
    pub fn may_share(&self) -> bool {
        self.may_share
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The records' bytes together.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The records, in order.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_in_order() {
        let mut batch = Batch::of(b"one");
        batch.push(b"");
        batch.push(b"three");
        assert_eq!(batch.records().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        assert_eq!((batch.len(), batch.bytes()), (3, 8));
    }
}
