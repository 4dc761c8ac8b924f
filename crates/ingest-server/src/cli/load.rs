//! `parkline load`

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde_json::json;

use super::{CannotRun, Ended};
use crate::{
    clock::Clock,
    load::{self, Plan, Report},
    secrets::Keyring,
};

const EXAMPLES: &str = "\
Examples:
  parkline load --write-site load/ --devices 1000 --cameras 10
      writes load/site.json and load/secrets for these devices
  parkline serve --site load/site.json --secrets load/secrets --data /tmp/load-data
  parkline load --devices 1000 --rate 10000 --seconds 20 --cameras 10 --camera-rate 50 --secrets load/secrets
      10,000 native frames and 50 posts a second; prints one line of JSON
  parkline load --devices 1000 --rate 0 --secrets load/secrets
      as many native frames as the server acknowledges

Latency counts from the time for which a frame was meant, so a server that stops for a moment has that moment in its
figures. simulator_late_ms is how late the simulator itself was: where that is large, another machine is needed.
It speaks to loopback unless told otherwise. Aim it at servers that are yours.";

/// What `load` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Write site and secrets for these devices into this folder, and do nothing else
    #[arg(long, value_name = "DIR")]
    write_site: Option<PathBuf>,
    /// Detectors that speak native frames
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    devices: u32,
    /// Connections that they share
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    connections: u32,
    /// Native frames a second, all together; 0: as many as are acknowledged
    #[arg(long, value_name = "N", default_value_t = 1000.0)]
    rate: f64,
    /// Frames of a connection that may wait for their acknowledgement where the rate is 0
    #[arg(long, value_name = "N", default_value_t = 1024)]
    window: usize,
    /// Cameras that post over HTTP
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    cameras: u32,
    /// Posts a second, all together
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    camera_rate: f64,
    /// Where native frames go
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7500")]
    tcp: SocketAddr,
    /// Where posts go
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7580")]
    http: SocketAddr,
    /// For how long
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many native frames, and how many posts, at most
    #[arg(long, value_name = "N", default_value_t = 100_000_000)]
    frames: u64,
    /// Of a thousand native frames, how many are sent twice
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    duplicates: u32,
    /// Drop and renew a native connection after so many frames; 0: never
    #[arg(long, value_name = "N", default_value_t = 0)]
    reconnect_after: u64,
    /// The secrets that --write-site wrote; without them frames have no tags
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// A token for the cameras' posts
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    if let Some(folder) = &args.write_site {
        return write_site(args, folder);
    }
    let plan = plan(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CannotRun::new)?;
    let Report { native, cameras } = runtime.block_on(load::run(plan));
    println!("{}", json!({"native": native.json(), "cameras": cameras.json()}));
    Ok(Ended::some_bad(
        native.lost() + native.refused + native.unsent + cameras.lost() + cameras.refused + cameras.unsent
            > 0,
    ))
}

fn write_site(args: &Args, folder: &std::path::Path) -> Result<Ended, CannotRun> {
    let failed = |error| CannotRun(format!("cannot write into {}: {error}", folder.display()));
    let mut key = [0; 32];
    let read = std::fs::File::open("/dev/urandom")
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut key));
    read.map_err(|error| CannotRun(format!("no random numbers: {error}")))?;
    std::fs::create_dir_all(folder).map_err(failed)?;
    let site = load::site(args.devices, args.cameras, true);
    std::fs::write(folder.join("site.json"), site.to_string()).map_err(failed)?;
    std::fs::write(folder.join("secrets"), load::secrets(&key)).map_err(failed)?;
    eprintln!("wrote {} detectors and {} cameras into {}", args.devices, args.cameras, folder.display());
    Ok(Ended::Well)
}

fn plan(args: &Args) -> Result<Plan, CannotRun> {
    let positive = |name: &str, rate: f64| match rate.is_finite() && (0.0..=10_000_000.0).contains(&rate) {
        true => Ok(rate),
        false => Err(CannotRun(format!("--{name}: expected 0 to 10000000"))),
    };
    let secret = match &args.secrets {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| CannotRun(format!("cannot read {}: {error}", path.display())))?;
            let ring = Keyring::parse(&text).map_err(CannotRun::new)?;
            let secret = ring.secret("load").cloned();
            Some(secret.ok_or_else(|| CannotRun("the secrets have none of the name load".to_owned()))?)
        }
    };
    let camera_rate = positive("camera-rate", args.camera_rate)?;
    if args.cameras > 0 && camera_rate == 0.0 {
        return Err(CannotRun("--camera-rate: cameras post at a rate, not as fast as they can".to_owned()));
    }
    // Seconds: each run has numbers of its own, so that its frames are no copies of the last run's.
    let boot_id = u32::try_from(Clock::system().now().as_secs()).unwrap_or(1);
    Ok(Plan {
        devices: args.devices,
        connections: args.connections,
        rate: positive("rate", args.rate)?,
        window: args.window.clamp(1, 100_000),
        cameras: args.cameras,
        camera_rate,
        tcp: args.tcp,
        http: args.http,
        duration: Duration::from_secs(args.seconds),
        most: args.frames,
        duplicates: args.duplicates,
        reconnect_after: args.reconnect_after,
        secret,
        token: args.token.clone(),
        boot_id,
    })
}
