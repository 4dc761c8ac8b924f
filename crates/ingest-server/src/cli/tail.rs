//! `parkline tail`

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::Duration,
};

use serde::Deserialize;

use super::{CannotRun, Ended, output::Lines};

const EXAMPLES: &str = "\
Examples:
  parkline tail charges
  parkline tail frames --new --http 10.0.0.5:7580 --token-file token
  parkline tail sessions --after 120.7.0.31 --once

Follows the server's feed and prints a line for each record: {\"position\",\"partition\",\"offset\",\"key\",\"record\"}. Topics:
frames, sessions, charges, commands, alerts, devices, dead-letters. A reader that keeps the last position goes on with
--after.";

/// What `tail` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What to follow
    #[arg(default_value = "sessions")]
    topic: String,
    /// The server
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7580")]
    http: SocketAddr,
    /// A file that holds a token of the role read
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Go on after this position
    #[arg(long, value_name = "POSITION")]
    after: Option<String>,
    /// Only what comes from now on
    #[arg(long)]
    new: bool,
    /// Stop where there is no more
    #[arg(long)]
    once: bool,
}

#[derive(Deserialize)]
struct Line {
    position: String,
}

/// Records asked for at once.
const PAGE: usize = 1_000;
/// How long the server waits for the first of them, in seconds.
const WAIT: u64 = 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let token = match &args.token_file {
        Some(path) => {
            let unreadable = |e| CannotRun(format!("cannot read {}: {e}", path.display()));
            Some(fs::read_to_string(path).map_err(unreadable)?.trim().to_owned())
        }
        None => None,
    };
    let (mut after, mut is_new) = (args.after.clone(), !args.new);
    loop {
        // Nobody waits for what is to be passed over.
        let wait = if args.once || !is_new { 0 } else { WAIT };
        let place = after.as_ref().map_or(String::new(), |after| format!("&after={after}"));
        let path = format!("/v1/feed/{}?limit={PAGE}&wait={wait}{place}", args.topic);
        let body = get(args.http, &path, token.as_deref())?;
        let mut lines = Lines::new();
        for line in body.lines() {
            let read: Line = serde_json::from_str(line).map_err(CannotRun::new)?;
            after = Some(read.position);
            if is_new {
                lines.line(line.as_bytes())?;
            }
        }
        lines.finish()?;
        if body.is_empty() {
            is_new = true;
            if args.once {
                return Ok(Ended::Well);
            }
        }
    }
}

/// The body of an answer whose status is 200.
fn get(to: SocketAddr, path: &str, token: Option<&str>) -> Result<String, CannotRun> {
    let failed = |error: std::io::Error| CannotRun(format!("cannot ask {to}: {error}"));
    let mut stream = TcpStream::connect(to).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let token = token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
    let request = format!("GET {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n{token}\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(failed)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(CannotRun(format!("{to} says: {} {body}", head.lines().next().unwrap_or("nothing")))),
    }
}
