//! Commands as bytes for the device that is to do them.

use std::borrow::Cow;

use device_codec::{
    Context, Protocol,
    command::{self, NativeTarget, Push, Target, Topics, Wire, native_frame, vz_http_reply},
    decode,
    native::Key,
};
use parking_types::Instant;
use serde::Deserialize;

use crate::desk::Command;

/// What a command's record says beside its id.
#[derive(Debug, Default, Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    arguments: Arguments<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Arguments<'a> {
    /// Lines to show.
    #[serde(borrow, default)]
    lines: Vec<Cow<'a, str>>,
    /// What to say.
    #[serde(borrow)]
    say: Option<Cow<'a, str>>,
    /// A number to show.
    free_places: Option<u32>,
}

impl<'a> Record<'a> {
    fn read(json: &'a [u8]) -> Self {
        let mut record: Self = serde_json::from_slice(json).unwrap_or_default();
        // What cannot show a number as one shows it as a line.
        if let (Some(free), true) = (record.arguments.free_places, record.arguments.lines.is_empty()) {
            record.arguments.lines.push(free.to_string().into());
        }
        record
    }
}

/// A Vzenith camera's answer to its push, with the commands that it can do; gives the ids of those.
///
/// It is the vendor's whole object also where nothing is to be done: a camera repeats a push that is not answered so.
pub fn vz<'c>(
    protocol: Protocol,
    push: &[u8],
    context: &Context<'_>,
    commands: &'c [Command],
) -> (Vec<u8>, Vec<&'c Command>) {
    let (mut record, mut offline) = (None, false);
    // A push that cannot be read is answered too: it is kept, and sending it again changes nothing.
    let _ = decode(protocol, push, context, &mut |reading| {
        record = reading.record().map(|record| record.as_str().to_owned());
        offline |= reading.offline_upload == Some(true);
    });
    let push = Push { record: record.as_deref(), offline };
    let records: Vec<Record<'_>> = commands.iter().map(|command| Record::read(&command.json)).collect();
    let lines: Vec<Vec<&str>> =
        records.iter().map(|record| record.arguments.lines.iter().map(AsRef::as_ref).collect()).collect();
    let mut actions = Vec::new();
    let mut done = Vec::new();
    for ((command, record), lines) in commands.iter().zip(&records).zip(&lines) {
        let Some(action) = action(protocol, &command.action, &record.arguments, lines) else { continue };
        actions.push(action);
        // Each is tried with those before it: one that the camera cannot do must not keep the gate shut.
        if vz_http_reply(&actions, &push, &Target::default()).is_ok() {
            done.push(command);
        } else {
            actions.pop();
        }
    }
    (vz_http_reply(&actions, &push, &Target::default()).unwrap_or_default(), done)
}

fn action<'a>(
    protocol: Protocol,
    word: &str,
    arguments: &'a Arguments<'_>,
    lines: &'a [&'a str],
) -> Option<command::Action<'a>> {
    use command::Action;
    let say = arguments.say.as_deref();
    Some(match word {
        "open" => Action::Open,
        "close" => Action::Close,
        "hold" => Action::Hold,
        "lock" => Action::Lock,
        "normal" => Action::Normal,
        "raise" => Action::Raise,
        "lower" => Action::Lower,
        "show" => match arguments.free_places {
            Some(free) if protocol.info().commands.contains(&"free_places") => Action::FreePlaces(free),
            _ => Action::Show { lines, say },
        },
        "say" => Action::Say(say?),
        "free_places" => Action::FreePlaces(arguments.free_places?),
        _ => return None,
    })
}

/// A command as a native frame, with a tag where the device has a key; `None` for what the frame has no word for.
pub fn native(command: &Command, device_id: u64, now: Instant, key: Option<(u32, &Key)>) -> Option<Vec<u8>> {
    let record = Record::read(&command.json);
    let lines: Vec<&str> = record.arguments.lines.iter().map(AsRef::as_ref).collect();
    let action = action(Protocol::Parkline, &command.action, &record.arguments, &lines)?;
    let command = command::Command { id: &command.id, action, not_after: command.not_after };
    native_frame(&command, &NativeTarget { key, ..NativeTarget::new(device_id, now) }).ok()
}

/// A command as an MQTT message: its topic and payload; `None` for what the device's protocol has no word for.
pub fn mqtt(
    command: &Command,
    protocol: Protocol,
    serial: &str,
    topics: Topics,
    now: Instant,
) -> Option<(String, Vec<u8>)> {
    let target = Target { serial: Some(serial), topics, at: now, ..Target::default() };
    match wire(command, protocol, &target)? {
        Wire::Publish { topic, payload } => Some((topic, payload)),
        _ => None,
    }
}

/// A command as it travels to a device of this protocol; `None` for what that has no word for.
pub fn wire(command: &Command, protocol: Protocol, target: &Target<'_>) -> Option<Wire> {
    let record = Record::read(&command.json);
    let lines: Vec<&str> = record.arguments.lines.iter().map(AsRef::as_ref).collect();
    let action = action(protocol, &command.action, &record.arguments, &lines)?;
    let target = Target { id: &command.id, not_after: Some(command.not_after), ..*target };
    command::encode(protocol, &action, &target).ok()
}

/// The session that a command follows from.
pub fn session(command: &Command) -> Option<String> {
    #[derive(Deserialize)]
    struct Caused {
        session: Option<String>,
    }
    serde_json::from_slice::<Caused>(&command.json).ok()?.session
}

/// An instant in the native frame's unit.
pub fn micros(at: Instant) -> i64 {
    at.as_nanos().div_euclid(1_000)
}
