//! Checkpoints beside the work: the worker cuts its stage's state, which takes moments, and goes on; a thread of its own
//! writes the cut down, and the log keeps it.

use std::thread::{self, JoinHandle};

use bytes::Bytes;
use parking_types::Span;
use parkline::stage::Stage;
use tokio::sync::OwnedSemaphorePermit;

use super::{Worker, WorkerError};
use crate::{
    clock::moment,
    log::{Checkpoint, Commit, LogError, Ticket},
    saved,
};

/// Bytes that a stage keeps until the next checkpoint, after which there is one.
pub(super) const UNSAVED_BYTES: usize = 32 << 20;
/// Time between checkpoints.
pub(super) const CHECKPOINT: Span = Span::from_secs(30);
/// So many times those bytes, and the worker waits for the checkpoint that is under way.
const TOO_MUCH: usize = 4;
/// How much less a thread that writes a state down is worth to the system than one that works.
const NICE: i32 = 10;

/// Where a checkpoint stands.
#[derive(Default)]
pub(super) enum Checkpointing {
    /// There is none.
    #[default]
    None,
    /// The state at this position is being written down.
    Writing { at: u64, writer: JoinHandle<Bytes>, pen: Option<OwnedSemaphorePermit> },
    /// The log is keeping it.
    Keeping { at: u64, ticket: Ticket, _pen: Option<OwnedSemaphorePermit> },
}

impl<S: Stage> Worker<S> {
    pub(super) fn checkpoint_if_due(&mut self) -> Result<(), WorkerError> {
        self.follow_checkpoint()?;
        let now = self.setting.clock.now();
        if now < self.checkpoint_at || !matches!(self.checkpoint, Checkpointing::None) {
            return Ok(());
        }
        if self.next == self.checkpointed {
            self.checkpoint_at = now + CHECKPOINT;
            return Ok(());
        }
        // Else another partition is at it: the next turn asks again.
        let Ok(pen) = self.setting.pen.clone().try_acquire_owned() else { return Ok(()) };
        self.checkpoint_at = now + CHECKPOINT;
        self.begin_checkpoint(Some(pen))
    }

    /// The stage keeps much until there is a checkpoint.
    pub(super) fn checkpoint_as_much_is_unsaved(&mut self) -> Result<(), WorkerError> {
        self.follow_checkpoint()?;
        let is_too_much = self.stage.unsaved() > UNSAVED_BYTES * TOO_MUCH;
        if is_too_much {
            self.end_checkpoint()?;
        }
        if !matches!(self.checkpoint, Checkpointing::None) {
            return Ok(());
        }
        let pen = self.setting.pen.clone().try_acquire_owned().ok();
        if pen.is_some() || is_too_much { self.begin_checkpoint(pen) } else { Ok(()) }
    }

    /// Cuts the state as it is now and has it written down.
    pub(super) fn begin_checkpoint(&mut self, pen: Option<OwnedSemaphorePermit>) -> Result<(), WorkerError> {
        if self.next != self.committed {
            self.publish()?;
        }
        let (partition, since) = (self.setting.partition, moment());
        let span = tracing::info_span!("checkpoint", partition);
        let cut = span.in_scope(|| self.stage.cut());
        let metrics = self.setting.intake.metrics().clone();
        metrics.work.cut(moment().duration_since(since));
        // Memory that is not written to is none yet.
        let room = self.state_bytes.saturating_mul(2);
        let (version, time, observer) = (self.stage.version(), self.time, self.setting.observer.clone());
        let write = move || {
            let _span = span.entered();
            // Refused it is a little less polite.
            let _ = rustix::process::nice(NICE);
            let since = moment();
            let state = saved::encode(room, version, time, cut, |out| observer.save(partition, out));
            metrics.work.checkpointed(moment().duration_since(since));
            Bytes::from(state)
        };
        let writer = thread::Builder::new().name(format!("state-{partition}")).spawn(write);
        let writer = writer.map_err(|e| LogError::io("start a thread for", "checkpoint".as_ref(), &e))?;
        self.checkpoint = Checkpointing::Writing { at: self.next, writer, pen };
        Ok(())
    }

    /// Hands a state that is written down to the log, and tells the stage of one that is durable.
    fn follow_checkpoint(&mut self) -> Result<(), WorkerError> {
        match &mut self.checkpoint {
            Checkpointing::Writing { writer, .. } if writer.is_finished() => self.keep_checkpoint(),
            Checkpointing::Keeping { at, ticket, .. } => match (*at, ticket.answer()) {
                (_, None) => Ok(()),
                (at, Some(answer)) => self.checkpoint_ends(at, answer),
            },
            _ => Ok(()),
        }
    }

    /// Waits for the checkpoint that is under way, if one is.
    pub(super) fn end_checkpoint(&mut self) -> Result<(), WorkerError> {
        if let Checkpointing::Writing { .. } = self.checkpoint {
            self.keep_checkpoint()?;
        }
        match std::mem::take(&mut self.checkpoint) {
            Checkpointing::Keeping { at, ticket, .. } => self.checkpoint_ends(at, ticket.wait()),
            _ => Ok(()),
        }
    }

    fn keep_checkpoint(&mut self) -> Result<(), WorkerError> {
        let Checkpointing::Writing { at, writer, pen } = std::mem::take(&mut self.checkpoint) else {
            return Ok(());
        };
        // What cannot be written down now could not be at the next try either.
        let state = writer.join().map_err(|_| LogError::Failed)?;
        self.state_bytes = state.len();
        let reader = self.setting.reader.clone();
        let state = Some(Checkpoint { at, state });
        let commit = Commit { reader, next: self.committed, outputs: Vec::new(), state };
        let ticket = self.setting.log.commit(self.setting.partition, commit);
        self.checkpoint = Checkpointing::Keeping { at, ticket, _pen: pen };
        Ok(())
    }

    fn checkpoint_ends(&mut self, at: u64, answer: Result<u64, LogError>) -> Result<(), WorkerError> {
        self.checkpoint = Checkpointing::None;
        let Err(error) = answer else {
            self.checkpointed = at;
            self.stage.durable();
            return Ok(());
        };
        // A commit before it may have failed first: that says what to do.
        self.settle(0)?;
        if matches!(error, LogError::Full { .. }) {
            tracing::warn!(partition = self.setting.partition, "no checkpoint: {error}; another try in 30 s");
            return Ok(());
        }
        Err(error.into())
    }
}
