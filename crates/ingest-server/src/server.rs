//! Everything together: the site, the log, the workers and the listeners, from start to drain.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use device_codec::Protocol;
use parkline::{
    pipeline::Pipeline,
    site::{Site, SiteError},
    stage::Output,
};
use serde_json::{Map, Value};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    api::{self, Api, Tokens},
    archive::Retention,
    clock::Clock,
    directory::Directory,
    host::{FRAMES, Host, HostOptions},
    images::Images,
    keeper::{ChangeError, Keeper, Kept, KeptError},
    left::DiskStore,
    listener::{
        self, Sockets,
        door::Door,
        guard::Guard,
        tls::{self, Certificates, TlsError},
    },
    log::{Embedded, Log, LogError, Name, Options, Ownership, SharedLog, TornTail},
    metrics::{Certificate, Listener, Metrics},
    objects::{Objects, ObjectsAt, ObjectsError},
    secrets::{self, Lacking, Secrets},
    sitefile::{SiteDocuments, SiteFileError},
    sweep::sweep,
};

/// How the server is started.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The site: a document or a folder of them.
    pub site: PathBuf,
    /// Where the log lies.
    pub log: Place,
    /// Where native frames come in.
    pub tcp: Option<SocketAddr>,
    /// Where HTTP comes in.
    pub http: SocketAddr,
    /// Who may use the API; with none, only loopback addresses are listened on.
    pub tokens: Tokens,
    /// Partitions of a new log.
    pub partitions: Option<u32>,
    /// Further ports, secrets and limits.
    pub listeners: listener::Options,
    /// How long frames stay in the data folder.
    pub retention: Retention,
    /// Object storage that photos go to.
    pub objects: Option<ObjectsAt>,
}

/// Where a log lies.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a data folder of this machine.
    Folder(PathBuf),
    /// On Apache Kafka.
    #[cfg(feature = "kafka")]
    Cluster(crate::cluster::Cluster),
}

impl ServerOptions {
    fn follows(&self) -> bool {
        match &self.log {
            Place::Folder(_) => false,
            #[cfg(feature = "kafka")]
            Place::Cluster(cluster) => cluster.follows,
        }
    }
}

/// Why the server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The site's documents cannot be read.
    SiteFile(SiteFileError),
    /// The site's documents do not hold together.
    Site(SiteError),
    /// The log cannot be opened.
    Log(LogError),
    /// What the data folder keeps of the site cannot be read or written.
    Kept(KeptError),
    /// An address cannot be listened on.
    Listen {
        /// Which.
        address: SocketAddr,
        /// The system's answer.
        error: io::Error,
    },
    /// An address that others reach, without tokens.
    Open {
        /// Which.
        address: SocketAddr,
    },
    /// A lot changed its group, which decides where its records lie.
    Group {
        /// Which lot.
        lot: String,
    },
    /// A worker stopped while the log was read.
    Worker(String),
    /// The changes of the site do not fit or could not be written.
    Change(ChangeError),
    /// The devices' secrets cannot be used.
    Secrets(secrets::ReadError),
    /// The certificates cannot be used.
    Tls(TlsError),
    /// Object storage cannot be used.
    Objects(ObjectsError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SiteFile(error) => error.fmt(f),
            Self::Site(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Kept(error) => error.fmt(f),
            Self::Listen { address, error } => write!(f, "cannot listen on {address}: {error}"),
            Self::Open { address } => {
                write!(f, "{address} can be reached by others, but no tokens are configured (--tokens)")
            }
            Self::Group { lot } => write!(f, "lot {lot} was made in another group; that cannot be changed"),
            Self::Worker(why) => write!(f, "a worker stopped: {why}"),
            Self::Secrets(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Objects(error) => error.fmt(f),
            Self::Change(error) => write!(f, "the site's changes were not taken: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

macro_rules! from {
    ($($error:ty => $variant:ident),+) => { $(
        impl From<$error> for StartError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )+ };
}
from! {
    SiteFileError => SiteFile, SiteError => Site, LogError => Log, KeptError => Kept, ChangeError => Change,
    secrets::ReadError => Secrets, TlsError => Tls, ObjectsError => Objects
}

/// The name under which the pipeline's workers commit.
const READER: &str = "pipeline";
/// Bytes of a partition that may be under way: a second's worth of frames for its worker.
const BUDGET_BYTES: u32 = 32 << 20;
/// How often the start looks whether all partitions have read their log.
const LOOK: Duration = Duration::from_millis(10);
/// How often planned changes of the site are looked at.
const PLANNED: Duration = Duration::from_secs(1);
/// How long requests may take to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// A server that takes frames.
pub struct Server {
    host: Host,
    // After the host: its workers finish before the group is left.
    membership: Membership,
    keeper: Arc<Keeper>,
    guard: Arc<Guard>,
    certificates: Option<Arc<Certificates>>,
    certificate_files: Vec<(Certificate, PathBuf)>,
    site: PathBuf,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Whose site it is.
    pub tenant: String,
    /// Where HTTP is listened on.
    pub http: SocketAddr,
    /// Where native frames are listened on.
    pub tcp: Option<SocketAddr>,
    /// Where other protocols are listened on.
    pub ports: Vec<(Protocol, SocketAddr)>,
    /// Torn tails that were cut when the log was opened.
    pub torn: Vec<TornTail>,
    /// How many changes of the site were written at the start.
    pub site_changes: usize,
    /// How many devices the site has.
    pub devices: usize,
}

impl Server {
    /// Starts everything; returns when frames are taken.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub async fn start(options: &ServerOptions) -> Result<Self, StartError> {
        closed(options)?;
        let open = options.tokens.is_empty();
        let merged = SiteDocuments::read(&options.site)?.merged()?;
        let site = parse(&options.site.display().to_string(), &merged)?;
        let tenant = site.tenant().to_string();
        let http = listen(options.http).await?;
        let sockets = Sockets::bind(options.tcp, &options.listeners.ports).await;
        let sockets = sockets.map_err(|(address, error)| StartError::Listen { address, error })?;
        let secrets = Secrets::open(options.listeners.secrets.clone(), &Directory::new(&merged, 1))?;
        let certificates = certificates(options)?;
        let reader = Name::new(READER).ok_or(LogError::Closed)?;
        let clock = Clock::system();
        let Opened { log, ownership, kept, left, torn, membership } =
            open_log(options, &merged, &tenant, &reader, &clock).await?;
        let genesis = parse("the site that the log began with", &kept.genesis)?;
        let follows = options.follows();
        let host_options = HostOptions { reader, budget_bytes: BUDGET_BYTES, poison, follows };
        let make = move |partition| {
            let mut pipeline = Pipeline::new(genesis.clone());
            if let Some(folder) = &left {
                pipeline.keep_in(Box::new(DiskStore::open(folder, partition)), false);
            }
            pipeline
        };
        let host = Host::start(log, ownership, clock, &host_options, make)?;
        let (host, membership) = hear(host, membership).await?;
        let directory = Arc::new(Directory::new(kept.now(), host.log.partitions()));
        let in_a_cluster = kept.is_in_a_cluster();
        let (keeper, pending) = Keeper::new(kept, &host, directory.clone())?;
        let keeper = Arc::new(keeper);
        let (stop, stopped) = watch::channel(false);
        let (http_at, tcp, ports) = (address(&http), sockets.tcp(), sockets.ports());
        let limits = options.listeners.limits;
        let guard = Arc::new(Guard::new(directory, secrets, open, limits));
        let data = match &options.log {
            Place::Folder(data) => Some(data.join(&tenant)),
            #[cfg(feature = "kafka")]
            Place::Cluster(_) => None,
        };
        let images = data.as_ref().map(|data| images(options, data, &tenant)).transpose()?;
        let kept = data.clone().zip(images.clone());
        let beside = (data.clone(), images.clone());
        let api = Api::new(&host, guard.clone(), keeper.clone(), images, data, options.tokens.clone());
        let metrics = host.intake.metrics().clone();
        let entrance = options.listeners.entrance(Listener::Http, certificates.as_ref());
        let door = Door::new(Listener::Http, entrance, Box::new(|_| true), &metrics);
        let serving = api::serve(http, api.router(), door, limits, metrics.clone(), stopped.clone());
        let mut tasks = vec![tokio::spawn(serving)];
        // In a cluster others may own the partitions; the changes are for whoever does.
        if !in_a_cluster {
            caught_up(&host).await?;
        }
        let site_changes = keeper.begin(pending, &merged).await?;
        let membership = hear_of_the_site(membership, &keeper).await?;
        tasks.push(tokio::spawn(keep_up(keeper.clone(), stopped.clone())));
        if let Some((tenant, images)) = kept {
            let (metrics, sending, stopping) = (metrics.clone(), images.clone(), stopped.clone());
            tasks.push(tokio::spawn(async move { sending.send(&metrics, stopping).await }));
            if options.retention.sweeps() {
                let retention = options.retention.clone();
                tasks.push(tokio::spawn(sweep(
                    tenant,
                    images,
                    retention,
                    host.clock.clone(),
                    stopped.clone(),
                )));
            }
        }
        let devices = guard.directory.len();
        let certificate_files = options.listeners.certificate_files();
        note_ends(&certificate_files, host.intake.metrics());
        let certificates_now = certificates.as_ref();
        tasks.extend(sockets.serve(&host, &guard, &options.listeners, certificates_now, beside, &stopped));
        Ok(Self {
            host,
            membership,
            keeper,
            guard,
            certificates,
            certificate_files,
            site: options.site.clone(),
            stop,
            tasks,
            tenant,
            http: http_at,
            tcp,
            ports,
            torn,
            site_changes,
            devices,
        })
    }

    /// Looks whether site, secrets and addresses can be used, without touching log or sockets; gives how many devices
    /// the site has.
    ///
    /// # Errors
    /// [`StartError`]: what would keep the server from starting.
    pub fn check(options: &ServerOptions) -> Result<usize, StartError> {
        closed(options)?;
        let merged = SiteDocuments::read(&options.site)?.merged()?;
        parse(&options.site.display().to_string(), &merged)?;
        let directory = Directory::new(&merged, 1);
        Secrets::open(options.listeners.secrets.clone(), &directory)?;
        certificates(options)?;
        options.objects.as_ref().map(|at| Objects::open(at, "")).transpose()?;
        Ok(directory.len())
    }

    /// What went wrong for good while it ran, if something did.
    pub fn failure(&self) -> Option<String> {
        self.host.health.failure()
    }

    /// Reads the site's documents again and works in what changed; gives how many entries did.
    ///
    /// # Errors
    /// [`StartError`]; the site stays as it was.
    pub async fn reload(&self) -> Result<usize, StartError> {
        let merged = SiteDocuments::read(&self.site).and_then(|documents| documents.merged());
        let changed = match merged {
            Ok(merged) => self.keeper.reload(&merged).await.map_err(StartError::from),
            Err(error) => Err(error.into()),
        };
        self.host.intake.metrics().site(changed.is_ok());
        changed
    }

    /// Reads the devices' secrets again; gives the first device that lacks what it needs.
    ///
    /// # Errors
    /// [`secrets::ReadError`]; those in force stay.
    pub fn reload_secrets(&self) -> Result<Option<Lacking>, secrets::ReadError> {
        let read = self.guard.secrets.read_again(&self.guard.directory);
        self.host.intake.metrics().secrets(read.is_ok());
        read
    }

    /// Reads the certificates again, where there are any; connections that stand keep theirs.
    ///
    /// # Errors
    /// [`TlsError`]; those in force stay.
    pub fn reload_certificates(&self) -> Result<bool, TlsError> {
        note_ends(&self.certificate_files, self.host.intake.metrics());
        let Some(certificates) = &self.certificates else { return Ok(false) };
        let read = certificates.read_again();
        self.host.intake.metrics().certificates(read.is_ok());
        read.map(|()| true)
    }

    /// Whether a file with certificates has changed since it was read.
    pub fn certificates_changed(&self) -> bool {
        self.certificates.as_ref().is_some_and(|certificates| certificates.have_changed())
    }

    /// Stops: not ready any more, no new connections, requests finished or cut after ten seconds, everything
    /// durable worked in and committed.
    pub async fn stop(self) {
        let Self { host, membership, stop, tasks, .. } = self;
        host.health.drain();
        stop.send_replace(true);
        for mut task in tasks {
            if tokio::time::timeout(DRAIN, &mut task).await.is_err() {
                task.abort();
            }
        }
        let leaving = move || {
            // Dropped behind it: the workers finish before the group is left.
            let _membership = membership;
            host.stop();
        };
        // Threads and brokers are waited for, which must not hold the runtime.
        let _ = tokio::task::spawn_blocking(leaving).await;
    }
}

/// A place in a consumer group, where there is one; left when dropped.
#[cfg(feature = "kafka")]
type Membership = Option<crate::cluster::Membership>;
#[cfg(not(feature = "kafka"))]
type Membership = Option<std::convert::Infallible>;

/// Before frames are taken here, what others decide on them is heard.
#[cfg(feature = "kafka")]
async fn hear(host: Host, mut membership: Membership) -> Result<(Host, Membership), StartError> {
    let hearing = move || {
        membership.as_mut().map_or(Ok(()), |membership| membership.hear(&host))?;
        Ok((host, membership))
    };
    blocking(hearing).await
}
#[cfg(not(feature = "kafka"))]
async fn hear(host: Host, membership: Membership) -> Result<(Host, Membership), StartError> {
    Ok((host, membership))
}

/// From here on it is known how others change the site.
#[cfg(feature = "kafka")]
async fn hear_of_the_site(
    mut membership: Membership,
    keeper: &Arc<Keeper>,
) -> Result<Membership, StartError> {
    let keeper = keeper.clone();
    let hearing = move || {
        membership.as_mut().map_or(Ok(()), |membership| membership.hear_of_the_site(&keeper))?;
        Ok(membership)
    };
    blocking(hearing).await
}
#[cfg(not(feature = "kafka"))]
async fn hear_of_the_site(membership: Membership, _: &Arc<Keeper>) -> Result<Membership, StartError> {
    Ok(membership)
}

/// The client of a cluster blocks on the network.
#[cfg(feature = "kafka")]
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(StartError::Worker(error.to_string())))
}

/// Where photos lie: in the tenant's folder, or in object storage and on their way there in that folder.
fn images(options: &ServerOptions, data: &Path, tenant: &str) -> Result<Images, ObjectsError> {
    let folder = data.join("images");
    Ok(match &options.objects {
        Some(at) => Images::spooled(folder, Objects::open(at, &format!("{tenant}/images"))?),
        None => Images::new(folder),
    })
}

/// A log that was opened.
struct Opened {
    log: SharedLog,
    ownership: Arc<Ownership>,
    kept: Kept,
    /// Where sessions lie that have left memory; without it they stay.
    left: Option<PathBuf>,
    torn: Vec<TornTail>,
    membership: Membership,
}

#[cfg_attr(not(feature = "kafka"), allow(unused_variables, reason = "only a cluster needs them"))]
async fn open_log(
    options: &ServerOptions,
    merged: &Map<String, Value>,
    tenant: &str,
    reader: &Name,
    clock: &Clock,
) -> Result<Opened, StartError> {
    match &options.log {
        Place::Folder(data) => open_folder(data, options, merged, tenant),
        #[cfg(feature = "kafka")]
        Place::Cluster(cluster) => {
            let (cluster, merged, reader) = (cluster.clone(), merged.clone(), reader.clone());
            let clock = clock.clone();
            let opening = move || {
                let crate::cluster::Joined { log, ownership, kept } = cluster.open(&merged, &clock)?;
                let membership = Some(cluster.join(&log, &ownership, &reader)?);
                // A partition may go to another process at any time, and a file does not go with it.
                Ok(Opened { log, ownership, kept, left: None, torn: Vec::new(), membership })
            };
            blocking(opening).await
        }
    }
}

fn open_folder(
    data: &Path,
    options: &ServerOptions,
    merged: &Map<String, Value>,
    tenant: &str,
) -> Result<Opened, StartError> {
    let topics = Name::new(FRAMES).into_iter().collect();
    let (partitions, archive) = (options.partitions, options.retention.archive.clone());
    let log = Embedded::open(data, &Options { partitions, archive, ..Options::new(tenant, topics) })?;
    let torn = log.torn().to_vec();
    let kept = Kept::open(log.folder(), merged)?;
    same_groups(kept.now(), merged)?;
    let ownership = Arc::new(Ownership::all(log.partitions()));
    let left = Some(log.folder().join("left"));
    Ok(Opened { log: Arc::new(log), ownership, kept, left, torn, membership: None })
}

fn certificates(options: &ServerOptions) -> Result<Option<Arc<Certificates>>, TlsError> {
    if let Some(tls) = options.listeners.broker.as_ref().and_then(|broker| broker.tls.as_ref()) {
        tls.read()?;
    }
    let files = options.listeners.tls.as_ref().map(|tls| tls.files.clone());
    Ok(files.map(Certificates::open).transpose()?.map(Arc::new))
}

/// Until when certificates are good, where that can be read.
fn note_ends(files: &[(Certificate, PathBuf)], metrics: &Metrics) {
    for (which, path) in files {
        if let Ok(at) = tls::end(path) {
            metrics.certificate_ends(*which, at);
        }
    }
}

/// An open server listens on loopback only.
fn closed(options: &ServerOptions) -> Result<(), StartError> {
    let ports = options.listeners.ports.iter().map(|port| &port.address);
    let mut addresses = options.tcp.iter().chain([&options.http]).chain(ports);
    let reached = addresses.find(|address| options.tokens.is_empty() && !address.ip().is_loopback());
    reached.map_or(Ok(()), |address| Err(StartError::Open { address: *address }))
}

fn parse(name: &str, merged: &Map<String, Value>) -> Result<Site, SiteError> {
    let text = Value::Object(merged.clone()).to_string();
    Site::parse(&[(name, text.as_bytes())])
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { address, error })
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
}

/// Lets planned changes of the site take effect when their time comes.
async fn keep_up(keeper: Arc<Keeper>, mut stop: watch::Receiver<bool>) {
    while tokio::time::timeout(PLANNED, stop.wait_for(|stop| *stop)).await.is_err() {
        keeper.keep_up().await;
    }
}

async fn caught_up(host: &Host) -> Result<(), StartError> {
    while host.ownership.standing().caught_up < host.log.partitions() {
        if let Some(why) = host.health.failure() {
            return Err(StartError::Worker(why));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// A dead letter for a record that the pipeline failed on twice.
fn poison(frame: &[u8]) -> Output {
    let frame: Value = serde_json::from_slice(frame).unwrap_or_default();
    let key = frame.get("device").and_then(Value::as_str).unwrap_or("").to_owned();
    let error = serde_json::json!({"code": "poison", "message": "the pipeline failed on it twice"});
    let letter = serde_json::json!({"v": 1, "frame": frame, "error": error});
    Output { topic: "dead-letters", key, value: letter.to_string().into_bytes() }
}

/// A lot's group decides where its records lie, so it stays.
pub(crate) fn same_groups(old: &Map<String, Value>, new: &Map<String, Value>) -> Result<(), StartError> {
    let groups = |site: &Map<String, Value>| -> Vec<(String, String)> {
        let text = |lot: &Value, field: &str| lot.get(field).and_then(Value::as_str).map(str::to_owned);
        let lots = site.get("lots").and_then(Value::as_array).into_iter().flatten();
        lots.filter_map(|lot| Some((text(lot, "id")?, text(lot, "group").or_else(|| text(lot, "id"))?)))
            .collect()
    };
    let new = groups(new);
    let moved = |(lot, group): &(String, String)| new.iter().any(|(id, other)| id == lot && other != group);
    groups(old).into_iter().find(moved).map_or(Ok(()), |(lot, _)| Err(StartError::Group { lot }))
}
