//! `parkline serve`

use std::{net::SocketAddr, path::PathBuf};

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{CannotRun, Ended, listeners};
use crate::{
    api::Tokens,
    server::{Place, Server, ServerOptions},
};

const EXAMPLES: &str = "\
Examples:
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
    /// The site: a document, or a folder of them
    #[arg(long, value_name = "SITE")]
    site: PathBuf,
    /// The data folder; made where it is missing
    #[arg(long, value_name = "DIR", required_unless_present = "log", conflicts_with = "log")]
    data: Option<PathBuf>,
    /// Apache Kafka instead of a data folder: kafka://HOST:PORT[,HOST:PORT…][/PREFIX]; docs/kafka.md
    #[arg(long, value_name = "URL")]
    log: Option<String>,
    /// With --log: properties of the client, such as TLS and SASL; a file of lines NAME=VALUE
    #[arg(long, value_name = "FILE", requires = "log")]
    kafka_config: Option<PathBuf>,
    /// With --log: this process's name in the group, the same after a restart, which then moves no partitions
    #[arg(long, value_name = "NAME", requires = "log")]
    instance: Option<String>,
    /// With --log: accept that an acknowledged record may lie on one broker only
    #[arg(long, requires = "log")]
    single_copy: bool,
    /// With --log: what this process does
    #[arg(long, value_name = "ROLE", requires = "log", default_value = "all")]
    role: Role,
    /// Where native frames come in; `none`: nowhere
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7500")]
    tcp: String,
    /// Where HTTP comes in
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7580")]
    http: SocketAddr,
    /// Who may use the API: a file of lines ROLE TOKEN. Without it, or the variable PARKLINE_TOKENS with such
    /// lines, only loopback addresses are listened on
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Partitions of a new log (default 4, on Kafka 12); an existing one keeps what it has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    partitions: Option<u32>,
    /// Only look whether site, tokens, secrets and addresses can be used; exit 2 and say why where they cannot
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    listeners: listeners::Listeners,
}

/// What a process of several does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// Listens and works
    All,
    /// Takes frames and answers questions, but owns no partitions
    Listener,
    /// Works on partitions; takes no native frames
    Worker,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let options = options(args)?;
    if args.check {
        let devices = Server::check(&options).map_err(CannotRun::new)?;
        println!("{}", json!({"ok": true, "devices": devices}));
        return Ok(Ended::Well);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CannotRun::new)?;
    runtime.block_on(serve(&options))
}

fn options(args: &Args) -> Result<ServerOptions, CannotRun> {
    let tcp = match args.tcp.as_str() {
        _ if args.role == Role::Worker => None,
        "none" => None,
        address => {
            Some(address.parse().map_err(|_| CannotRun(format!("--tcp: {address} is no address and port")))?)
        }
    };
    let text = match &args.tokens {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| CannotRun(format!("cannot read {}: {error}", path.display())))?,
        None => std::env::var("PARKLINE_TOKENS").unwrap_or_default(),
    };
    let tokens = Tokens::parse(&text).map_err(CannotRun::new)?;
    let (site, log, listeners) = (args.site.clone(), place(args)?, args.listeners.options()?);
    Ok(ServerOptions { site, log, tcp, http: args.http, tokens, partitions: args.partitions, listeners })
}

fn place(args: &Args) -> Result<Place, CannotRun> {
    match (&args.data, &args.log) {
        (Some(data), _) => Ok(Place::Folder(data.clone())),
        (None, Some(address)) => cluster(args, address),
        (None, None) => Err(CannotRun("either --data or --log is needed".to_owned())),
    }
}

#[cfg(feature = "kafka")]
fn cluster(args: &Args, address: &str) -> Result<Place, CannotRun> {
    let mut options = crate::log::KafkaOptions::at(address).map_err(CannotRun::new)?;
    (options.partitions, options.single_copy) = (args.partitions, args.single_copy);
    if let Some(path) = &args.kafka_config {
        let text = std::fs::read_to_string(path)
            .map_err(|error| CannotRun(format!("cannot read {}: {error}", path.display())))?;
        let wrong = |line| CannotRun(format!("{}: line {line} is no NAME=VALUE", path.display()));
        options.read_properties(&text).map_err(wrong)?;
    }
    let (instance, works) = (args.instance.clone(), args.role != Role::Listener);
    Ok(Place::Cluster(crate::cluster::Cluster { options, instance, works }))
}

#[cfg(not(feature = "kafka"))]
fn cluster(_: &Args, _: &str) -> Result<Place, CannotRun> {
    let why =
        "this parkline was built without Kafka: cargo build --release -p ingest-server --features kafka";
    Err(CannotRun(why.to_owned()))
}

async fn serve(options: &ServerOptions) -> Result<Ended, CannotRun> {
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
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                match server.reload().await {
                    Ok(changes) => eprintln!("the site was read again: {changes} changes written to the log"),
                    Err(error) => eprintln!("the site stays as it was: {error}"),
                }
                match server.reload_secrets() {
                    Ok(None) => eprintln!("the secrets were read again"),
                    Ok(Some(lacking)) => eprintln!("the secrets were read again: {lacking}"),
                    Err(error) => eprintln!("the secrets stay as they were: {error}"),
                }
            }
        }
    }
    eprintln!("stopping: no new connections, finishing what is under way");
    let failure = server.failure();
    server.stop().await;
    failure.map_or(Ok(Ended::Well), |why| Err(CannotRun(why)))
}

fn greet(options: &ServerOptions, server: &Server) {
    for torn in &server.torn {
        let file = torn.file.display();
        eprintln!(
            "{file}: cut {} bytes at {} ({}); they were never acknowledged",
            torn.bytes, torn.at, torn.why
        );
    }
    if server.site_changes > 0 {
        eprintln!("the site has changed: {} changes written to the log", server.site_changes);
    }
    if options.tokens.is_empty() {
        eprintln!("no tokens are configured: whoever reaches this machine's loopback may do everything");
    }
    eprintln!("{} devices; HTTP on {}", server.devices, server.http);
    if let Some(tcp) = server.tcp {
        eprintln!("native frames on {tcp}");
    }
    let mut ports = serde_json::Map::new();
    for (protocol, address) in &server.ports {
        eprintln!("{} on {address}", protocol.name());
        ports.insert(protocol.name().to_owned(), json!(address.to_string()));
    }
    let (http, tcp) = (server.http.to_string(), server.tcp.map(|tcp| tcp.to_string()));
    println!("{}", json!({"ready": true, "http": http, "tcp": tcp, "ports": ports}));
}
