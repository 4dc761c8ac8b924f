//! Which sessions are open or owe something, by plate: where to ask what a car has to pay.

use std::ops::Bound;

use crossbeam_skiplist::SkipMap;
use serde::Deserialize;

/// Sessions by plate, lock-free; workers write.
#[derive(Default)]
pub struct Owing {
    by_plate: SkipMap<(String, String), u32>,
    sessions: SkipMap<String, Listed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    plate: String,
    partition: u32,
    open: bool,
    owes: bool,
}

/// What of session and charge records says whether something is owed.
#[derive(Deserialize)]
struct Keys {
    session: String,
    plate: Option<String>,
    /// Of sessions only.
    state: Option<String>,
    /// Of charges only.
    outstanding: Option<String>,
}

impl Owing {
    /// Takes a session or a charge record.
    pub fn put(&self, partition: u32, json: &[u8]) {
        let Ok(keys) = serde_json::from_slice::<Keys>(json) else { return };
        let known = self.sessions.get(&keys.session).map(|known| known.value().clone());
        let (mut open, mut owes) = known.as_ref().map_or((false, false), |known| (known.open, known.owes));
        if let Some(state) = &keys.state {
            open = state == "open";
        }
        if let Some(outstanding) = &keys.outstanding {
            owes = outstanding.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
        }
        let listed = keys.plate.filter(|_| open || owes);
        let listed = listed.map(|plate| Listed { plate, partition, open, owes });
        if known != listed {
            self.replace(keys.session, known, listed);
        }
    }

    fn replace(&self, session: String, known: Option<Listed>, listed: Option<Listed>) {
        let parts = |listed: &Listed| {
            let key = |part: &str| (part.to_owned(), session.clone());
            listed.plate.split('|').map(key).collect::<Vec<_>>()
        };
        for key in known.as_ref().map(parts).unwrap_or_default() {
            self.by_plate.remove(&key);
        }
        match listed {
            Some(listed) => {
                for key in parts(&listed) {
                    self.by_plate.insert(key, listed.partition);
                }
                self.sessions.insert(session, listed);
            }
            None => drop(self.sessions.remove(&session)),
        }
    }

    /// The sessions of a plate that are open or owe something, each with its partition; at most so many.
    pub fn of(&self, plate: &str, most: usize) -> Vec<(String, u32)> {
        let start = (plate.to_owned(), String::new());
        let entries = self.by_plate.range((Bound::Included(start), Bound::Unbounded));
        let entries = entries.take_while(|entry| entry.key().0 == plate).take(most);
        entries.map(|entry| (entry.key().1.clone(), *entry.value())).collect()
    }

    /// Appends the sessions of a partition, one a line.
    pub fn save(&self, partition: u32, bytes: &mut Vec<u8>) {
        for entry in self.sessions.iter().filter(|entry| entry.value().partition == partition) {
            let Listed { plate, open, owes, .. } = entry.value();
            let line = format!("{} {} {} {plate}\n", entry.key(), u8::from(*open), u8::from(*owes));
            bytes.extend_from_slice(line.as_bytes());
        }
    }

    /// Replaces a partition's sessions by what [`save`](Self::save) gave.
    pub fn restore(&self, partition: u32, saved: &[u8]) {
        for entry in self.sessions.iter().filter(|entry| entry.value().partition == partition) {
            self.replace(entry.key().clone(), Some(entry.value().clone()), None);
        }
        for line in std::str::from_utf8(saved).unwrap_or_default().lines() {
            let mut words = line.splitn(4, ' ');
            let mut word = || words.next().unwrap_or_default();
            let (session, open, owes, plate) = (word().to_owned(), word() == "1", word() == "1", word());
            let listed = Listed { plate: plate.to_owned(), partition, open, owes };
            self.replace(session, None, Some(listed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, state: &str, plate: &str) -> Vec<u8> {
        format!(r#"{{"session":"{id}","state":"{state}","plate":"{plate}"}}"#).into_bytes()
    }

    fn charge(id: &str, outstanding: &str, plate: &str) -> Vec<u8> {
        format!(r#"{{"session":"{id}","outstanding":"{outstanding}","plate":"{plate}"}}"#).into_bytes()
    }

    fn ids(owing: &Owing, plate: &str) -> String {
        owing.of(plate, 9).into_iter().map(|(id, _)| id).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_session_is_listed_while_it_is_open_or_owes() {
        let owing = Owing::default();
        owing.put(1, &session("s1", "open", "粤B12345"));
        owing.put(1, &charge("s1", "0.00", "粤B12345"));
        assert_eq!(owing.of("粤B12345", 9), [("s1".to_owned(), 1)]);
        owing.put(1, &session("s1", "closed", "粤B12345"));
        assert_eq!(ids(&owing, "粤B12345"), "");
        owing.put(1, &charge("s1", "10.00", "粤B12345"));
        owing.put(1, &session("s2", "open", "粤B12345"));
        assert_eq!(ids(&owing, "粤B12345"), "s1 s2");
        assert_eq!(owing.of("粤B12345", 1).len(), 1);
        owing.put(1, &charge("s1", "0.00", "粤B12345"));
        owing.put(1, &session("s2", "open", "粤B1234D"));
        assert_eq!((ids(&owing, "粤B12345"), ids(&owing, "粤B1234D")), (String::new(), "s2".to_owned()));
    }

    #[test]
    fn a_car_with_two_plates_is_found_by_each() {
        let owing = Owing::default();
        owing.put(0, &session("s1", "open", "粤B12345|粤ZAB12港"));
        assert_eq!((ids(&owing, "粤B12345"), ids(&owing, "粤ZAB12港")), ("s1".to_owned(), "s1".to_owned()));
        owing.put(0, &session("s1", "void", "粤B12345|粤ZAB12港"));
        assert_eq!(ids(&owing, "粤ZAB12港"), "");
    }

    #[test]
    fn a_partition_is_saved_and_restored_alone() {
        let owing = Owing::default();
        owing.put(0, &session("s1", "open", "A"));
        owing.put(1, &session("s2", "open", "A"));
        let mut saved = Vec::new();
        owing.save(0, &mut saved);
        owing.put(0, &session("s3", "open", "A"));
        owing.restore(0, &saved);
        assert_eq!(ids(&owing, "A"), "s1 s2");
        owing.put(0, &session("s1", "closed", "A"));
        owing.restore(1, &[]);
        assert_eq!(ids(&owing, "A"), "");
    }
}
