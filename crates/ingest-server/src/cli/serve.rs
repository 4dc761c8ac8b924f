//! `parkline serve`

use std::time::Duration;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::{CannotRun, Ended, init, options};
use crate::{
    config::{self, Given},
    listener::tls::TlsError,
    server::{Server, ServerOptions},
    telemetry::Logs,
};

const EXAMPLES: &str = "\
Examples:
  parkline serve
  parkline serve --site site.json --data ./data
  parkline serve --site site/ --data /var/lib/parkline --http 0.0.0.0:8080 --tcp 0.0.0.0:7500 --tokens tokens
  parkline serve --site site/ --log kafka://10.0.0.1:9092,10.0.0.2:9092/shenzhen --instance host-1 --tokens tokens

When it takes frames it prints one line to stdout: {\"ready\":true,\"http\":…,\"tcp\":…}. Port 0 takes any free port.

What devices and people send:
  native frames       the TCP address
  Vzenith cameras     POST /vz/DEVICE, or /vz with the serial number in the body; the answer opens the gate
  any other device    POST /v1/devices/DEVICE/frames
  people, payments    POST /v1/actions
What can be asked:
  GET /v1/sessions?state=open&lot=L1   GET /v1/sessions/ID   GET /v1/charges/ID
  GET /v1/feed/sessions?after=POSITION (charges, commands, alerts, dead-letters, frames)
  POST /v1/quote   GET /livez   GET /readyz   GET /metrics   GET /v1/reference/KIND/ID

A line of the tokens file is ROLE TOKEN; roles are device, read, operate, admin. A line of the secrets file is
NAME KEY_ID HEX or NAME token TEXT, NAME being what devices of the site have as `key`. SIGTERM drains and stops;
SIGHUP reads site and secrets again and works in what changed. One entry is changed by PUT /v1/reference/KIND/ID.";

/// What `serve` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,
    /// Only look whether everything can be used; the same as `parkline check`
    #[arg(long)]
    check: bool,
    /// Only print what holds, and who said so: the file, a variable, a flag, or nobody
    #[arg(long)]
    print_config: bool,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let folder = std::env::current_dir().map_err(CannotRun::new)?;
    let first = !args.check && !args.print_config && init::first_run(&args.given, &folder)?;
    let effective = options::effective(&args.given)?;
    if args.print_config {
        print!("{}", config::printed(&effective));
        return Ok(Ended::Well);
    }
    let telemetry = options::telemetry(&effective);
    let wrong = |error| CannotRun::from(effective.wrong("telemetry.otlp", error));
    let _telling = telemetry.begin().map_err(wrong)?;
    let ended = options::server(&effective).map_err(CannotRun::from).and_then(|options| {
        options::unknown(&effective).for_each(|said| warn!("{said}"));
        start(args, &options, first && telemetry.logs == Logs::Text)
    });
    match ended {
        // Who reads JSON gets the last line as JSON too.
        Err(CannotRun(why)) if telemetry.logs == Logs::Json => {
            error!("{why}");
            Ok(Ended::CouldNotRun)
        }
        ended => ended,
    }
}

fn start(args: &Args, options: &ServerOptions, first: bool) -> Result<Ended, CannotRun> {
    if args.check {
        let devices = Server::check(options).map_err(CannotRun::new)?;
        println!("{}", json!({"ok": true, "devices": devices}));
        return Ok(Ended::Well);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CannotRun::new)?;
    runtime.block_on(serve(options, first))
}

async fn serve(options: &ServerOptions, first: bool) -> Result<Ended, CannotRun> {
    // Before the start, so that a signal during it is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(CannotRun::new)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(CannotRun::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CannotRun::new)?;
    let server = tokio::select! {
        server = Server::start(options) => server.map_err(CannotRun::new)?,
        _ = terminate.recv() => return Ok(Ended::Well),
        _ = interrupt.recv() => return Ok(Ended::Well),
    };
    greet(options, &server);
    if first {
        init::tell_next(server.http);
    }
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = look.tick() => {
                if server.certificates_changed() {
                    tell(server.reload_certificates());
                }
            }
            _ = hang_up.recv() => {
                match server.reload().await {
                    Ok(changes) => info!(
                        change = "site", changes, "the site was read again: {changes} changes written to the log"
                    ),
                    Err(error) => warn!(change = "site", "the site stays as it was: {error}"),
                }
                tell(server.reload_certificates());
                match server.reload_secrets() {
                    Ok(None) => info!(change = "secrets", "the secrets were read again"),
                    Ok(Some(lacking)) => warn!(change = "secrets", "the secrets were read again: {lacking}"),
                    Err(error) => warn!(change = "secrets", "the secrets stay as they were: {error}"),
                }
            }
        }
    }
    info!("stopping: no new connections, finishing what is under way");
    let failure = server.failure();
    server.stop().await;
    failure.map_or(Ok(Ended::Well), |why| Err(CannotRun(why)))
}

/// How often it is looked whether files with certificates have changed.
const LOOK: Duration = Duration::from_secs(2);

fn tell(certificates: Result<bool, TlsError>) {
    match certificates {
        Ok(true) => info!(change = "certificates", "the certificates were read again"),
        Ok(false) => {}
        Err(error) => warn!(change = "certificates", "the certificates stay as they were: {error}"),
    }
}

fn greet(options: &ServerOptions, server: &Server) {
    for torn in &server.torn {
        let file = torn.file.display();
        warn!("{file}: cut {} bytes at {} ({}); they were never acknowledged", torn.bytes, torn.at, torn.why);
    }
    if server.site_changes > 0 {
        let changes = server.site_changes;
        info!(change = "site", changes, "the site has changed: {changes} changes written to the log");
    }
    if options.tokens.is_empty() {
        warn!("no tokens are configured: whoever reaches this machine's loopback may do everything");
    }
    info!("{} devices; HTTP on {}", server.devices, server.http);
    if let Some(tcp) = server.tcp {
        info!("native frames on {tcp}");
    }
    let mut ports = serde_json::Map::new();
    for (protocol, address) in &server.ports {
        info!("{} on {address}", protocol.name());
        ports.insert(protocol.name().to_owned(), json!(address.to_string()));
    }
    let (http, tcp) = (server.http.to_string(), server.tcp.map(|tcp| tcp.to_string()));
    println!("{}", json!({"ready": true, "http": http, "tcp": tcp, "ports": ports}));
}
