//! `parkline serve`

use std::time::Duration;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::{CannotRun, Ended, init, options, tenants};
use crate::{
    config::{self, Effective, Given},
    server::{Server, ServerOptions},
    telemetry::Logs,
};

const EXAMPLES: &str = "\
Examples:
  parkline serve
  parkline serve --site site.json --data ./data
  parkline serve --site site/ --data /var/lib/parkline --http 0.0.0.0:8080 --tcp 0.0.0.0:7500 --tokens tokens
  parkline serve --site site/ --data /var/lib/parkline --tenant lisbon.toml --tenant porto.toml
  parkline serve --site site/ --log kafka://10.0.0.1:9092,10.0.0.2:9092/shenzhen --instance host-1 --tokens tokens

When it takes frames it prints one line to stdout, one for each tenant: {\"ready\":true,\"tenant\":…,\"http\":…,\"tcp\":…}.
Port 0 takes any free port.

What devices and people send:
  native frames       the TCP address
  Vzenith cameras     POST /vz/DEVICE, or /vz with the serial number in the body; the answer opens the gate
  any other device    POST /v1/devices/DEVICE/frames
  people, payments    POST /v1/actions
What can be asked:
  GET /v1/sessions?state=open&lot=L1   GET /v1/sessions/ID   GET /v1/charges/ID
  GET /v1/feed/sessions?after=POSITION (charges, commands, alerts, devices, dead-letters, frames)
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
    let own = options::effective(&args.given)?;
    let all = tenants::all(own.clone())?;
    if args.print_config {
        for (place, effective) in all.iter().enumerate() {
            if let Some(file) = tenants::file(&all, place) {
                println!("{}# {file}", if place > 0 { "\n" } else { "" });
            }
            print!("{}", config::printed(effective));
        }
        return Ok(Ended::Well);
    }
    let telemetry = options::telemetry(&own);
    let wrong = |error| CannotRun::from(own.wrong("telemetry.otlp", error));
    let _telling = telemetry.begin().map_err(wrong)?;
    let ended = tenants::each(&all, |effective| Ok(options::server(effective)?)).and_then(|options| {
        all.iter().flat_map(options::unknown).for_each(|said| warn!("{said}"));
        start(args, &all, &options, first && telemetry.logs == Logs::Text)
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

fn start(args: &Args, all: &[Effective], options: &[ServerOptions], first: bool) -> Result<Ended, CannotRun> {
    if args.check {
        let mut devices = 0;
        for (place, options) in options.iter().enumerate() {
            devices += Server::check(options).map_err(|error| tenants::named(all, place, error))?;
        }
        println!("{}", json!({"ok": true, "devices": devices}));
        return Ok(Ended::Well);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CannotRun::new)?;
    let ended = runtime.block_on(serve(all, options, first));
    // What is durable is committed; nothing that a client of brokers or stores still waits for holds up the end.
    runtime.shutdown_timeout(LEAVE);
    #[cfg(feature = "kafka")]
    if crate::log::kafka::wait_for_ended_clients(LEAVE) > 0 {
        warn!("the cluster was not told in time that this process goes");
    }
    ended
}

/// How long the end may take once everything is committed.
const LEAVE: Duration = Duration::from_secs(5);

async fn serve(all: &[Effective], options: &[ServerOptions], first: bool) -> Result<Ended, CannotRun> {
    // Before the start, so that a signal during it is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(CannotRun::new)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(CannotRun::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CannotRun::new)?;
    let servers = tokio::select! {
        servers = start_all(all, options) => servers?,
        _ = terminate.recv() => return Ok(Ended::Well),
        _ = interrupt.recv() => return Ok(Ended::Well),
    };
    greet(options, &servers);
    if let Some(Tenant { server, .. }) = servers.first().filter(|_| first) {
        init::tell_next(server.http);
    }
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = look.tick() => {
                servers.iter().filter(|of| of.server.certificates_changed()).for_each(Tenant::read_certificates);
            }
            _ = hang_up.recv() => {
                // A stolen key ends at once: a site goes through the log, and that may take its time.
                for tenant in &servers {
                    tenant.read_secrets();
                    tenant.read_certificates();
                }
                let sites = async {
                    for tenant in &servers {
                        tenant.read_site().await;
                    }
                };
                // A stop does not wait for it: what is half written is made good at the next start.
                tokio::select! {
                    () = sites => {}
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                }
            }
        }
    }
    info!("stopping: no new connections, finishing what is under way");
    let failure = servers.iter().find_map(|of| Some(format!("{}{}", of.name, of.server.failure()?)));
    stop_all(servers).await;
    failure.map_or(Ok(Ended::Well), |why| Err(CannotRun(why)))
}

/// A tenant's server.
struct Tenant {
    /// What is said before a sentence about it, where there are several.
    name: String,
    server: Server,
}

/// Starts all of them, or none.
async fn start_all(all: &[Effective], options: &[ServerOptions]) -> Result<Vec<Tenant>, CannotRun> {
    let mut servers = Vec::new();
    for (place, options) in options.iter().enumerate() {
        match Server::start(options).await {
            Ok(server) => {
                let name = if all.len() > 1 { format!("{}: ", server.tenant) } else { String::new() };
                servers.push(Tenant { name, server });
            }
            Err(error) => {
                stop_all(servers).await;
                return Err(tenants::named(all, place, error));
            }
        }
    }
    Ok(servers)
}

/// Stops all of them at the same time.
async fn stop_all(servers: Vec<Tenant>) {
    let stopping: Vec<_> = servers.into_iter().map(|tenant| tokio::spawn(tenant.server.stop())).collect();
    for stopped in stopping {
        let _ = stopped.await;
    }
}

impl Tenant {
    fn read_secrets(&self) {
        let Self { name, server } = self;
        match server.reload_secrets() {
            Ok(None) => info!(change = "secrets", "{name}the secrets were read again"),
            Ok(Some(lacking)) => warn!(change = "secrets", "{name}the secrets were read again: {lacking}"),
            Err(error) => warn!(change = "secrets", "{name}the secrets stay as they were: {error}"),
        }
    }

    fn read_certificates(&self) {
        let Self { name, server } = self;
        match server.reload_certificates() {
            Ok(true) => info!(change = "certificates", "{name}the certificates were read again"),
            Ok(false) => {}
            Err(error) => warn!(change = "certificates", "{name}the certificates stay as they were: {error}"),
        }
    }

    async fn read_site(&self) {
        let Self { name, server } = self;
        match server.reload().await {
            Ok(changes) => {
                info!(
                    change = "site",
                    changes, "{name}the site was read again: {changes} changes written to the log"
                );
                if changes > 0 {
                    // A device that came may lack what it needs.
                    self.read_secrets();
                }
            }
            Err(error) => warn!(change = "site", "{name}the site stays as it was: {error}"),
        }
    }
}

/// How often it is looked whether files with certificates have changed.
const LOOK: Duration = Duration::from_secs(2);

fn greet(options: &[ServerOptions], servers: &[Tenant]) {
    let mut ready = String::new();
    for (options, Tenant { name, server }) in options.iter().zip(servers) {
        for torn in &server.torn {
            let file = torn.file.display();
            warn!(
                "{file}: cut {} bytes at {} ({}); they were never acknowledged",
                torn.bytes, torn.at, torn.why
            );
        }
        if server.site_changes > 0 {
            let changes = server.site_changes;
            info!(
                change = "site",
                changes, "{name}the site has changed: {changes} changes written to the log"
            );
        }
        if options.tokens.is_empty() {
            warn!(
                "{name}no tokens are configured: whoever reaches this machine's loopback may do everything"
            );
        }
        info!("{name}{} devices; HTTP on {}", server.devices, server.http);
        if let Some(tcp) = server.tcp {
            info!("{name}native frames on {tcp}");
        }
        let mut ports = serde_json::Map::new();
        for (protocol, address) in &server.ports {
            info!("{name}{} on {address}", protocol.name());
            ports.insert(protocol.name().to_owned(), json!(address.to_string()));
        }
        let (http, tcp) = (server.http.to_string(), server.tcp.map(|tcp| tcp.to_string()));
        let line = json!({"ready": true, "tenant": server.tenant, "http": http, "tcp": tcp, "ports": ports});
        ready.push_str(&format!("{line}\n"));
    }
    // At once: whoever reads only the first line may be gone for the second.
    print!("{ready}");
}
