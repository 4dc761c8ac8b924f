//! `parkline protocols`

use device_codec::{Numbering, Payload, Protocol};
use serde_json::json;

use super::{
    CannotRun, Ended,
    output::{self, Lines},
};

pub(super) fn run() -> Result<Ended, CannotRun> {
    if output::is_terminal() {
        Protocol::ALL.iter().for_each(|protocol| eprint!("{}", paragraph(*protocol)));
        return Ok(Ended::Well);
    }
    let mut lines = Lines::new();
    Protocol::ALL.iter().try_for_each(|protocol| lines.line(object(*protocol).as_bytes()))?;
    lines.finish()?;
    Ok(Ended::Well)
}

fn object(protocol: Protocol) -> String {
    let info = protocol.info();
    let payload = match info.payload {
        Payload::Binary => "binary",
        Payload::Json => "json",
        Payload::Text => "text",
    };
    json!({"protocol": protocol.name(), "title": info.title, "payload": payload, "says": info.says,
        "commands": info.commands, "answers_commands": info.acknowledges, "numbered_by": numbered_by(info.numbering),
        "heartbeat": info.heartbeat.map(|span| span.to_string()), "tells_change": info.tells_change,
        "experimental": info.experimental})
    .to_string()
}

fn numbered_by(numbering: Numbering) -> &'static str {
    match numbering {
        Numbering::None => "nothing",
        Numbering::Counter { .. } => "transport counter",
        Numbering::Sequence { .. } => "sequence",
        Numbering::Boot => "boot and sequence",
        Numbering::Record => "record id",
    }
}

fn paragraph(protocol: Protocol) -> String {
    let info = protocol.info();
    let experimental = if info.experimental { " (experimental)" } else { "" };
    let mut text =
        format!("{}: {}{experimental}\n    says: {}\n", protocol.name(), info.title, info.says.join(", "));
    if !info.commands.is_empty() {
        let answered = if info.acknowledges { "; it answers" } else { "" };
        text.push_str(&format!("    takes: {}{answered}\n", info.commands.join(", ")));
    }
    text.push_str(&format!("    numbered by: {}\n", numbered_by(info.numbering)));
    text
}
