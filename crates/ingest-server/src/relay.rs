//! What the owner of a partition decided, told to every process.
//!
//! A device's connection, a camera's request and a person's action may be anywhere, so commands and dead letters go to
//! all processes, through the topic `decisions`, as soon as their step has run: before they are committed. That is safe
//! because a frame is durable before its step runs and the step is pure: whoever runs it again, after a crash or as a
//! successor, makes the same command with the same id. Nothing in the topic is needed after a minute.
//!
//! ```text
//! {"v":1,"next":124,"outputs":[{"offset":123,"topic":"commands","record":{…}}]}
//! ```

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use parking_types::Instant;
use parkline::stage::Output;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    clock::Clock,
    desk::Desk,
    log::{Batch, LogError, Name, Ownership, SharedLog, lock},
    worker::{Again, Observer},
};

/// The topic.
pub const DECISIONS: &str = "decisions";

/// The desk of an owner: what it is shown, all processes are told.
pub struct Relay {
    desk: Arc<Desk>,
    log: SharedLog,
    clock: Clock,
    topic: Name,
    /// By partition: up to where the others were told.
    told: Vec<AtomicU64>,
    ownership: Arc<Ownership>,
    /// Whether the sessions of partitions that are not ours are followed too, so that none leave the view.
    follows: bool,
    /// Partitions that left before their worker had restored their sessions.
    half_restored: Mutex<Vec<u32>>,
}

/// A record of the topic.
#[derive(Debug, Serialize, Deserialize)]
struct Told<'a> {
    v: u8,
    /// The first record of the partition that is not applied.
    next: u64,
    #[serde(borrow)]
    outputs: Vec<Decision<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Decision<'a> {
    offset: u64,
    topic: &'a str,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// Why a frame was not used, without the frame.
#[derive(Debug, Serialize, Deserialize)]
struct Why<'a> {
    v: u8,
    #[serde(borrow)]
    error: &'a RawValue,
}

impl Relay {
    /// A relay around a desk.
    ///
    /// # Errors
    /// [`LogError::Closed`] where the topic has no name, which does not happen.
    pub fn new(
        desk: Arc<Desk>,
        log: SharedLog,
        clock: Clock,
        ownership: Arc<Ownership>,
        follows: bool,
    ) -> Result<Self, LogError> {
        let partitions = log.partitions();
        let told = (0..partitions).map(|_| AtomicU64::new(u64::MAX)).collect();
        let topic = Name::new(DECISIONS).ok_or(LogError::Closed)?;
        desk.view.lack(0..partitions);
        let half_restored = Mutex::default();
        Ok(Self { desk, log, clock, topic, told, ownership, follows, half_restored })
    }

    /// Whether this process follows the sessions of all partitions.
    pub fn follows(&self) -> bool {
        self.follows
    }

    /// Partitions whose sessions must be read from the beginning once more.
    pub fn to_read_again(&self) -> Vec<u32> {
        let mut half_restored = lock(&self.half_restored);
        if half_restored.is_empty() { Vec::new() } else { std::mem::take(&mut *half_restored) }
    }

    fn tell(&self, partition: u32, next: u64, outputs: &[(u64, Output)], again: Again) {
        let now = self.clock.now();
        // What is run again was told before, but whoever told it may have died on the way.
        let worth = |output: &Output| again == Again::No || lives(&output.value, now);
        let letters: Vec<(u64, Box<RawValue>)> = outputs
            .iter()
            .filter(|(_, output)| output.topic == "dead-letters")
            .filter_map(|(offset, output)| Some((*offset, why(&output.value)?)))
            .collect();
        let commands = outputs.iter().filter(|(_, output)| output.topic == "commands" && worth(output));
        let commands = commands.filter_map(|(offset, output)| {
            let record = serde_json::from_slice(&output.value).ok()?;
            Some(Decision { offset: *offset, topic: "commands", record })
        });
        let letters = letters.iter().map(|(offset, record)| Decision {
            offset: *offset,
            topic: "dead-letters",
            record,
        });
        let told = Told { v: 1, next, outputs: commands.chain(letters).collect() };
        let news =
            self.told.get(partition as usize).is_none_or(|told| told.swap(next, Ordering::Relaxed) != next);
        if news || !told.outputs.is_empty() {
            let record = serde_json::to_vec(&told).unwrap_or_default();
            // Nobody waits for it: who misses it is sent the same again, or asks again.
            drop(self.log.append(&self.topic, partition, Batch::of(&record)));
        }
    }
}

impl Observer for Relay {
    fn applied(&self, partition: u32, next: u64, outputs: &[(u64, Output)], again: Again) {
        self.desk.applied(partition, next, outputs, again);
        self.tell(partition, next, outputs, again);
    }

    fn save(&self, partition: u32, out: &mut Vec<u8>) {
        self.desk.save(partition, out);
    }

    fn restore(&self, partition: u32, saved: &[u8]) {
        self.desk.restore(partition, saved);
    }

    fn leave(&self, partition: u32) {
        // Whoever has it now publishes the same sessions, and they are followed from there.
        if !self.follows {
            self.desk.leave(partition);
        } else if !self.ownership.has_caught_up(partition) {
            self.desk.view.lack(partition..partition + 1);
            lock(&self.half_restored).push(partition);
        }
    }

    fn begin(&self, partition: u32, from: u64, to: u64) {
        self.desk.begin(partition, from, to);
    }
}

/// Whether a command may still be delivered.
fn lives(command: &[u8], now: Instant) -> bool {
    #[derive(Deserialize)]
    struct Until<'a> {
        #[serde(borrow)]
        not_after: std::borrow::Cow<'a, str>,
    }
    let until = serde_json::from_slice::<Until<'_>>(command).ok();
    until.and_then(|until| until.not_after.parse::<Instant>().ok()).is_some_and(|until| until >= now)
}

fn why(letter: &[u8]) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(&serde_json::from_slice::<Why<'_>>(letter).ok()?).ok()
}

/// Shows a desk what a record of the topic tells.
pub fn hear(desk: &Desk, partition: u32, record: &[u8]) {
    let Ok(told) = serde_json::from_slice::<Told<'_>>(record) else { return };
    let decisions = told.outputs.iter().map(|decision| {
        (decision.offset, decision.topic, Bytes::copy_from_slice(decision.record.get().as_bytes()))
    });
    desk.told(partition, told.next, decisions);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Embedded, Options};
    use parking_types::Span;
    use parkline::stage::Position;
    use std::time::Duration;

    fn output(topic: &'static str, value: &str) -> (u64, Output) {
        (4, Output { topic, key: "c-1".to_owned(), value: value.into() })
    }

    #[test]
    fn another_process_hears_what_was_decided_before_it_is_committed() {
        let data = tempfile::tempdir().unwrap();
        let topics = vec![Name::new(DECISIONS).unwrap()];
        let options = Options { partitions: Some(1), ..Options::new("default", topics.clone()) };
        let log: SharedLog = Arc::new(Embedded::open(data.path(), &options).unwrap());
        let clock = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
        let desk = || Arc::new(Desk::new(1, clock.clone()));
        let (ours, theirs) = (desk(), desk());
        let relay =
            Relay::new(ours.clone(), log.clone(), clock.clone(), Arc::new(Ownership::none(1)), true).unwrap();
        let command = r#"{"v":1,"command":"k1","device":"c-1","action":"open","not_after":"2026-03-02T08:00:10Z","state":"requested"}"#;
        let letter = r#"{"v":1,"frame":{"payload":"00"},"error":{"code":"malformed"}}"#;
        let outputs = [output("sessions", "{}"), output("commands", command), output("dead-letters", letter)];
        relay.applied(0, 5, &outputs, Again::No);
        relay.applied(0, 5, &[], Again::No);
        clock.advance(Span::from_secs(11));
        relay.applied(0, 6, &[output("commands", command)], Again::Yes);
        let told = |count: usize| {
            let mut told = log.read(&topics[0], 0, 0, 1 << 20, Duration::from_secs(5)).unwrap();
            while told.len() < count {
                told = log.read(&topics[0], 0, 0, 1 << 20, Duration::from_secs(5)).unwrap();
            }
            told
        };
        let told = told(2);
        assert_eq!(told.len(), 2, "news only");
        assert!(told[1].value.ends_with(b"\"outputs\":[]}"), "it has expired: {:?}", told[1].value);
        hear(&theirs, 0, &told[0].value);
        // The clocks of the desks are one, and the command has expired on it; its dead letter has not.
        let position = Position { partition: 0, offset: 4 };
        assert_eq!(theirs.applied_to(0), 5);
        let letter = theirs.dead_letter(position).unwrap();
        assert_eq!(&letter[..], br#"{"v":1,"error":{"code":"malformed"}}"#);
        assert_eq!(ours.take("c-1").len() + theirs.take("c-1").len(), 0);
        hear(&theirs, 0, b"no record");
        let later = String::from_utf8_lossy(&told[0].value).replace("08:00:10", "08:00:21");
        hear(&theirs, 0, later.replace("\"next\":5", "\"next\":3").as_bytes());
        assert_eq!(theirs.take("c-1").len(), 1);
        assert_eq!(theirs.applied_to(0), 5, "what one has applied stays applied");
    }
}
