//! Frames that devices post: stored first, then decided, then answered in the vendor's words.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Json,
    extract::{ConnectInfo, OriginalUri, Path, RawPathParams, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use device_codec::{Context, Protocol, decode};
use serde_json::{json, value::RawValue};

use super::{Api, Role, auth, problem::Problem};
use crate::{
    clock::{Moment, moment},
    desk::Command,
    directory::Device,
    metrics::{Listener, Refused},
    record::{self, FrameRecord},
    reply,
};

/// A driver waits at the arm: by then there is an answer, or the camera is told to ask again.
const PATIENCE: Duration = Duration::from_millis(900);

/// What a request says beside its body.
struct Posted {
    from: SocketAddr,
    /// Path and query, without the token.
    route: String,
    /// The token of the query, for cameras that can be given nothing but an address.
    token: Option<String>,
    headers: HeaderMap,
    body: Bytes,
    since: Moment,
}

impl Posted {
    fn new(from: SocketAddr, uri: &OriginalUri, headers: HeaderMap, body: Bytes) -> Self {
        let route = uri.path_and_query().map_or("", |route| route.as_str());
        let (route, token) = without_token(route);
        Self { from, route, token, headers, body, since: moment() }
    }

    fn content_type(&self) -> Option<&str> {
        self.headers.get(header::CONTENT_TYPE)?.to_str().ok()
    }

    fn context(&self) -> Context<'_> {
        Context { route: Some(&self.route), content_type: self.content_type(), ..Context::default() }
    }

    fn token(&self) -> Option<&str> {
        auth::bearer(&self.headers).or(self.token.as_deref())
    }

    fn left(&self) -> Duration {
        PATIENCE.saturating_sub(moment().duration_since(self.since))
    }
}

/// The path with its query, but for a token: that is no part of the evidence.
fn without_token(route: &str) -> (String, Option<String>) {
    let Some((path, query)) = route.split_once('?') else { return (route.to_owned(), None) };
    let (tokens, kept): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| pair.starts_with("token="));
    let token = tokens.first().and_then(|pair| pair.strip_prefix("token=")).map(str::to_owned);
    let route = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    (route, token)
}

/// Any device's frame: the body is the payload.
pub(super) async fn frame(
    State(api): State<Api>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(device): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    take(&api, api.0.guard.directory.device(&device), Posted::new(from, &uri, headers, body)).await
}

/// A Vzenith camera that is configured with its device's path.
pub(super) async fn vz(
    State(api): State<Api>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Path(device): Path<String>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let device = api.0.guard.directory.device(&device).filter(|device| vz_family(&device.protocol).is_some());
    take(&api, device, Posted::new(from, &uri, headers, body)).await
}

/// A Vzenith camera that says in its body who it is.
pub(super) async fn by_serial(
    State(api): State<Api>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    uri: OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let posted = Posted::new(from, &uri, headers, body);
    let mut serial = None;
    // Whatever is wrong with the body, without a serial number nobody knows whose it is.
    let _ = decode(Protocol::VzHttp, &posted.body, &posted.context(), &mut |reading| {
        serial = reading.device().map(|device| device.as_str().to_owned());
    });
    let device = serial.and_then(|serial| api.0.guard.directory.by_serial(&serial));
    take(&api, device.filter(|device| vz_family(&device.protocol).is_some()), posted).await
}

/// The protocols that come by [`vz`] and [`by_serial`].
const VZ_FAMILY: [Protocol; 3] = [Protocol::VzHttp, Protocol::QianyiHttp, Protocol::AlphadigiHttp];

fn vz_family(protocol: &str) -> Option<Protocol> {
    Protocol::parse(protocol).filter(|protocol| VZ_FAMILY.contains(protocol))
}

/// Lets a device's post through where the device of the path, or without one any, may come so: of nobody else the body
/// is read.
pub(super) async fn expected(
    State(api): State<Api>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    params: RawPathParams,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let token = auth::bearer(request.headers()).map(str::to_owned);
    let route = request.uri().path_and_query().map_or("", |route| route.as_str());
    let token = token.or_else(|| without_token(route).1);
    let named = params.iter().find(|(name, _)| *name == "device").map(|(_, device)| device);
    let admitted = match named {
        Some(device) => match api.0.guard.directory.device(device) {
            Some(device) => admit(&api, &device, from.ip(), token.as_deref()),
            None => Err(Refused::UnknownDevice),
        },
        None => admit_any(&api, from.ip(), token.as_deref()),
    };
    admitted.map_err(|why| refuse(&api, why))?;
    Ok(next.run(request).await)
}

fn refuse(api: &Api, why: Refused) -> Problem {
    api.0.intake.metrics().refused(Listener::Http, why, 1);
    let why = match why {
        Refused::UnknownDevice => {
            return Problem::not_found("unknown_device", "the site has no such device");
        }
        Refused::Rate => return Problem::too_many("more frames than this device may send"),
        Refused::Address => "this device is not taken from this address without a token",
        Refused::NoTag => "this device has a key: it sends native frames with a tag over TCP",
        _ => "this device is not taken without a token",
    };
    Problem::new(StatusCode::FORBIDDEN, "forbidden", why)
}

async fn take(api: &Api, device: Option<Arc<Device>>, posted: Posted) -> Result<Response, Problem> {
    let metrics = api.0.intake.metrics();
    let device = device.ok_or(Refused::UnknownDevice).and_then(|device| {
        admit(api, &device, posted.from.ip(), posted.token())?;
        api.0.guard.paces(&device, Listener::Http, posted.since)?;
        Ok(device)
    });
    let device = &*device.map_err(|why| refuse(api, why))?;
    let cut = match (&api.0.images, Protocol::parse(&device.protocol)) {
        (Some(images), Some(protocol)) => {
            images.take(protocol, &posted.body, &posted.context(), api.0.clock.now()).await
        }
        _ => Ok(None),
    };
    let cut = cut.inspect_err(|_| metrics.refused(Listener::Http, Refused::Busy, 1));
    let cut = cut.map_err(|_| Problem::later("images", "photos cannot be kept now"))?;
    let (payload, images) = cut
        .as_ref()
        .map_or((&posted.body[..], &[][..]), |(payload, images)| (payload.as_slice(), images.as_slice()));
    let record = FrameRecord {
        device: Some(&device.id),
        protocol: &device.protocol,
        payload,
        route: Some(&posted.route),
        content_type: posted.content_type(),
        images,
        listener: "http",
        ..FrameRecord::default()
    };
    let bytes = payload.len() * 2 + images.len() * 128 + posted.route.len() + 256;
    let write = |at, batch: &mut crate::log::Batch| batch.push_with(|out| record.encode(at, out));
    let busy = || metrics.refused(Listener::Http, Refused::Busy, 1);
    let taken = tokio::time::timeout(PATIENCE, api.0.intake.take(device.partition, bytes, write)).await;
    let taken = taken.inspect_err(|_| busy()).map_err(|_| Problem::later("busy", "the log is slow"))?;
    let position = taken.inspect_err(|_| busy())?.durable().await.inspect_err(|_| busy())?;
    tracing::debug!("stored");
    metrics.stored(Listener::Http, 1, posted.body.len() as u64, moment().duration_since(posted.since));
    if !api.0.desk.reached(position, posted.left()).await {
        // It is stored, and the copy that the camera sends gets the decision.
        metrics.undecided();
        return Err(Problem::later("undecided", "stored, but not decided yet; send it again"));
    }
    tracing::debug!("decided");
    metrics.decided(moment().duration_since(posted.since));
    let commands = api.0.desk.take(&device.id);
    let frame = format!("{}-{}", position.partition, position.offset);
    let (response, delivered) = answer(device, &posted, &commands, &frame);
    for command in delivered {
        let sent = |at, batch: &mut crate::log::Batch| {
            batch.push_with(|out| record::command_state(at, &device.id, &command.id, "sent", out));
        };
        metrics.command(Listener::Http);
        // A refusal is told by `/readyz`; the command itself is on its way.
        let _ = api.0.intake.note(device.partition, sent);
    }
    Ok(response)
}

fn answer<'c>(
    device: &Device,
    posted: &Posted,
    commands: &'c [Command],
    frame: &str,
) -> (Response, Vec<&'c Command>) {
    if let Some(protocol) = vz_family(&device.protocol) {
        let (body, delivered) = reply::vz(protocol, &posted.body, &posted.context(), commands);
        return (([(header::CONTENT_TYPE, "application/json")], body).into_response(), delivered);
    }
    let records: Vec<&RawValue> =
        commands.iter().filter_map(|command| serde_json::from_slice(&command.json).ok()).collect();
    (Json(json!({"frame": frame, "commands": records})).into_response(), commands.iter().collect())
}

/// A device is let in with its own token or one of the server's, or from an address that the site names for it. One that
/// has a key for tags is not let in here at all: a post has no tag.
fn admit(api: &Api, device: &Device, from: IpAddr, token: Option<&str>) -> Result<(), Refused> {
    if device.is_native() && device.key.is_some() {
        return Err(Refused::NoTag);
    }
    let own = || token.is_some_and(|token| api.0.guard.has_token(device, token, api.0.clock.now()));
    if is_devices(api, token) || own() {
        return Ok(());
    }
    api.0.guard.unproven(device, from, Refused::Token)
}

/// Whether any camera that says in its body who it is may come so.
fn admit_any(api: &Api, from: IpAddr, token: Option<&str>) -> Result<(), Refused> {
    let guard = &api.0.guard;
    let own = || token.is_some_and(|token| guard.secrets.is_a_token(token, api.0.clock.now()));
    if is_devices(api, token) || guard.expects(&VZ_FAMILY, from) || own() {
        return Ok(());
    }
    Err(if token.is_some() { Refused::Token } else { Refused::Address })
}

/// Whether it is one of the server's tokens that lets devices' frames in.
fn is_devices(api: &Api, token: Option<&str>) -> bool {
    let role = token.and_then(|token| api.0.tokens.role(token));
    role.is_some_and(|role| role.allows(Role::Device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_no_part_of_the_route() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(without_token("/vz/c-1"), ("/vz/c-1".to_owned(), None));
        assert_eq!(without_token("/vz/c-1?token=abc"), ("/vz/c-1".to_owned(), some("abc")));
        assert_eq!(without_token("/a?x=1&token=abc&y=2"), ("/a?x=1&y=2".to_owned(), some("abc")));
    }
}
