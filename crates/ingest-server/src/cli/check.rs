//! `parkline check`

use serde_json::json;

use super::{CannotRun, Ended, options, tenants};
use crate::{config::Given, server::Server};

const EXAMPLES: &str = "\
Examples:
  parkline check                         what `parkline serve` would use in this folder
  parkline check --config /etc/parkline/parkline.toml
  parkline check --site site.json --data ./data

Looks at the settings, the site, tokens, secrets and addresses, also of further tenants; touches neither log nor sockets.
Prints {\"ok\":true,\"devices\":N}, or {\"ok\":false,\"message\"} and ends with 1. `parkline doctor` looks at more.";

/// What `check` is told: the same as `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let checked = options::effective(&args.given).and_then(tenants::all).and_then(|all| {
        all.iter().flat_map(options::unknown).for_each(|said| eprintln!("{said}"));
        tenants::each(&all, |effective| Server::check(&options::server(effective)?).map_err(CannotRun::new))
    });
    match checked.map(|devices| devices.iter().sum::<usize>()) {
        Ok(devices) => println!("{}", json!({"ok": true, "devices": devices})),
        Err(CannotRun(why)) => {
            println!("{}", json!({"ok": false, "message": why}));
            eprintln!("{why}");
            return Ok(Ended::SomeBad);
        }
    }
    Ok(Ended::Well)
}
