//! The loop that accepts connections, for every listener on TCP.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::addresses::{Addresses, Place};

/// How long the system may refuse a connection before the next attempt, where it is out of sockets.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(20);

/// Runs `connection` for each one that comes from where somebody is expected and finds a place, until `stop` says so;
/// then waits until those that stand have ended.
pub(super) async fn accept<F>(
    listener: TcpListener,
    addresses: &Arc<Addresses>,
    mut stop: watch::Receiver<bool>,
    expects: impl Fn(IpAddr) -> bool,
    connection: impl Fn(TcpStream, Place) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while tasks.try_join_next().is_some() {}
        // Out of sockets or the peer gave up: neither is a reason to stop listening.
        let Ok((stream, from)) = accepted else {
            tokio::time::sleep(OUT_OF_SOCKETS).await;
            continue;
        };
        if !expects(from.ip()) {
            continue;
        }
        let Some(place) = addresses.enter(from.ip()) else { continue };
        let _ = stream.set_nodelay(true);
        tasks.spawn(connection(stream, place));
    }
    while tasks.join_next().await.is_some() {}
}
