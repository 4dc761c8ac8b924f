//! What workers count: what became of frames, why some could not be used, and how long each stage took.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use device_codec::ErrorCode;
use parkline::stage::{Outcome, Output};
use serde::Deserialize;

use super::{Histogram, head, line};

/// What may become of a frame.
const OUTCOMES: [&str; 3] = ["applied", "duplicate", "dead_letter"];
/// Why a frame, or one reading of it, became a dead letter; the last stands for what is none of them.
const CODES: [&str; 12] = [
    "unknown_protocol",
    "unknown_device",
    "unbound",
    "malformed",
    "too_late",
    "conflict",
    "replay",
    "no_target",
    "not_supported",
    "poison",
    "reading",
    "other",
];

/// What became of the frames of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes([u64; OUTCOMES.len()]);

impl Outcomes {
    /// One more record.
    pub fn add(&mut self, outcome: Outcome) {
        let [applied, duplicate, dead] = &mut self.0;
        match outcome {
            Outcome::Applied => *applied += 1,
            Outcome::Duplicate => *duplicate += 1,
            Outcome::DeadLetter => *dead += 1,
            Outcome::NotAFrame => {}
        }
    }
}

/// What workers count; all of them together.
#[derive(Debug)]
pub struct Work {
    frames: [AtomicU64; OUTCOMES.len()],
    dead: [AtomicU64; CODES.len()],
    undecodable: [AtomicU64; ErrorCode::ALL.len()],
    waited: Histogram,
    applied: Histogram,
    committed: Histogram,
    cut: Histogram,
    checkpointed: Histogram,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            frames: Default::default(),
            dead: Default::default(),
            undecodable: std::array::from_fn(|_| AtomicU64::new(0)),
            waited: Histogram::default(),
            applied: Histogram::short(),
            committed: Histogram::default(),
            cut: Histogram::default(),
            checkpointed: Histogram::default(),
        }
    }
}

impl Work {
    /// A batch of so many records was applied: how long its first one had waited since it was received, and how long the
    /// stage took for all of them.
    pub fn applied(&self, outcomes: Outcomes, records: usize, waited: Duration, took: Duration) {
        for (counter, times) in self.frames.iter().zip(outcomes.0) {
            counter.fetch_add(times, Relaxed);
        }
        let records = records as u64;
        self.waited.add(waited, records);
        if let Some(each) = (took.as_nanos() as u64).checked_div(records) {
            self.applied.add(Duration::from_nanos(each), records);
        }
    }

    /// A batch's outputs and position were handed to the log, and were durable so much later.
    pub fn committed(&self, took: Duration) {
        self.committed.add(took, 1);
    }

    /// A worker stood for so long to cut its state for a checkpoint.
    pub fn cut(&self, took: Duration) {
        self.cut.add(took, 1);
    }

    /// A checkpoint was written down, before it was handed to the log.
    pub fn checkpointed(&self, took: Duration) {
        self.checkpointed.add(took, 1);
    }

    /// Looks for dead letters among what is published for the first time.
    pub fn published(&self, output: &Output) {
        if output.topic != "dead-letters" {
            return;
        }
        let error =
            serde_json::from_slice(&output.value).map_or_else(|_| Error::default(), |Letter { error }| error);
        let other = CODES.len() - 1;
        let code = CODES.iter().position(|code| *code == error.code).unwrap_or(other);
        if let Some(counter) = self.dead.get(code) {
            counter.fetch_add(1, Relaxed);
        }
        let cause = error.cause.and_then(ErrorCode::parse);
        if let Some(counter) = cause.and_then(|cause| self.undecodable.get(cause as usize)) {
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn write(&self, out: &mut String) {
        let mut each = |name: &str, label: &str, help: &str, words: &[&str], counters: &[AtomicU64]| {
            head(out, name, "counter", help);
            for (word, counter) in words.iter().zip(counters) {
                line(out, format_args!("{name}{{{label}=\"{word}\"}} {}", counter.load(Relaxed)));
            }
        };
        let help = "Frames that workers have dealt with, by what became of them.";
        each("parkline_worked_total", "outcome", help, &OUTCOMES, &self.frames);
        let help = "Frames and readings that could not be used, by the dead letter's code.";
        each("parkline_dead_letters_total", "code", help, &CODES, &self.dead);
        let words: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        let help = "Payloads that could not be decoded, by what is wrong with them.";
        each("parkline_decode_errors_total", "reason", help, &words, &self.undecodable);
        for (name, help, histogram) in [
            (
                "parkline_waited_seconds",
                "From a frame's reception until its worker begins with its batch.",
                &self.waited,
            ),
            (
                "parkline_applied_seconds",
                "Decoding, stepping and pricing a record; a batch's mean.",
                &self.applied,
            ),
            (
                "parkline_committed_seconds",
                "From handing a commit to the log until it is durable.",
                &self.committed,
            ),
            ("parkline_cut_seconds", "A worker stands to cut its state for a checkpoint.", &self.cut),
            (
                "parkline_checkpointed_seconds",
                "Writing a partition's state down, beside its worker.",
                &self.checkpointed,
            ),
        ] {
            head(out, name, "histogram", help);
            histogram.write(name, "", out);
        }
    }
}

#[derive(Deserialize)]
struct Letter<'a> {
    #[serde(borrow)]
    error: Error<'a>,
}

#[derive(Default, Deserialize)]
struct Error<'a> {
    #[serde(borrow)]
    code: &'a str,
    #[serde(borrow, default)]
    cause: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(error: &str) -> Output {
        let value = format!(r#"{{"v":1,"frame":{{"error":{{"code":"no"}}}},"error":{error}}}"#).into_bytes();
        Output { topic: "dead-letters", key: String::new(), value }
    }

    #[test]
    fn each_frame_has_one_outcome_and_each_dead_letter_one_code() {
        let work = Work::default();
        let mut outcomes = Outcomes::default();
        for outcome in
            [Outcome::Applied, Outcome::Applied, Outcome::Duplicate, Outcome::DeadLetter, Outcome::NotAFrame]
        {
            outcomes.add(outcome);
        }
        work.applied(outcomes, 5, Duration::from_millis(3), Duration::from_micros(50));
        work.applied(Outcomes::default(), 0, Duration::ZERO, Duration::ZERO);
        work.published(&letter(r#"{"code":"malformed","cause":"checksum","message":"m"}"#));
        work.published(&letter(r#"{"code":"news","message":"m"}"#));
        work.published(&Output { topic: "sessions", ..letter(r#"{"code":"malformed","message":"m"}"#) });
        let mut out = String::new();
        work.write(&mut out);
        for wanted in [
            "parkline_worked_total{outcome=\"applied\"} 2",
            "parkline_worked_total{outcome=\"duplicate\"} 1",
            "parkline_worked_total{outcome=\"dead_letter\"} 1",
            "parkline_dead_letters_total{code=\"malformed\"} 1",
            "parkline_dead_letters_total{code=\"other\"} 1",
            "parkline_decode_errors_total{reason=\"checksum\"} 1",
            "parkline_waited_seconds_bucket{le=\"0.003\"} 5",
            "parkline_applied_seconds_bucket{le=\"0.00001\"} 5",
            "parkline_applied_seconds_sum{} 0.00005",
        ] {
            assert!(out.lines().any(|line| line == wanted), "{wanted} is not in {out}");
        }
        let causes = out.lines().filter(|line| line.starts_with("parkline_decode_errors_total{")).count();
        assert_eq!(causes, ErrorCode::ALL.len());
    }
}
