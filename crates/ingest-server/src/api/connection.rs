//! Connections of HTTP/1.1, with deadlines.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::watch};
use tower_service::Service;

use crate::{
    listener::{
        Limits,
        accept::accept,
        addresses::Place,
        door::{Door, Stream},
    },
    metrics::{Listener, Metrics, Refused},
};

/// The largest head of a request.
const HEAD_BYTES: usize = 16 << 10;
/// What is read and not yet looked at, at most.
const BUFFER_BYTES: usize = 64 << 10;
/// The most headers of a request.
const HEADERS: usize = 64;

/// Serves the API until `stop` says so, then finishes the requests that are under way.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    door: Arc<Door>,
    limits: Limits,
    metrics: Arc<Metrics>,
    stop: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(HEADERS)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES);
    let stopped = stop.clone();
    let connection = move |stream, place| {
        Connection { http: http.clone(), router: router.clone(), metrics: metrics.clone() }.run(
            stream,
            place,
            stopped.clone(),
        )
    };
    accept(listener, &door, stop, connection).await;
}

struct Connection {
    http: http1::Builder,
    router: Router,
    metrics: Arc<Metrics>,
}

impl Connection {
    async fn run(self, stream: Stream, place: Place, mut stop: watch::Receiver<bool>) {
        let Self { http, router, metrics } = self;
        let (from, served) = (place.from(), AtomicBool::new(false));
        let count = |why| metrics.refused(Listener::Http, why, 1);
        let answer = service_fn(|mut request: Request<Incoming>| {
            served.store(true, Relaxed);
            request.extensions_mut().insert(ConnectInfo(from));
            router.clone().call(request.map(Body::new))
        });
        let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(stream), answer));
        let ended = tokio::select! {
            ended = serving.as_mut() => Some(ended),
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let ended = match ended {
            Some(ended) => ended,
            None => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        // Who has been answered and says nothing more has done nothing wrong.
        match ended {
            Err(error) if error.is_timeout() && !served.load(Relaxed) => count(Refused::Deadline),
            Err(error) if error.is_parse() => count(Refused::Malformed),
            _ => {}
        }
    }
}
