//! What is done now and then: old frames go to the archive, old photos are erased.

use std::{path::PathBuf, time::Duration};

use tokio::sync::watch;
use tracing::{error, info};

use crate::{
    archive::{self, Retention},
    clock::Clock,
    images::Images,
};

/// How often old frames and photos are looked for.
const SWEEP: Duration = Duration::from_secs(600);
/// How many rounds pass from one look through object storage to the next, as all that is there is listed for it: a day.
const ROUNDS: u32 = 144;

/// Moves old frames into the archive and erases old photos until the server stops.
pub(crate) async fn sweep(
    tenant: PathBuf,
    images: Images,
    retention: Retention,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) {
    let mut rounds = 0;
    loop {
        let now = clock.now();
        frames(&tenant, &retention, &clock).await;
        if let Some(keep) = retention.photos {
            told(images.sweep(keep, now).await);
            if rounds == 0 {
                let swept = tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return,
                    swept = images.sweep_objects(keep, now) => swept,
                };
                // What could not be looked through today is looked through in the next round.
                rounds = if swept.is_ok() { ROUNDS } else { 1 };
                told(swept);
            }
            rounds -= 1;
        }
        if tokio::time::timeout(SWEEP, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
    }
}

async fn frames(tenant: &std::path::Path, retention: &Retention, clock: &Clock) {
    let (tenant, retention, now) = (tenant.to_owned(), retention.clone(), clock.now());
    let swept = tokio::task::spawn_blocking(move || archive::sweep(&tenant, &retention, now)).await;
    match swept {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(moved)) => info!(segments = moved, "{moved} segments of old frames went to the archive"),
        Ok(Err(error)) => error!("old frames stay where they are: {error}"),
    }
}

fn told(photos: Result<usize, impl std::fmt::Display>) {
    match photos {
        Ok(0) => {}
        Ok(erased) => info!(change = "photos", photos = erased, "{erased} old photos were erased"),
        Err(error) => error!("old photos stay where they are: {error}"),
    }
}
