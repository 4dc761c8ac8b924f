//! A place in object storage: a bucket of S3, MinIO or what else speaks S3's protocol, and a path in it.
//!
//! Everything that goes there is sent with its SHA-256, which the store checks. Errors name what was tried and on which object,
//! never a credential.

mod http;

use std::{fmt, fs, io, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use object_store::{
    BackoffConfig, CredentialProvider, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3Builder, AwsCredential, Checksum},
    path::Path,
};
use parking_types::Instant;

use crate::secrets::Text;

/// A bucket, and how it is reached.
#[derive(Clone, Debug)]
pub struct ObjectsAt {
    /// The bucket.
    pub bucket: String,
    /// The path in it below which everything lies; empty: the bucket is ours alone.
    pub prefix: String,
    /// Where the store is, such as `http://10.0.0.5:9000`; none: AWS.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// Who we are there.
    pub credentials: Credentials,
    /// Authorities of the store's certificate, as PEM; none: those that this machine trusts.
    pub authorities: Option<PathBuf>,
}

/// Who we are to a store: a line `KEY_ID SECRET`, with a session's token behind it where there is one.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// In a file, which is read for each request: what changes there holds at once.
    File(PathBuf),
    /// The line itself.
    Line(Text),
}

/// What object storage did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectsError {
    /// What was tried, as a verb.
    pub what: &'static str,
    /// On which object, bucket or file.
    pub place: String,
    /// What the store said, or kept us from asking it.
    pub why: String,
}

impl fmt::Display for ObjectsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {} in object storage: {}", self.what, self.place, self.why)
    }
}

impl std::error::Error for ObjectsError {}

/// A folder in object storage.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    root: Path,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "objects below {}", self.root)
    }
}

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name below the folder.
    pub name: String,
    /// When it was put there, by the store's clock.
    pub at: Instant,
}

/// Those that are asked again at once are few: whoever asks waits, and what can wait is tried again later.
const RETRIES: usize = 2;
/// How long all tries of a request may take together.
const TRIES: Duration = Duration::from_secs(20);
/// What a probe writes, reads and takes away.
const PROBE: &str = "doctor";

impl Objects {
    /// The folder `below` of a bucket; nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`ObjectsError`]: a setting or a file that cannot be used.
    pub fn open(at: &ObjectsAt, below: &str) -> Result<Self, ObjectsError> {
        let unusable = |why: String| ObjectsError { what: "use", place: at.bucket.clone(), why };
        at.credentials.read().map_err(|why| unusable(format!("credentials: {why}")))?;
        let connector = http::Connector::new(at.authorities.as_ref()).map_err(|e| unusable(e.to_string()))?;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&at.bucket)
            .with_region(&at.region)
            .with_credentials(Arc::new(at.credentials.clone()))
            .with_checksum_algorithm(Checksum::SHA256)
            // Not every store knows how to delete many at once.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES,
                retry_timeout: TRIES,
            })
            .with_http_connector(connector);
        if let Some(endpoint) = &at.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let store = builder.build().map_err(|error| unusable(told(&error)))?;
        Ok(Self::new(Arc::new(store), &format!("{}/{below}", at.prefix)))
    }

    /// The folder `root` of a store.
    pub fn new(store: Arc<dyn ObjectStore>, root: &str) -> Self {
        Self { store, root: Path::from(root) }
    }

    /// Puts an object there, in the place of one that has its name.
    ///
    /// # Errors
    /// [`ObjectsError`]: then nobody knows whether it is there.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), ObjectsError> {
        let put = self.store.put(&self.at(name), bytes.into()).await;
        put.map(|_| ()).map_err(|error| self.failed("write", name, &error))
    }

    /// An object, where there is one.
    ///
    /// # Errors
    /// [`ObjectsError`]: then nobody knows whether there is one.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, ObjectsError> {
        let found = match self.store.get(&self.at(name)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        found.map(Some).map_err(|error| self.failed("read", name, &error))
    }

    /// When an object was put there, where there is one.
    ///
    /// # Errors
    /// As [`Objects::get`].
    pub async fn put_at(&self, name: &str) -> Result<Option<Instant>, ObjectsError> {
        match self.store.head(&self.at(name)).await {
            Ok(about) => Ok(Some(instant(&about))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("look at", name, &error)),
        }
    }

    /// Takes an object away; one that is not there is taken away already.
    ///
    /// # Errors
    /// [`ObjectsError`]: then nobody knows whether it is still there.
    pub async fn remove(&self, name: &str) -> Result<(), ObjectsError> {
        match self.store.delete(&self.at(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("erase", name, &error)),
        }
    }

    /// All objects, a page at a time as they are asked for.
    pub fn list(&self) -> BoxStream<'_, Result<Listed, ObjectsError>> {
        let listed = move |object: object_store::Result<object_store::ObjectMeta>| {
            let about = object.map_err(|error| self.failed("list", "", &error))?;
            let parts = about.location.prefix_match(&self.root).into_iter().flatten();
            let name = parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/");
            Ok(Listed { name, at: instant(&about) })
        };
        self.store.list(Some(&self.root)).map(listed).boxed()
    }

    /// Whether an object can be written, listed, read and taken away.
    ///
    /// # Errors
    /// [`ObjectsError`]: what cannot be done.
    pub async fn probe(&self) -> Result<(), ObjectsError> {
        let written = Bytes::from_static(b"parkline doctor");
        self.put(PROBE, written.clone()).await?;
        let read = self.get(PROBE).await?;
        self.list().next().await.transpose()?;
        self.remove(PROBE).await?;
        let same = read.as_ref() == Some(&written);
        let other = || ObjectsError {
            what: "read",
            place: self.at(PROBE).to_string(),
            why: "it is not what was written".to_owned(),
        };
        same.then_some(()).ok_or_else(other)
    }

    fn at(&self, name: &str) -> Path {
        self.root.parts().chain(Path::from(name).parts()).collect()
    }

    fn failed(&self, what: &'static str, name: &str, error: &object_store::Error) -> ObjectsError {
        ObjectsError { what, place: self.at(name).to_string(), why: told(error) }
    }
}

fn instant(about: &object_store::ObjectMeta) -> Instant {
    // What is centuries away is new: nothing is erased for it.
    about.last_modified.timestamp_nanos_opt().map_or(Instant::MAX, Instant::from_nanos)
}

/// An error and what it comes from, in one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        source = cause.source();
    }
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Credentials {
    fn read(&self) -> Result<AwsCredential, String> {
        match self {
            Self::Line(Text(line)) => credential(line),
            Self::File(path) => {
                let failed = |error: io::Error| format!("cannot read {}: {error}", path.display());
                let text = fs::read_to_string(path).map_err(failed)?;
                credential(&text).map_err(|why| format!("{}: {why}", path.display()))
            }
        }
    }
}

fn credential(text: &str) -> Result<AwsCredential, String> {
    let mut words = text.split_whitespace().map(str::to_owned);
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(key_id), Some(secret_key), token, None) => Ok(AwsCredential { key_id, secret_key, token }),
        _ => {
            Err("expected a line KEY_ID SECRET, with a session's token behind it where there is one"
                .to_owned())
        }
    }
}

impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    fn get_credential<'s, 'f>(
        &'s self,
    ) -> Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        let wrong = |why: String| object_store::Error::Generic { store: "credentials", source: why.into() };
        Box::pin(std::future::ready(self.read().map(Arc::new).map_err(wrong)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn objects_are_put_found_listed_and_taken_away() {
        let store = Arc::new(InMemory::new());
        let objects = Objects::new(store.clone(), "city/default/images");
        let photo = Bytes::from_static(b"a photo");
        assert_eq!(objects.get("ab/abc").await, Ok(None));
        assert_eq!(objects.put_at("ab/abc").await, Ok(None));
        objects.put("ab/abc", photo.clone()).await.unwrap();
        assert_eq!(objects.get("ab/abc").await, Ok(Some(photo)));
        assert!(objects.put_at("ab/abc").await.unwrap().is_some());
        let whole = store.get(&Path::from("city/default/images/ab/abc")).await;
        assert!(whole.is_ok(), "below the prefix and the tenant");
        Objects::new(store, "another").put("x", Bytes::new()).await.unwrap();
        let listed: Vec<_> = objects.list().map(|listed| listed.unwrap().name).collect().await;
        assert_eq!(listed, ["ab/abc"]);
        objects.remove("ab/abc").await.unwrap();
        objects.remove("ab/abc").await.unwrap();
        assert_eq!(objects.get("ab/abc").await, Ok(None));
        objects.probe().await.unwrap();
        assert_eq!(objects.list().count().await, 0, "a probe leaves nothing");
    }

    #[test]
    fn credentials_are_read_and_never_told() {
        let read = credential("AKID s3cr3t\n").unwrap();
        assert_eq!((&*read.key_id, &*read.secret_key, read.token), ("AKID", "s3cr3t", None));
        assert_eq!(credential("a b c").unwrap().token.as_deref(), Some("c"));
        for bad in ["", "s3cr3t", "a b s3cr3t d"] {
            assert!(!credential(bad).unwrap_err().contains("s3cr3t"));
        }
        let line = Credentials::Line(Text("AKID s3cr3t".to_owned()));
        assert!(!format!("{line:?}").contains("s3cr3t"), "{line:?}");
        let missing = Credentials::File("/nowhere/at/all".into()).read().unwrap_err();
        assert!(missing.contains("/nowhere/at/all"), "{missing}");
    }
}
