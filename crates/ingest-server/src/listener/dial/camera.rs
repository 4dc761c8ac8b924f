//! Cameras and gates that are called over HTTP: their stream of events, or where a camera has none its answers to a
//! poll; commands as requests beside it, whose answers are frames like any other.

use std::time::Duration;

use device_codec::{
    Context, Protocol,
    command::{BACKLOG, Wire, event_stream, plates_after},
    decode,
};
use http_body_util::BodyExt;
use hyper::StatusCode;

use super::{
    Called, Pauses, Standing,
    http::{self, CallError, Open},
    parts::{Parts, Still},
};
use crate::{
    clock::{duration, moment},
    desk::Command,
    listener::taker::Came,
    metrics::{Listener, Refused},
};

/// How long nothing comes before what is there is taken for all of a frame.
const QUIET: Duration = Duration::from_millis(150);
/// How long a frame may wait for its photos; the driver waits too.
const PHOTOS: Duration = Duration::from_millis(600);
/// A stream that says nothing for so long is gone: cameras say every few seconds that they are there.
const GONE: Duration = Duration::from_secs(60);
/// How often a camera without a stream is asked.
const POLL: Duration = Duration::from_secs(1);
/// How long a device is left alone that does not take our login: another try may lock the account.
const LOCKED: Duration = Duration::from_secs(300);
/// How long a command waits before it is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// The video channel of cameras that count them from one.
const CHANNEL: u8 = 1;

/// Calls the device for ever.
pub(super) async fn keep_calling(called: Called) {
    tokio::join!(watch(&called), deliver(&called));
}

/// Why a stream or a poll ended.
enum Ended {
    /// It has no such thing.
    Lacking,
    /// It does not take our login.
    Login,
    /// Anything else.
    Why(String),
}

impl From<CallError> for Ended {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Login => Self::Login,
            other => Self::Why(other.to_string()),
        }
    }
}

async fn watch(called: &Called) {
    let Some(path) = event_stream(called.protocol, CHANNEL) else { return };
    let stream = Wire::Request { method: "GET", path, content_type: "", body: Vec::new() };
    let mut pauses = Pauses::new();
    let mut polls = false;
    loop {
        let ended =
            if polls { poll(called, &mut pauses).await } else { events(called, &stream, &mut pauses).await };
        match ended {
            Ended::Lacking => {
                // One that has neither says so again, and is asked again for its stream.
                polls = !polls && plates_after(called.protocol, CHANNEL, "0").is_some();
                pauses.wait(called, "it has no stream of events").await;
            }
            Ended::Login => {
                pauses.wait(called, &CallError::Login.to_string()).await;
                tokio::time::sleep(LOCKED).await;
            }
            Ended::Why(why) => pauses.wait(called, &why).await,
        }
    }
}

/// Whether a camera says that it has no such call.
fn lacks(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED
            | StatusCode::FORBIDDEN
    )
}

/// Takes events until the stream ends.
async fn events(called: &Called, stream: &Wire, pauses: &mut Pauses) -> Ended {
    let Open { mut response, connection: _connection } = match http::open(called, stream).await {
        Ok(open) if open.response.status().is_success() => open,
        Ok(open) if lacks(open.response.status()) => return Ended::Lacking,
        Ok(open) => return Ended::Why(format!("it answers {}", open.response.status())),
        Err(error) => return error.into(),
    };
    let content_type = http::content_type(response.headers());
    let Some(boundary) = content_type.as_deref().and_then(crate::images::boundary) else {
        return Ended::Why("its stream has no boundary".to_owned());
    };
    let _standing = Standing::new(called);
    let mut parts = Parts::new(boundary);
    // Since when something waits that may be a frame, and whether nothing has come that makes it one.
    let (mut since, mut stuck) = (None, false);
    loop {
        let waits = parts.is_waiting() && !stuck;
        let patience = if waits { QUIET } else { GONE };
        let still = match tokio::time::timeout(patience, response.body_mut().frame()).await {
            Ok(None) => return Ended::Why("its stream has ended".to_owned()),
            Ok(Some(Err(_))) => return Ended::Why("its stream is cut off".to_owned()),
            Ok(Some(Ok(frame))) => {
                let data = frame.data_ref().map(|data| &data[..]).unwrap_or_default();
                if !parts.push(data) {
                    called.refused(Refused::TooLarge);
                    return Ended::Why("it brings more than any frame has".to_owned());
                }
                let since = *since.get_or_insert_with(moment);
                if moment().duration_since(since) > PHOTOS { Still::Late } else { Still::Coming }
            }
            Err(_) if waits => Still::Quiet,
            Err(_) => return Ended::Why("it says nothing any more".to_owned()),
        };
        while let Some(frame) = parts.next(still) {
            since = None;
            match take(called, &frame, None, content_type.as_deref()).await {
                Ok(()) => pauses.answered(called),
                Err(why) => {
                    called.refused(why);
                    if why == Refused::Busy {
                        return Ended::Why("the log takes nothing".to_owned());
                    }
                }
            }
        }
        stuck = still == Still::Quiet;
        called.dialler.metrics().noise(Listener::Dial, std::mem::take(&mut parts.noise));
    }
}

/// Asks again and again for what was read after the last plate that came.
async fn poll(called: &Called, pauses: &mut Pauses) -> Ended {
    let (marks, id) = (&called.dialler.0.marks, &called.device.id);
    let mut mark = marks.read(id).await;
    let _standing = Standing::new(called);
    // What comes first was read while nobody asked.
    let mut backlog = true;
    loop {
        let Some(wire) = plates_after(called.protocol, CHANNEL, mark.as_deref().unwrap_or("0")) else {
            return Ended::Lacking;
        };
        let Wire::Request { path, .. } = &wire else { return Ended::Lacking };
        let answer = match http::ask(called, &wire).await {
            Ok(answer) if answer.status.is_success() => answer,
            Ok(answer) if lacks(answer.status) => return Ended::Lacking,
            Ok(answer) => return Ended::Why(format!("it answers {}", answer.status)),
            Err(error) => return error.into(),
        };
        let newest = newest(called.protocol, &answer.body);
        // Of a camera that was never asked before nothing older is ours.
        let ours = newest.is_some() && mark.is_some();
        if ours {
            let route = format!("{path}{}", if backlog { BACKLOG } else { "" });
            if let Err(why) = take(called, &answer.body, Some(&route), answer.content_type.as_deref()).await {
                called.refused(why);
                return Ended::Why("what it read cannot be kept now".to_owned());
            }
        }
        pauses.answered(called);
        if let Some(newest) = newest {
            marks.write(id, &newest).await;
            mark = Some(newest);
        } else if mark.is_none() {
            mark = Some("0".to_owned());
        }
        backlog = false;
        tokio::time::sleep(POLL).await;
    }
}

/// The record of the newest plate in an answer: pictures are named by their time.
fn newest(protocol: Protocol, body: &[u8]) -> Option<String> {
    let mut newest: Option<String> = None;
    // What cannot be read names nothing.
    let _ = decode(protocol, body, &Context::default(), &mut |reading| {
        let record = reading.record().map(|record| record.as_str().to_owned());
        newest = newest.take().max(record);
    });
    newest
}

/// Stores what came.
async fn take(
    called: &Called,
    payload: &[u8],
    route: Option<&str>,
    content_type: Option<&str>,
) -> Result<(), Refused> {
    let Called { dialler, device, protocol, .. } = called;
    let since = moment();
    dialler.0.guard.paces(device, Listener::Dial, since)?;
    let came =
        Came { device, protocol: *protocol, payload, route, content_type, listener: Listener::Dial, since };
    dialler.0.taker.take(&came).await.map(drop)
}

/// Sends commands as requests.
async fn deliver(called: &Called) {
    let desk = &called.dialler.0.desk;
    loop {
        for command in desk.take(&called.device.id) {
            match called.wire(&command) {
                Some(wire @ Wire::Request { .. }) => send(called, &command, &wire).await,
                _ => called.note(&command, "refused"),
            }
        }
        desk.arrival(&called.device.id).await;
    }
}

/// Until the device has answered, or the command may not leave any more. To open twice is to open.
async fn send(called: &Called, command: &Command, wire: &Wire) {
    let Wire::Request { path, .. } = wire else { return };
    let clock = &called.dialler.0.clock;
    while clock.now() <= command.not_after {
        let left = duration(command.not_after - clock.now());
        match tokio::time::timeout(left, http::ask(called, wire)).await {
            Ok(Ok(answer)) => {
                called.note(command, "sent");
                if !answer.body.trim_ascii().is_empty() {
                    let took = take(called, &answer.body, Some(path), answer.content_type.as_deref()).await;
                    let _ = took.inspect_err(|why| called.refused(*why));
                }
                return;
            }
            Ok(Err(CallError::Login)) => return called.note(command, "refused"),
            // The worker knows by itself that it has expired.
            Err(_) => return,
            Ok(Err(error)) => {
                tracing::debug!(device = %called.device.id, "a command is tried again: {error}")
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
