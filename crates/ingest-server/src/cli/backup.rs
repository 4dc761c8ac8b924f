//! `parkline backup` and `parkline restore`

use std::{path::PathBuf, thread, time::Duration};

use serde_json::{Value, json};

use super::{CannotRun, Ended};
use crate::{
    backup::{self, Photos, Reach},
    clock::Clock,
};

const EXAMPLES: &str = "\
Examples:
  parkline backup --data /var/lib/parkline --to /mnt/backup
  parkline backup --data /var/lib/parkline --to /mnt/backup --every 60
  parkline restore --from /mnt/backup --data /var/lib/parkline

The server may run while a backup is made; only what has grown is copied, photos too; photos that
were erased leave the backup. A backup that is cut off leaves the one before.
Restoring wants a data folder without this tenant, and prints how far each partition goes: `until` is when the last frame
that was shipped came in, and what came between then and the loss is not there.";

/// What `backup` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The server's data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the backup lies; made where it is missing
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Whose data
    #[arg(long, value_name = "TENANT", default_value = "default")]
    tenant: String,
    /// Go on, with so many seconds between one backup and the next
    #[arg(long, value_name = "SECONDS")]
    every: Option<u64>,
}

/// What `restore` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RestoreArgs {
    /// Where the backup lies
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The server's data folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Whose data
    #[arg(long, value_name = "TENANT", default_value = "default")]
    tenant: String,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let (from, to) = (args.data.join(&args.tenant), args.to.join(&args.tenant));
    loop {
        let done = backup::backup(&from, &to);
        match (done, args.every) {
            (Ok(shipped), _) => {
                let partitions: Vec<Value> = shipped.partitions.iter().map(reach).collect();
                let Photos { copied, bytes, erased, .. } = shipped.photos;
                let photos = json!({"files": copied, "bytes": bytes, "erased": erased});
                println!(
                    "{}",
                    json!({"files": shipped.files, "bytes": shipped.bytes, "partitions": partitions, "photos": photos})
                );
            }
            (Err(error), None) => return Err(CannotRun::new(error)),
            // The next one may go well, and the one before is still there.
            (Err(error), Some(_)) => eprintln!("{error}"),
        }
        let Some(every) = args.every else { return Ok(Ended::Well) };
        thread::sleep(Duration::from_secs(every));
    }
}

pub(super) fn restore(args: &RestoreArgs) -> Result<Ended, CannotRun> {
    let (from, to) = (args.from.join(&args.tenant), args.data.join(&args.tenant));
    let (manifest, photos) = backup::restore(&from, &to).map_err(CannotRun::new)?;
    let now = Clock::system().now().to_string();
    let partitions: Vec<Value> = manifest.partitions.iter().map(reach).collect();
    // Of all partitions together: before it nothing is missing.
    let until = manifest.partitions.values().filter_map(|reach| reach.until.as_ref());
    let until = until.filter_map(|until| until.parse::<parking_types::Instant>().ok()).min();
    let from = until.map(|until| until.to_string());
    let about = json!({"files": photos.copied, "bytes": photos.bytes, "damaged": photos.damaged});
    println!(
        "{}",
        json!({"partitions": partitions, "photos": about, "not_shipped": {"from": from, "to": now}})
    );
    if photos.damaged > 0 {
        eprintln!("{} photos of the backup are damaged and were left out", photos.damaged);
    }
    match from {
        Some(from) => eprintln!("what came in after {from} was not shipped and is not there"),
        None => eprintln!("the backup holds no frames"),
    }
    Ok(Ended::Well)
}

fn reach((partition, reach): (&u32, &Reach)) -> Value {
    json!({"partition": partition, "next": reach.next, "until": reach.until})
}
