//! JSON lines to stdout.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use super::CannotRun;

/// What a write says when the reader of our output has gone: no reason to complain.
pub(super) const NOBODY_READS: &str = "nobody reads the output";

/// Buffered stdout.
pub(super) struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    pub(super) fn new() -> Self {
        Self(BufWriter::with_capacity(1 << 16, io::stdout().lock()))
    }

    /// Writes one line.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), CannotRun> {
        self.0.write_all(line).and_then(|()| self.0.write_all(b"\n")).map_err(|error| failed(&error))
    }

    /// Writes what is buffered.
    pub(super) fn finish(mut self) -> Result<(), CannotRun> {
        self.0.flush().map_err(|error| failed(&error))
    }
}

/// Whether a person looks at stdout.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

fn failed(error: &io::Error) -> CannotRun {
    match error.kind() {
        io::ErrorKind::BrokenPipe => CannotRun::new(NOBODY_READS),
        _ => CannotRun(format!("cannot write to stdout: {error}")),
    }
}
