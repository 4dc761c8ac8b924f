//! `parkline decode`

use super::{CannotRun, Ended, frames, input, output::Lines};

const EXAMPLES: &str = "\
Examples:
  echo 01 | parkline decode --protocol bosch-tps110 --fport 1
  parkline decode --protocol vz-http --content-type application/json posts.jsonl
  parkline decode --protocol parkline capture.hex

A line holds one frame in hex, with or without `0x`, blanks and colons; for protocols that speak JSON it may hold the JSON text. An empty line is passed over,
unless the protocol has a frame without bytes (the start of a PNI PlacePod). A frame that holds several
readings prints several lines. A bad frame prints {\"error\":{\"code\",\"offset\",\"message\"}} and decoding goes on.";

/// What `decode` is told.
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
        let mut readings: Vec<Vec<u8>> = Vec::new();
        let decoded = frames.payload(line).and_then(|payload| {
            let outcome = device_codec::decode(frames.protocol, &payload, &frames.context, &mut |reading| {
                let mut json = Vec::new();
                reading.write_json(&mut json);
                readings.push(json);
            });
            outcome.map_err(frames::BadLine::from)
        });
        match decoded {
            Ok(()) => readings.iter().try_for_each(|reading| lines.line(reading)),
            Err(error) => {
                bad = true;
                lines.line(error.json().as_bytes())
            }
        }
    })?;
    lines.finish()?;
    Ok(Ended::some_bad(bad))
}
