//! The answer that an append or a commit will have.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::oneshot::{self, error::TryRecvError};

use super::LogError;
use crate::clock::{Moment, moment};

type Answer = (Result<u64, LogError>, Moment);

/// Resolves when what was queued is durable, or cannot become so. Waits as a future or by [`wait`](Self::wait).
#[derive(Debug)]
pub struct Ticket {
    receiver: oneshot::Receiver<Answer>,
    /// What success means instead of the number that is sent.
    instead: Option<u64>,
}

/// The backend's half of a [`Ticket`]. Dropping it resolves the ticket to [`LogError::Closed`].
#[derive(Debug)]
pub struct TicketSender(oneshot::Sender<Answer>);

impl Ticket {
    /// A ticket and what resolves it.
    pub fn pair() -> (TicketSender, Self) {
        let (sender, receiver) = oneshot::channel();
        (TicketSender(sender), Self { receiver, instead: None })
    }

    /// A ticket that is resolved already.
    pub fn resolved(result: Result<u64, LogError>) -> Self {
        let (sender, ticket) = Self::pair();
        sender.resolve(result);
        ticket
    }

    /// The same ticket, resolving to another number.
    pub(crate) fn mapped(self, number: u64) -> Self {
        Self { instead: Some(number), ..self }
    }

    /// What it was resolved to, if it is.
    pub(crate) fn answer(&mut self) -> Option<Result<u64, LogError>> {
        let result = match self.receiver.try_recv() {
            Ok((result, _)) => result,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Closed) => Err(LogError::Closed),
        };
        Some(result.map(|number| self.instead.unwrap_or(number)))
    }

    /// Blocks the thread until it is resolved. Not for async code, which awaits the ticket itself.
    ///
    /// # Errors
    /// What kept the records from becoming durable.
    pub fn wait(self) -> Result<u64, LogError> {
        self.wait_timed().0
    }

    /// The same, and when it was resolved, which may be long ago.
    pub(crate) fn wait_timed(self) -> Answer {
        let (result, at) =
            self.receiver.blocking_recv().unwrap_or_else(|_| (Err(LogError::Closed), moment()));
        (result.map(|number| self.instead.unwrap_or(number)), at)
    }
}

impl TicketSender {
    /// Resolves the ticket; nobody may be waiting any more, which is no fault.
    pub fn resolve(self, result: Result<u64, LogError>) {
        let _ = self.0.send((result, moment()));
    }
}

impl Future for Ticket {
    type Output = Result<u64, LogError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = Pin::new(&mut self.receiver).poll(cx);
        outcome.map(|outcome| {
            let result = outcome.map_or(Err(LogError::Closed), |(result, _)| result);
            result.map(|number| self.instead.unwrap_or(number))
        })
    }
}
