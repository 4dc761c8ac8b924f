//! The loop that accepts connections, for every listener on TCP.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{
    addresses::Place,
    door::{Door, Stream},
};

/// How long the system may refuse a connection before the next attempt, where it is out of sockets.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(20);

/// Runs `connection` for each one that the door lets in, until `stop` says so; then waits until those that stand have
/// ended.
pub(crate) async fn accept<C, F>(
    listener: TcpListener,
    door: &Arc<Door>,
    mut stop: watch::Receiver<bool>,
    connection: C,
) where
    C: Fn(Stream, Place) -> F + Clone + Send + 'static,
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
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(OUT_OF_SOCKETS).await;
            continue;
        };
        let Some(room) = door.room() else { continue };
        let (door, mut stop, connection) = (door.clone(), stop.clone(), connection.clone());
        tasks.spawn(async move {
            let opened = tokio::select! {
                opened = door.open(stream, peer, room) => opened,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            if let Some((stream, place)) = opened {
                // On the heap, so that who says nothing does not hold room for it.
                Box::pin(connection(stream, place)).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}
