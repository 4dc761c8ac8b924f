//! What the workers decided, for those who wait for it: commands for devices, and live sessions.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_types::{Instant, Span};
use parkline::stage::{Output, Position};
use serde::Deserialize;
use tokio::sync::{Notify, watch};

use crate::{
    alerts::OpenAlerts,
    clock::Clock,
    contact::Contact,
    log::lock,
    owing::Owing,
    saved::with_length,
    view::View,
    worker::{Again, Observer},
};

/// A command on its way to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its id.
    pub id: String,
    /// What to do: `open`, `close` …
    pub action: String,
    /// After this it must not be delivered.
    pub not_after: Instant,
    /// The whole record.
    pub json: Bytes,
}

/// Where outputs meet those who wait.
pub struct Desk {
    clock: Clock,
    /// By partition: the first record that is not applied.
    progress: Vec<watch::Sender<u64>>,
    /// By partition: up to where a worker that begins must come.
    goals: Vec<AtomicU64>,
    devices: Mutex<HashMap<String, Waiting>>,
    /// How many records were published, by the topics of [`TOPICS`].
    published: [AtomicU64; TOPICS.len()],
    /// The last dead letters, for who waits to hear what became of a record.
    dead: Mutex<VecDeque<(Position, Bytes)>>,
    /// The sessions that frames can still change.
    pub view: View,
    /// Which sessions a plate may have to pay for.
    pub owing: Owing,
    /// What a person must look at.
    pub alerts: OpenAlerts,
    /// Which devices are in contact.
    pub contact: Contact,
}

#[derive(Default)]
struct Waiting {
    commands: Vec<Command>,
    /// Until when each command known here was to be delivered.
    known: HashMap<String, Instant>,
    arrived: Arc<Notify>,
}

#[derive(Deserialize)]
struct CommandRecord {
    command: String,
    device: String,
    action: String,
    not_after: String,
    state: String,
}

/// The topics that are counted.
const TOPICS: [&str; 6] = ["sessions", "charges", "commands", "alerts", "devices", "dead-letters"];
/// For how long a copy gets the first one's answer.
const SAME_ANSWER: Span = Span::from_secs(60);
/// How many dead letters are remembered.
const DEAD_LETTERS: usize = 1024;

impl Desk {
    /// An empty desk for so many partitions.
    pub fn new(partitions: u32, clock: Clock) -> Self {
        let progress = (0..partitions).map(|_| watch::Sender::new(0)).collect();
        let goals = (0..partitions).map(|_| AtomicU64::new(0)).collect();
        let (devices, published, dead) = (Mutex::default(), Default::default(), Mutex::default());
        let (view, owing, alerts, contact) = Default::default();
        Self { clock, progress, goals, devices, published, dead, view, owing, alerts, contact }
    }

    /// How many records of each topic were published since the start.
    pub fn published(&self) -> impl Iterator<Item = (&'static str, u64)> {
        TOPICS.into_iter().zip(self.published.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// The first record of a partition that is not applied.
    pub fn applied_to(&self, partition: u32) -> u64 {
        self.progress.get(partition as usize).map_or(0, |progress| *progress.borrow())
    }

    /// How far a partition is restored: the first record that is not applied, and the first that was not committed
    /// when its worker began.
    pub fn restored(&self, partition: u32) -> (u64, u64) {
        let goal = self.goals.get(partition as usize).map_or(0, |goal| goal.load(Ordering::Relaxed));
        (self.applied_to(partition), goal)
    }

    /// Takes what the worker of another process decided: offset, topic and record.
    pub fn told<'t>(
        &self,
        partition: u32,
        next: u64,
        decisions: impl Iterator<Item = (u64, &'t str, Bytes)>,
    ) {
        for (offset, topic, record) in decisions {
            match topic {
                "commands" => self.command(&record),
                "dead-letters" => self.note_dead(Position { partition, offset }, &record),
                _ => {}
            }
        }
        if let Some(progress) = self.progress.get(partition as usize) {
            // A successor runs again what its predecessor has told: that stays applied.
            progress.send_if_modified(|applied| {
                let news = next > *applied;
                *applied = next.max(*applied);
                news
            });
        }
    }

    /// Waits until the record at `position` is applied; `false` where it was not within `limit`.
    pub async fn reached(&self, position: Position, limit: Duration) -> bool {
        let Some(progress) = self.progress.get(position.partition as usize) else { return false };
        let mut progress = progress.subscribe();
        let reached = progress.wait_for(|next| *next > position.offset);
        tokio::time::timeout(limit, reached).await.is_ok_and(|reached| reached.is_ok())
    }

    /// Takes the commands that wait for a device and may still be delivered, oldest first.
    pub fn take(&self, device: &str) -> Vec<Command> {
        let now = self.clock.now();
        let mut devices = lock(&self.devices);
        let commands = devices.get_mut(device).map(|waiting| std::mem::take(&mut waiting.commands));
        commands.unwrap_or_default().into_iter().filter(|command| command.not_after >= now).collect()
    }

    /// Waits until a command may wait for a device.
    pub async fn arrival(&self, device: &str) {
        let arrived = lock(&self.devices).entry(device.to_owned()).or_default().arrived.clone();
        arrived.notified().await;
    }

    /// The dead letter that the record at `position` became, if it did and that was not long ago.
    pub fn dead_letter(&self, position: Position) -> Option<Bytes> {
        lock(&self.dead).iter().rev().find(|(at, _)| *at == position).map(|(_, json)| json.clone())
    }

    fn note_dead(&self, position: Position, json: &[u8]) {
        let mut dead = lock(&self.dead);
        if dead.len() >= DEAD_LETTERS {
            dead.pop_front();
        }
        dead.push_back((position, Bytes::copy_from_slice(json)));
    }

    fn command(&self, json: &[u8]) {
        let Ok(record) = serde_json::from_slice::<CommandRecord>(json) else { return };
        let Ok(not_after) = record.not_after.parse::<Instant>() else { return };
        let now = self.clock.now();
        let mut devices = lock(&self.devices);
        let waiting = devices.entry(record.device).or_default();
        waiting.commands.retain(|command| command.id != record.command && command.not_after >= now);
        waiting.known.retain(|_, until| *until + SAME_ANSWER >= now);
        let before = waiting.known.insert(record.command.clone(), not_after);
        // A copy of a frame gets the first one's answer: its command comes again with a later end, sent or not.
        let again = record.state == "sent" && before.is_none_or(|before| not_after > before);
        if (record.state == "requested" || again) && not_after >= now {
            let json = Bytes::copy_from_slice(json);
            waiting.commands.push(Command { id: record.command, action: record.action, not_after, json });
            waiting.arrived.notify_one();
        }
    }
}

impl Observer for Desk {
    fn applied(&self, partition: u32, next: u64, outputs: &[(u64, Output)], again: Again) {
        for (offset, output) in outputs {
            let counted =
                TOPICS.iter().position(|topic| *topic == output.topic).filter(|_| again == Again::No);
            if let Some(count) = counted.and_then(|slot| self.published.get(slot)) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            match output.topic {
                "sessions" => {
                    self.view.put(partition, &output.value);
                    self.owing.put(partition, &output.value);
                }
                "charges" => self.owing.put(partition, &output.value),
                "alerts" => self.alerts.put(partition, &output.value),
                "devices" => self.contact.put(partition, &output.value),
                // After a start too: what may still be delivered is, and what expired is passed over.
                "commands" => self.command(&output.value),
                "dead-letters" => self.note_dead(Position { partition, offset: *offset }, &output.value),
                _ => {}
            }
        }
        if let Some(progress) = self.progress.get(partition as usize) {
            progress.send_replace(next);
        }
    }

    /// Four parts, each with its length before it. What was applied meanwhile may stand in one and not in another:
    /// each takes the newest of what it is told, so after the same records they are the same.
    fn save(&self, partition: u32, out: &mut Vec<u8>) {
        with_length(out, |out| self.view.save(partition, out));
        with_length(out, |out| self.owing.save(partition, out));
        with_length(out, |out| self.alerts.save(partition, out));
        with_length(out, |out| self.contact.save(partition, out));
    }

    fn restore(&self, partition: u32, mut saved: &[u8]) {
        let mut part = || {
            let (len, rest) = saved.split_at_checked(8)?;
            let len = usize::try_from(u64::from_le_bytes(len.try_into().ok()?)).ok()?;
            let (part, rest) = rest.split_at_checked(len)?;
            saved = rest;
            Some(part)
        };
        self.view.restore(partition, part().unwrap_or_default());
        self.owing.restore(partition, part().unwrap_or_default());
        self.alerts.restore(partition, part().unwrap_or_default());
        self.contact.restore(partition, part().unwrap_or_default());
    }

    fn begin(&self, partition: u32, from: u64, to: u64) {
        if let (Some(progress), Some(goal)) =
            (self.progress.get(partition as usize), self.goals.get(partition as usize))
        {
            progress.send_replace(from);
            goal.store(to, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(id: &str, state: &str, not_after: &str) -> (u64, Output) {
        let value = format!(
            r#"{{"v":1,"command":"{id}","device":"c-1","action":"open","not_after":"{not_after}","state":"{state}"}}"#
        );
        (0, Output { topic: "commands", key: "c-1".to_owned(), value: value.into_bytes() })
    }

    fn desk() -> (Desk, Clock) {
        let clock = Clock::manual("2026-03-02T08:00:00Z".parse().unwrap());
        (Desk::new(1, clock.clone()), clock)
    }

    fn ids(desk: &Desk) -> Vec<String> {
        desk.take("c-1").into_iter().map(|command| command.id).collect()
    }

    #[test]
    fn a_command_is_taken_once_and_never_after_its_time() {
        let (desk, clock) = desk();
        let soon = "2026-03-02T08:00:10Z";
        desk.applied(0, 1, &[command("k1", "requested", soon), command("k2", "requested", soon)], Again::No);
        assert_eq!(ids(&desk), ["k1", "k2"]);
        assert!(ids(&desk).is_empty());
        desk.applied(0, 2, &[command("k3", "requested", soon), command("k4", "requested", soon)], Again::No);
        desk.applied(0, 3, &[command("k3", "sent", soon)], Again::No);
        assert_eq!(ids(&desk), ["k4"], "what was delivered otherwise is not delivered again");
        desk.applied(0, 4, &[command("k5", "requested", soon)], Again::No);
        clock.advance(Span::from_secs(11));
        assert!(ids(&desk).is_empty());
    }

    #[test]
    fn a_copy_gets_the_command_again() {
        let (desk, _) = desk();
        let tell =
            |state: &str, not_after: &str| desk.applied(0, 1, &[command("k1", state, not_after)], Again::No);
        tell("requested", "2026-03-02T08:00:10Z");
        assert_eq!(ids(&desk), ["k1"]);
        tell("sent", "2026-03-02T08:00:10Z");
        assert!(ids(&desk).is_empty(), "that is the news of its delivery");
        tell("sent", "2026-03-02T08:00:12Z");
        assert_eq!(ids(&desk), ["k1"], "that is the copy");
        tell("accepted", "2026-03-02T08:00:14Z");
        assert!(ids(&desk).is_empty(), "the device has it");
    }

    #[tokio::test]
    async fn who_waits_for_a_record_is_told_when_it_is_applied() {
        let (desk, _) = desk();
        let position = Position { partition: 0, offset: 4 };
        assert!(!desk.reached(position, Duration::ZERO).await);
        Observer::applied(&desk, 0, 5, &[], Again::No);
        assert!(desk.reached(position, Duration::from_secs(5)).await);
        assert!(!desk.reached(Position { partition: 9, offset: 0 }, Duration::ZERO).await);
    }

    #[test]
    fn a_dead_letter_is_remembered_for_a_while() {
        let (desk, _) = desk();
        let letter = |text: &str| Output { topic: "dead-letters", key: String::new(), value: text.into() };
        let many: Vec<_> = (0..2000).map(|offset| (offset, letter(&offset.to_string()))).collect();
        Observer::applied(&desk, 0, 2000, &many, Again::No);
        let found = |offset| desk.dead_letter(Position { partition: 0, offset });
        assert_eq!((found(1999), found(0)), (Some(Bytes::from_static(b"1999")), None));
    }

    #[tokio::test]
    async fn a_command_wakes_who_holds_the_device() {
        let (desk, _) = desk();
        desk.applied(0, 1, &[command("k1", "requested", "2026-03-02T08:00:10Z")], Again::No);
        tokio::time::timeout(Duration::from_secs(5), desk.arrival("c-1")).await.unwrap();
        assert_eq!(ids(&desk), ["k1"]);
    }
}
