//! Questions on their way to the workers: a short queue for each partition, looked at between two batches.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::oneshot;

use crate::log::lock;

/// So many questions may wait for one partition.
const WAITING: usize = 64;

/// The queues of all partitions.
pub struct Questions(Vec<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Question>>,
    /// How many wait, so that a worker which is asked nothing takes no lock.
    len: AtomicUsize,
}

struct Question {
    bytes: Vec<u8>,
    answer: oneshot::Sender<Option<Vec<u8>>>,
}

impl Questions {
    /// Queues for so many partitions.
    pub fn new(partitions: u32) -> Self {
        Self((0..partitions).map(|_| Queue::default()).collect())
    }

    /// Asks the worker of a partition; `None` where too many questions wait for it.
    pub fn ask(&self, partition: u32, question: Vec<u8>) -> Option<oneshot::Receiver<Option<Vec<u8>>>> {
        let queue = self.0.get(partition as usize)?;
        let mut waiting = lock(&queue.waiting);
        // Who asked and has gone needs no answer.
        waiting.retain(|question| !question.answer.is_closed());
        if waiting.len() >= WAITING {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        waiting.push_back(Question { bytes: question, answer });
        queue.len.store(waiting.len(), Ordering::Release);
        Some(answered)
    }

    /// Answers the oldest question of a partition; `false` where none waits.
    pub fn answer(&self, partition: u32, answer: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> bool {
        let Some(queue) = self.0.get(partition as usize) else { return false };
        if queue.len.load(Ordering::Acquire) == 0 {
            return false;
        }
        let next = {
            let mut waiting = lock(&queue.waiting);
            let next = waiting.pop_front();
            queue.len.store(waiting.len(), Ordering::Release);
            next
        };
        let Some(question) = next else { return false };
        if !question.answer.is_closed() {
            // Who has gone meanwhile misses nothing.
            let _ = question.answer.send(answer(&question.bytes));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_answered_in_order_and_their_number_is_bounded() {
        let questions = Questions::new(2);
        let mut answers: Vec<_> = (0..WAITING).map(|n| questions.ask(1, vec![n as u8]).unwrap()).collect();
        assert!(questions.ask(1, vec![0]).is_none(), "the queue is full");
        assert!(!questions.answer(0, |_| panic!("nothing was asked here")));
        assert!(questions.answer(1, |bytes| Some(bytes.to_vec())));
        assert_eq!(answers[0].try_recv(), Ok(Some(vec![0])));
        drop(answers.pop());
        drop(answers.pop());
        assert!(questions.ask(1, vec![9]).is_some(), "who has gone makes room");
        let mut answered = 0;
        while questions.answer(1, |_| None) {
            answered += 1;
        }
        assert_eq!(answered, WAITING - 2);
    }
}
