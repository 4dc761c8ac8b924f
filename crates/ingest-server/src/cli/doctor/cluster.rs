//! The log on Kafka: whether the brokers answer us, not only take connections, and whether our topics are well.

use std::time::Duration;

use super::Finding;
use crate::{log::KafkaOptions, log::kafka::Seen};

/// How long the brokers may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn look(options: &KafkaOptions, tell: &mut dyn FnMut(Finding)) {
    match options.look(PATIENCE) {
        Err(error) => tell(Finding::bad(
            "Kafka",
            error.to_string(),
            "do the brokers' advertised addresses lead there from here, and may this client in (kafka.properties_file)?",
        )),
        Ok(seen) => tell(judge(&seen)),
    }
}

fn judge(seen: &Seen) -> Finding {
    let Seen { brokers, missing, leaderless, behind, partitions } = seen;
    if !leaderless.is_empty() {
        return Finding::bad(
            "Kafka",
            format!("nobody leads all partitions of {}", leaderless.join(", ")),
            "a broker that had them is away: start it again; nothing is taken for these partitions meanwhile",
        );
    }
    if !behind.is_empty() {
        return Finding::doubtful(
            "Kafka",
            format!("copies of {} are behind", behind.join(", ")),
            "a broker is away or slow; below min.insync.replicas nothing is acknowledged",
        );
    }
    if !missing.is_empty() {
        return Finding::doubtful(
            "Kafka",
            format!("{} brokers; not there yet: {}", brokers.len(), missing.join(", ")),
            "the first start makes them where it may create topics; docs/kafka.md has the commands where it may not",
        );
    }
    let message = format!("{}; {partitions} partitions, all led, all copies in step", brokers.join(", "));
    Finding::well("Kafka", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    #[test]
    fn the_worst_is_told() {
        let well = Seen { brokers: vec!["a:1".to_owned()], partitions: 4, ..Seen::default() };
        assert_eq!(judge(&well).state, State::Well);
        let missing = Seen { missing: vec!["p.frames".to_owned()], ..well.clone() };
        let behind = Seen { behind: vec!["p.charges".to_owned()], ..missing.clone() };
        let leaderless = Seen { leaderless: vec!["p.sessions".to_owned()], ..behind.clone() };
        for (seen, state, named) in [
            (missing, State::Doubtful, "p.frames"),
            (behind, State::Doubtful, "p.charges"),
            (leaderless, State::Bad, "p.sessions"),
        ] {
            let finding = judge(&seen);
            assert!(finding.state == state && finding.message.contains(named), "{finding:?}");
        }
    }

    #[test]
    fn brokers_that_do_not_answer_are_bad() {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let options = KafkaOptions::at(&format!("kafka://{gone}")).unwrap();
        assert!(options.look(Duration::from_millis(300)).is_err());
    }
}
