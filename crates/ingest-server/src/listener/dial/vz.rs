//! What is said to a Vzenith camera that is called, and which of its records were missed.
//!
//! The camera numbers its records. The greatest number up to which all have come is the *mark*; it outlives connections
//! and the process. After each connect the camera is asked for its newest number, then for each record between, one at
//! a time; what comes by itself meanwhile is not asked for.

use std::collections::BTreeSet;

use device_codec::{
    Context, Protocol, Value,
    command::{VzCall, vz_tcp_call},
    decode,
};

/// For how many seconds the camera waits for a sign of ours before it decides by its own list.
const WATCH_SECS: u32 = 20;
/// How many records a camera remembers.
const MOST: u64 = 9_000;
/// How many signs of life a record may take before it is asked for again, and how often it is.
const WAITS: u32 = 2;
const ATTEMPTS: u32 = 3;

/// The conversation on one connection.
#[derive(Debug)]
pub(super) struct Talk {
    mark: Option<u64>,
    /// The greatest number that is known to exist.
    newest: u64,
    /// What came by itself beyond the mark.
    came: BTreeSet<u64>,
    asked: Option<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    record: u64,
    /// Signs of life since it was asked for.
    waited: u32,
    attempts: u32,
}

/// What a frame is to the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A record that was asked for.
    Missed(u64),
    /// A record that came by itself.
    Live(u64),
    /// The number of the newest record.
    Newest(u64),
    /// The camera does not have the record that was asked for.
    Lacking,
    /// Anything else.
    Other,
}

impl Talk {
    /// A conversation with a camera whose records have come up to `mark`.
    pub(super) fn new(mark: Option<u64>) -> Self {
        Self { mark, newest: mark.unwrap_or(0), came: BTreeSet::new(), asked: None }
    }

    /// Up to where all records have come.
    pub(super) fn mark(&self) -> Option<u64> {
        self.mark
    }

    /// What is said first.
    pub(super) fn greeting(&self) -> Vec<u8> {
        let calls = [
            VzCall::Alive,
            VzCall::Subscribe,
            VzCall::Watch { secs: WATCH_SECS },
            VzCall::Online,
            VzCall::NewestRecord,
        ];
        calls.into_iter().flat_map(vz_tcp_call).collect()
    }

    /// What is said every five seconds.
    pub(super) fn sign(&mut self) -> Vec<u8> {
        let mut said: Vec<u8> = [VzCall::Alive, VzCall::Online].into_iter().flat_map(vz_tcp_call).collect();
        if let Some(asked) = &mut self.asked {
            asked.waited += 1;
            if asked.waited >= WAITS {
                (asked.waited, asked.attempts) = (0, asked.attempts + 1);
                if asked.attempts < ATTEMPTS {
                    said.extend(vz_tcp_call(VzCall::Record(asked.record)));
                } else {
                    // It does not answer for this one: the others are not to wait for ever.
                    said.extend(self.took(Heard::Lacking));
                }
            }
        }
        said
    }

    /// What a frame is.
    pub(super) fn hear(&self, payload: &[u8]) -> Heard {
        let mut heard = Heard::Other;
        // What cannot be read is stored like anything else, and says nothing here.
        let _ = decode(Protocol::VzTcp, payload, &Context::default(), &mut |reading| {
            let number = |text: &str| text.parse::<u64>().ok();
            if let Some(Value::Int(newest)) = reading.get("newest_record") {
                heard = u64::try_from(*newest).map_or(Heard::Other, Heard::Newest);
            } else if let Some(record) = reading.record().and_then(|record| number(record.as_str())) {
                let wanted = self.asked.is_some_and(|asked| asked.record == record);
                heard = if wanted { Heard::Missed(record) } else { Heard::Live(record) };
            } else if let Some(Value::Text(cmd)) = reading.get("cmd")
                && cmd.as_str() == "get_record"
            {
                heard = Heard::Lacking;
            }
        });
        heard
    }

    /// A frame is durable, or cannot become so: moves the mark on, and gives what is said next.
    pub(super) fn took(&mut self, heard: Heard) -> Vec<u8> {
        match heard {
            Heard::Other => return Vec::new(),
            Heard::Newest(newest) => self.begins(newest),
            Heard::Live(record) => {
                self.newest = self.newest.max(record);
                self.came.insert(record);
                // The first record of a camera that was never heard before: nothing older is ours.
                self.mark.get_or_insert(record.saturating_sub(1));
            }
            Heard::Missed(record) => {
                self.came.insert(record);
                self.asked = None;
            }
            Heard::Lacking => {
                if let Some(asked) = self.asked.take() {
                    self.came.insert(asked.record);
                }
            }
        }
        self.go_on()
    }

    fn begins(&mut self, newest: u64) {
        match self.mark {
            None => self.mark = Some(newest),
            // Its numbers began anew: all that it has is new.
            Some(mark) if newest < mark && self.came.is_empty() => self.mark = Some(0),
            Some(_) => {}
        }
        self.newest = self.came.last().copied().unwrap_or(0).max(newest);
    }

    /// Moves the mark over what has come, and asks for the next that has not.
    fn go_on(&mut self) -> Vec<u8> {
        let Some(mut mark) = self.mark else { return Vec::new() };
        // A camera remembers only so many.
        mark = mark.max(self.newest.saturating_sub(MOST));
        while self.came.first().is_some_and(|first| *first <= mark.saturating_add(1)) {
            mark = mark.max(self.came.pop_first().unwrap_or(mark));
        }
        self.mark = Some(mark);
        if self.asked.is_some() || mark >= self.newest {
            return Vec::new();
        }
        let record = mark + 1;
        self.asked = Some(Asked { record, waited: 0, attempts: 0 });
        vz_tcp_call(VzCall::Record(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(body: &str) -> Vec<u8> {
        let mut frame = vec![b'V', b'Z', 0, 0];
        frame.extend((body.len() as u32).to_be_bytes());
        frame.extend_from_slice(body.as_bytes());
        frame
    }

    fn result(record: u64) -> Vec<u8> {
        framed(&format!(
            r#"{{"cmd":"ivs_result","id":{record},"PlateResult":{{"license":"A12345","confidence":97}}}}"#
        ))
    }

    fn newest(record: u64) -> Vec<u8> {
        framed(&format!(r#"{{"cmd":"get_max_rec_id","state_code":200,"max_rec_id":{record}}}"#))
    }

    fn say(talk: &mut Talk, frame: &[u8]) -> (Heard, String) {
        let heard = talk.hear(frame);
        let said = talk.took(heard);
        (heard, String::from_utf8_lossy(said.get(8..).unwrap_or_default()).into_owned())
    }

    fn asks(record: u64) -> String {
        format!(r#"{{"cmd":"get_record","id":{record},"format":"json","image":true}}"#)
    }

    #[test]
    fn each_record_that_was_missed_is_asked_for_once() {
        let mut talk = Talk::new(Some(10));
        assert_eq!(say(&mut talk, &newest(14)), (Heard::Newest(14), asks(11)));
        // A car comes meanwhile: its record is not asked for.
        assert_eq!(say(&mut talk, &result(15)), (Heard::Live(15), String::new()));
        assert_eq!(say(&mut talk, &result(11)), (Heard::Missed(11), asks(12)));
        let lacking = framed(r#"{"cmd":"get_record","id":12,"state_code":404}"#);
        assert_eq!(say(&mut talk, &lacking), (Heard::Lacking, asks(13)));
        assert_eq!(talk.mark(), Some(12));
        assert_eq!(say(&mut talk, &result(13)), (Heard::Missed(13), asks(14)));
        assert_eq!(say(&mut talk, &result(14)), (Heard::Missed(14), String::new()));
        assert_eq!(talk.mark(), Some(15));
        assert_eq!(say(&mut talk, &result(16)).1, "");
        assert_eq!(say(&mut talk, &result(18)).1, asks(17), "one was lost on the way");
        assert_eq!(talk.hear(b"VZ\x01\0\0\0\0\0"), Heard::Other);
    }

    #[test]
    fn a_camera_that_is_new_owes_nothing_and_one_that_began_anew_all() {
        let mut talk = Talk::new(None);
        assert_eq!(say(&mut talk, &newest(500)).1, "");
        assert_eq!(talk.mark(), Some(500));
        let mut first = Talk::new(None);
        assert_eq!((say(&mut first, &result(7)).1, first.mark()), (String::new(), Some(7)));
        let mut anew = Talk::new(Some(500));
        assert_eq!(say(&mut anew, &newest(2)).1, asks(1));
        let mut long = Talk::new(Some(5));
        assert_eq!(say(&mut long, &newest(20_000)).1, asks(11_001), "more than it remembers");
    }

    #[test]
    fn a_record_that_does_not_come_is_asked_for_again_and_then_given_up() {
        let mut talk = Talk::new(Some(1));
        say(&mut talk, &newest(3));
        let mut asked = Vec::new();
        for _ in 0..6 {
            let said = talk.sign();
            assert!(said.starts_with(b"VZ\x01\0\0\0\0\0"), "a sign of life first");
            let text = String::from_utf8_lossy(&said).into_owned();
            asked.extend(
                text.split("\"id\":").nth(1).and_then(|rest| rest.split(',').next()?.parse::<u64>().ok()),
            );
        }
        assert_eq!((asked, talk.mark()), (vec![2, 2, 3], Some(2)));
    }
}
