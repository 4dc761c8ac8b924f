//! Requests to a device: HTTP/1.1 on a connection of its own, with the login that the device's secret has.
//!
//! A device is asked without a login first; where it then asks for one (Digest with MD5, which no password goes with) it
//! is given once. A second refusal is final: cameras lock an account after a few.

use std::{fmt::Write as _, io, time::Duration};

use bytes::Bytes;
use device_codec::command::Wire;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use md5::{Digest, Md5};

use super::Called;
use crate::secrets::Login;

/// How long a camera may take to begin its answer; a busy one needs more than five seconds.
const ANSWER: Duration = Duration::from_secs(8);
/// The longest answer to a request.
const LONGEST: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// The connection.
    Io(io::Error),
    /// What came is no HTTP, or did not come in time.
    Http(&'static str),
    /// It does not take our login, or we have none for it.
    Login,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Http(why) => f.write_str(why),
            Self::Login => f.write_str("it does not take the login of its `key`"),
        }
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: Option<String>,
    pub(super) body: Bytes,
}

/// An answer whose body comes as it is made.
pub(super) struct Open {
    pub(super) response: Response<Incoming>,
    // The connection ends with it.
    pub(super) connection: Connection,
}

/// Asks, and reads the answer to its end.
pub(super) async fn ask(called: &Called, wire: &Wire) -> Result<Answer, CallError> {
    let Open { response, connection: _connection } = open(called, wire).await?;
    let (head, body) = response.into_parts();
    let reading = tokio::time::timeout(ANSWER, Limited::new(body, LONGEST).collect()).await;
    let body = reading.map_err(|_| CallError::Http("its answer does not end"))?;
    let body = body.map_err(|_| CallError::Http("its answer is cut off or too long"))?.to_bytes();
    Ok(Answer { status: head.status, content_type: content_type(&head.headers), body })
}

/// Asks, and gives the answer as soon as its head is there.
pub(super) async fn open(called: &Called, wire: &Wire) -> Result<Open, CallError> {
    let Wire::Request { method, path, content_type, body } = wire else {
        return Err(CallError::Http("it is no request"));
    };
    let request = |authorization: Option<&str>| {
        let mut request = Request::builder().method(*method).uri(path.as_str());
        request = request.header(header::HOST, called.address.to_string());
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, *content_type);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body)));
        request.map_err(|_| CallError::Http("the path is no path"))
    };
    let first = send(called, request(None)?).await?;
    if first.response.status() != StatusCode::UNAUTHORIZED {
        return Ok(first);
    }
    let secret = called.device.key.as_deref().and_then(|name| called.dialler.0.guard.secrets.secret(name));
    let login = secret.as_ref().and_then(|secret| secret.login()).ok_or(CallError::Login)?;
    let asked = first.response.headers().get_all(header::WWW_AUTHENTICATE);
    let nonce = format!("{:016x}", called.dialler.random());
    let given = asked.iter().find_map(|asked| answer_to(asked.to_str().ok()?, login, method, path, &nonce));
    let authorization = given.ok_or(CallError::Login)?;
    // On a new connection: not every camera keeps the first one.
    drop(first);
    let second = send(called, request(Some(&authorization))?).await?;
    if second.response.status() == StatusCode::UNAUTHORIZED { Err(CallError::Login) } else { Ok(second) }
}

async fn send(called: &Called, request: Request<Full<Bytes>>) -> Result<Open, CallError> {
    let stream = called.connect().await.map_err(CallError::Io)?;
    let answered = async {
        let (mut sender, connection): (SendRequest<Full<Bytes>>, _) =
            http1::handshake(TokioIo::new(stream)).await.ok()?;
        let connection = Connection(tokio::spawn(async move {
            // Whoever reads the body learns of its end.
            let _ = connection.await;
        }));
        Some(Open { response: sender.send_request(request).await.ok()?, connection })
    };
    let answered = tokio::time::timeout(ANSWER, answered).await;
    answered
        .map_err(|_| CallError::Http("it does not answer"))?
        .ok_or(CallError::Http("what it answers is no HTTP"))
}

/// The task that moves a connection's bytes.
pub(super) struct Connection(tokio::task::JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The content type of an answer.
pub(super) fn content_type(headers: &header::HeaderMap) -> Option<String> {
    Some(headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_owned())
}

/// What answers a challenge; nothing where we cannot.
fn answer_to(challenge: &str, login: &Login, method: &str, path: &str, cnonce: &str) -> Option<String> {
    let (scheme, rest) = challenge.trim().split_once(' ').unwrap_or((challenge.trim(), ""));
    let (user, password) = (&login.user, &login.password.0);
    if !scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let field = |name: &str| field(rest, name);
    if field("algorithm").is_some_and(|algorithm| !algorithm.eq_ignore_ascii_case("MD5")) {
        return None;
    }
    let (realm, nonce) = (field("realm").unwrap_or_default(), field("nonce")?);
    let (one, two) = (md5(&format!("{user}:{realm}:{password}")), md5(&format!("{method}:{path}")));
    let auth = field("qop").is_some_and(|qop| qop.split(',').any(|word| word.trim() == "auth"));
    let response = if auth {
        md5(&format!("{one}:{nonce}:00000001:{cnonce}:auth:{two}"))
    } else {
        md5(&format!("{one}:{nonce}:{two}"))
    };
    let mut given = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{path}\", response=\"{response}\""
    );
    if auth {
        let _ = write!(given, ", qop=auth, nc=00000001, cnonce=\"{cnonce}\"");
    }
    if let Some(opaque) = field("opaque") {
        let _ = write!(given, ", opaque=\"{opaque}\"");
    }
    Some(given)
}

/// A field of a challenge, with or without quotes.
fn field<'c>(challenge: &'c str, wanted: &str) -> Option<&'c str> {
    let mut rest = challenge;
    loop {
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(',').unwrap_or(value.len())),
        };
        if name.trim_matches([' ', ',']).eq_ignore_ascii_case(wanted) {
            return Some(value.trim());
        }
        rest = after;
    }
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Text;

    fn login() -> Login {
        Login { user: "Mufasa".to_owned(), password: Text("Circle Of Life".to_owned()) }
    }

    #[test]
    fn digests_are_those_of_the_standards_example() {
        // RFC 2617, section 3.5.
        let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
            nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let given = answer_to(challenge, &login(), "GET", "/dir/index.html", "0a4f113b").unwrap();
        assert!(given.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{given}");
        assert!(given.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"") && given.contains("qop=auth,"));
        let old = answer_to("Digest realm=r, nonce=n", &login(), "GET", "/", "c").unwrap();
        assert!(!old.contains("qop") && old.contains("realm=\"r\"") && old.contains("nonce=\"n\""), "{old}");
    }

    #[test]
    fn what_is_not_known_is_not_answered() {
        for way in ["Basic realm=\"x\"", "Digest nonce=n, algorithm=SHA-256", "Digest realm=x", "Bearer", ""]
        {
            assert_eq!(answer_to(way, &login(), "GET", "/", "c"), None, "{way}");
        }
    }
}
