//! HTTP to a store, with the HTTP and TLS that the server has anyway: connections are kept for the next request, and a whole
//! request has a deadline.

use std::{io, path::PathBuf, pin::Pin, sync::Mutex, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Response, Uri,
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpService,
    },
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use crate::{
    listener::{mqtt::BrokerTls, tls::TlsError},
    log::lock,
};

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request may take, and …
const REQUEST: Duration = Duration::from_secs(30);
/// … how many bytes of it are worth a second more: several share a slow line.
const SLOWEST: usize = 16 << 10;
/// The longest answer; no photo is so long.
const LONGEST: usize = 64 << 20;
/// Connections that are kept for the next request.
const KEPT: usize = 8;

/// Makes clients that trust the store's authorities.
#[derive(Debug)]
pub(super) struct Connector(TlsFor);

#[derive(Clone)]
struct TlsFor(TlsConnector);

impl std::fmt::Debug for TlsFor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TLS")
    }
}

impl Connector {
    pub(super) fn new(authorities: Option<&PathBuf>) -> Result<Self, TlsError> {
        let trusted = BrokerTls { authorities: authorities.cloned(), ours: None };
        Ok(Self(TlsFor(TlsConnector::from(trusted.read()?))))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Client { tls: self.0.clone(), idle: Mutex::default() }))
    }
}

/// A client of one store: all its requests go to the same host.
#[derive(Debug)]
struct Client {
    tls: TlsFor,
    idle: Mutex<Vec<SendRequest<HttpRequestBody>>>,
}

impl HttpService for Client {
    fn call<'s, 'f>(
        &'s self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let patience = REQUEST + Duration::from_secs((request.body().content_length() / SLOWEST) as u64);
            let late = |_| failed(HttpErrorKind::Timeout, "it does not answer in time");
            let answered = timeout(patience, self.ask(request)).await.map_err(late).flatten();
            if answered.is_err() {
                // The others that were kept lead to the same place, and may be as dead.
                lock(&self.idle).clear();
            }
            answered
        })
    }
}

impl Client {
    async fn ask(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        let host = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        let host = host.ok_or_else(|| failed(HttpErrorKind::Unknown, "the address has no host"))?;
        request.headers_mut().insert(header::HOST, host);
        // Servers want the path alone.
        let path = uri.path_and_query().and_then(|path| path.as_str().parse().ok());
        *request.uri_mut() = path.unwrap_or_default();
        let (response, sender) = match self.kept() {
            None => Self::send(self.connect(&uri).await?, request).await?,
            // The store may have closed it just now: what comes back unsent goes over a new one.
            Some(mut sender) => match sender.try_send_request(request).await {
                Ok(response) => (response, sender),
                Err(mut error) => match error.take_message() {
                    Some(request) => Self::send(self.connect(&uri).await?, request).await?,
                    None => return Err(failed(HttpErrorKind::Interrupted, error.into_error())),
                },
            },
        };
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST).collect().await;
        let body: Bytes =
            body.map_err(|error| HttpError::new_boxed(HttpErrorKind::Interrupted, error))?.to_bytes();
        self.keep(sender);
        Ok(Response::from_parts(head, body.into()))
    }

    async fn send(
        mut sender: SendRequest<HttpRequestBody>,
        request: HttpRequest,
    ) -> Result<(Response<hyper::body::Incoming>, SendRequest<HttpRequestBody>), HttpError> {
        let response = sender.send_request(request).await;
        Ok((response.map_err(|error| failed(HttpErrorKind::Interrupted, error))?, sender))
    }

    fn kept(&self) -> Option<SendRequest<HttpRequestBody>> {
        let mut idle = lock(&self.idle);
        idle.retain(|sender| !sender.is_closed());
        let ready = idle.iter().position(SendRequest::is_ready)?;
        Some(idle.swap_remove(ready))
    }

    fn keep(&self, sender: SendRequest<HttpRequestBody>) {
        let mut idle = lock(&self.idle);
        if idle.len() < KEPT {
            idle.push(sender);
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<SendRequest<HttpRequestBody>, HttpError> {
        let connecting = timeout(CONNECT, self.open(uri)).await;
        let late = |_| failed(HttpErrorKind::Connect, "it does not answer in time");
        connecting.map_err(late)?.map_err(|error| failed(HttpErrorKind::Connect, error))
    }

    async fn open(&self, uri: &Uri) -> io::Result<SendRequest<HttpRequestBody>> {
        let tls = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let stream = TcpStream::connect((bare, port)).await?;
        stream.set_nodelay(true)?;
        if !tls {
            return shake(stream).await;
        }
        let name = ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
        shake(self.tls.0.connect(name, stream).await?).await
    }
}

async fn shake(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
) -> io::Result<SendRequest<HttpRequestBody>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    // It ends with the store or with its sender; whoever waits for an answer learns of it.
    tokio::spawn(connection);
    Ok(sender)
}

fn failed(kind: HttpErrorKind, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HttpError {
    HttpError::new_boxed(kind, why.into())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use axum::{
        extract::{Request, State},
        http::{HeaderMap, Method, StatusCode},
        response::{IntoResponse, Response},
    };

    use super::*;
    use crate::{
        objects::{Credentials, Objects, ObjectsAt},
        secrets::Text,
    };

    #[derive(Clone, Default)]
    struct Store(Arc<Mutex<(BTreeMap<String, Bytes>, usize)>>);

    /// What of S3 a photo needs. Every third answer ends its connection, as stores do at times of their choosing.
    async fn answer(State(store): State<Store>, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let said =
            |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(said("host").starts_with("127.0.0.1:"), "{:?}", head.headers);
        assert!(said("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKID/"), "{:?}", head.headers);
        assert!(!format!("{:?}", head.headers).contains("s3cr3t"));
        let (path, body) = (head.uri.path().to_owned(), body.collect().await.unwrap().to_bytes());
        let mut held = lock(&store.0);
        held.1 += 1;
        let mut headers = HeaderMap::new();
        if held.1.is_multiple_of(3) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        headers.insert(header::LAST_MODIFIED, HeaderValue::from_static("Mon, 02 Mar 2026 08:00:00 GMT"));
        headers.insert(header::ETAG, HeaderValue::from_static("\"1\""));
        match head.method {
            Method::PUT => {
                assert!(!said("x-amz-checksum-sha256").is_empty(), "{:?}", head.headers);
                held.0.insert(path, body);
                headers.into_response()
            }
            Method::DELETE => {
                held.0.remove(&path);
                (StatusCode::NO_CONTENT, headers).into_response()
            }
            _ => match held.0.get(&path) {
                Some(found) => (headers, found.clone()).into_response(),
                None => (StatusCode::NOT_FOUND, headers).into_response(),
            },
        }
    }

    #[tokio::test]
    async fn requests_are_signed_checked_and_go_over_connections_that_may_end() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, store) = (listener.local_addr().unwrap(), Store::default());
        let router = axum::Router::new().fallback(answer).with_state(store.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let at = ObjectsAt {
            bucket: "photos".to_owned(),
            prefix: "city".to_owned(),
            endpoint: Some(format!("http://{address}")),
            region: "us-east-1".to_owned(),
            credentials: Credentials::Line(Text("AKID s3cr3t".to_owned())),
            authorities: None,
        };
        let objects = Objects::open(&at, "default/images").unwrap();
        for number in 0..20 {
            let (name, photo) = (format!("ab/{number}"), Bytes::from(vec![number; 70_000]));
            assert_eq!(objects.get(&name).await, Ok(None));
            objects.put(&name, photo.clone()).await.unwrap();
            assert_eq!(objects.get(&name).await, Ok(Some(photo)));
            let at = objects.put_at(&name).await.unwrap().unwrap();
            assert_eq!(at.to_string(), "2026-03-02T08:00:00Z");
        }
        assert!(lock(&store.0).0.contains_key("/photos/city/default/images/ab/19"));
        objects.remove("ab/19").await.unwrap();
        assert_eq!(lock(&store.0).0.len(), 19);
    }
}
