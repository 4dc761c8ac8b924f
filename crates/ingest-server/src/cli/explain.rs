//! `parkline explain`

use device_codec::Field;
use serde_json::json;

use super::{
    CannotRun, Ended, frames, input,
    output::{self, Lines},
};

const EXAMPLES: &str = "\
Examples:
  echo 0112 | parkline explain --protocol bosch-tps110:2
  parkline explain --protocol parkline capture.hex > fields.jsonl

The table goes to stderr; where stdout is no terminal, each field goes there as a JSON line. A broken frame is printed
up to where it breaks.";

/// What `explain` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    frames: frames::FrameArgs,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let frames = args.frames.checked()?;
    let mut lines = Lines::new();
    let mut bad = false;
    input::lines(&args.frames.files, |line| {
        if frames.passes_over(line) {
            return Ok(());
        }
        let (fields, error) = match frames.payload(line) {
            Ok(payload) => {
                let explained = device_codec::explain(frames.protocol, &payload, &frames.context);
                (explained.fields, explained.error.map(frames::BadLine::from))
            }
            Err(error) => (Vec::new(), Some(error)),
        };
        bad |= error.is_some();
        eprint!("{}", table(&fields, error.as_ref()));
        if output::is_terminal() {
            return Ok(());
        }
        fields.iter().try_for_each(|field| lines.line(field_json(field).as_bytes()))?;
        error.iter().try_for_each(|error| lines.line(error.json().as_bytes()))
    })?;
    lines.finish()?;
    Ok(Ended::some_bad(bad))
}

fn field_json(field: &Field) -> String {
    json!({"offset": field.offset, "bytes": field.len, "field": field.name, "value": field.value, "meaning": field.meaning})
        .to_string()
}

fn table(fields: &[Field], error: Option<&frames::BadLine>) -> String {
    let width = |of: fn(&Field) -> usize, least: usize| fields.iter().map(of).max().unwrap_or(0).max(least);
    let name = width(|field| field.name.chars().count(), 5);
    let value = width(|field| field.value.chars().count(), 5).min(48);
    let mut text =
        format!("{:>6} {:>5}  {:name$}  {:value$}  meaning\n", "offset", "bytes", "field", "value");
    for field in fields {
        let line = format!(
            "{:>6} {:>5}  {:name$}  {:value$}  {}",
            field.offset, field.len, field.name, field.value, field.meaning
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if let Some(error) = error {
        text.push_str(&error.line());
    }
    text.push('\n');
    text
}
