//! Certificates: read from files, read again while the server runs. Connections that stand keep what they agreed on;
//! new ones get what is in force.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use parking_types::Instant;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
    },
};

use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::{log::lock, metrics::Listener};

/// Where certificates stand, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Ours, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The authorities of those who may connect at all; without any nobody is asked for a certificate.
    pub client_authorities: Option<PathBuf>,
}

/// Certificates, and who speaks with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Where certificates stand.
    pub files: Files,
    /// The listeners that speak TLS and nothing else.
    pub on: Vec<Listener>,
}

/// Why certificates cannot be used. What stands in a key is never in it.
#[derive(Debug, PartialEq, Eq)]
pub struct TlsError {
    path: PathBuf,
    why: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for TlsError {}

/// When each file was changed, and how long it was.
type Stamps = Vec<Option<(SystemTime, u64)>>;

/// The certificates in force.
pub struct Certificates {
    files: Files,
    config: Mutex<Arc<ServerConfig>>,
    /// The files as they were when they were looked at last.
    stamps: Mutex<Stamps>,
}

impl Certificates {
    /// Reads them.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(files: Files) -> Result<Self, TlsError> {
        let (stamps, config) = (files.stamps(), files.read()?);
        Ok(Self { files, config: Mutex::new(config), stamps: Mutex::new(stamps) })
    }

    /// What new connections are accepted with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(lock(&self.config).clone())
    }

    /// Reads them again; those in force stay where that fails.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn read_again(&self) -> Result<(), TlsError> {
        *lock(&self.stamps) = self.files.stamps();
        *lock(&self.config) = self.files.read()?;
        Ok(())
    }

    /// Whether a file has changed since they were read, well or not, the last time.
    pub fn have_changed(&self) -> bool {
        *lock(&self.stamps) != self.files.stamps()
    }
}

impl Files {
    fn stamps(&self) -> Stamps {
        let stamp = |path: &PathBuf| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.len()))
        };
        [&self.certificate, &self.key].into_iter().chain(&self.client_authorities).map(stamp).collect()
    }

    fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| wrong(&self.key, error))?;
        let provider = Arc::new(ring::default_provider());
        let clients: Arc<dyn ClientCertVerifier> = match &self.client_authorities {
            None => Arc::new(NoClientAuth),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path)? {
                    roots.add(authority).map_err(|error| wrong(path, error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
                verifier.build().map_err(|error| wrong(path, error))?
            }
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&self.certificate, error))?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .map_err(|error| wrong(&self.certificate, error))?;
        // What a session is resumed with is kept by the other side, and ends when certificates are read again: nobody
        // comes back under an authority that is not trusted any more.
        config.ticketer = ring::Ticketer::new().map_err(|error| wrong(&self.certificate, error))?;
        config.send_tls13_tickets = 1;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Until when all certificates of a file are good.
///
/// # Errors
/// [`TlsError`].
pub fn end(path: &Path) -> Result<Instant, TlsError> {
    let mut first = Instant::MAX;
    for certificate in certificates(path)? {
        let (_, read) = X509Certificate::from_der(&certificate).map_err(|error| wrong(path, error))?;
        let secs = read.validity().not_after.timestamp();
        first = first.min(Instant::from_nanos(secs.saturating_mul(1_000_000_000)));
    }
    Ok(first)
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|error| wrong(path, error))?;
    if read.is_empty() { Err(wrong(path, "there is no certificate in it")) } else { Ok(read) }
}

pub(super) fn wrong(path: &Path, why: impl fmt::Display) -> TlsError {
    TlsError { path: path.to_owned(), why: why.to_string() }
}
