//! `parkline init`, and what `serve` does in an empty folder: a commented config file and an example site.

use std::{
    fs::File,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{CannotRun, Ended};
use crate::config::{self, Given};

const SITE: &str = "site.json";
const DATA: &str = "data";
const EXAMPLE: &str = include_str!("example-site.json");

const EXAMPLES: &str = "\
Examples:
  parkline init
  parkline init /etc/parkline

Writes parkline.toml, in which every setting stands with what it is for, and site.json, an example to start with.
Nothing that is there already is written over.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder; made where it is missing
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    write(&args.folder)?;
    let folder = args.folder.display();
    eprintln!("{folder}: {} has every setting, {SITE} is an example site", config::FILE);
    eprintln!("next: make the site yours, `parkline check`, `parkline serve` in that folder");
    Ok(Ended::Well)
}

/// Writes both where `serve` is started in an empty folder and is told nothing; says whether it did.
pub(super) fn first_run(given: &Given, folder: &Path) -> Result<bool, CannotRun> {
    let environment = config::Environment::here();
    let flags = &given.flags;
    let told = flags.site.is_some() || flags.data.is_some() || flags.kafka.url.is_some();
    let told = told
        || ["PARKLINE_SITE", "PARKLINE_DATA", "PARKLINE_KAFKA_URL"]
            .iter()
            .any(|name| environment.get(name).is_some());
    if told || given.file(&environment, folder).is_some() || !is_empty(folder).map_err(CannotRun::new)? {
        return Ok(false);
    }
    write(folder)?;
    Ok(true)
}

/// Hidden files are the system's or a tool's, and no reason.
fn is_empty(folder: &Path) -> io::Result<bool> {
    let mut names = folder.read_dir()?.map(|entry| entry.map(|entry| entry.file_name()));
    names.try_fold(true, |empty, name| Ok(empty && name?.to_string_lossy().starts_with('.')))
}

fn write(folder: &Path) -> Result<(), CannotRun> {
    std::fs::create_dir_all(folder)
        .map_err(|e| CannotRun(format!("cannot make {}: {e}", folder.display())))?;
    let files =
        [(SITE, EXAMPLE.to_owned()), (config::FILE, config::template(&[("site", SITE), ("data", DATA)]))];
    files.iter().try_for_each(|(name, text)| {
        let path = folder.join(name);
        let written = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| CannotRun(format!("cannot write {}: {error}", path.display())))
    })
}

/// What somebody does next who has started the server for the first time.
pub(super) fn tell_next(http: SocketAddr) {
    eprintln!(
        r#"
This folder was empty. Now there are
  parkline.toml  every setting, with what it is for
  site.json      an example: a car park with two cameras, a street with two detectors, one tariff
  data/          the log; what is acknowledged is on disk there

A car comes in, as a Vzenith camera says it, and stands in the list of open sessions:
  curl http://{http}/vz/c-in -d '{{"AlarmInfoPlate":{{"result":{{"PlateResult":{{"license":"粤B7K35Q","colorType":1,"type":1,"confidence":97,"plateid":1,"triggerType":8,"isoffline":0}}}}}}}}'
  curl 'http://{http}/v1/sessions?state=open'

Next:
  1. make site.json yours (docs/site.md, docs/tariff.md), then `kill -HUP {pid}`; `parkline check` says what is wrong in it
  2. point the devices here (docs/vendors.md says what to set on which)
  3. before others may reach it: tokens (docs/server.md, "Who may ask") and addresses in parkline.toml
docs/first-hour.md goes on from here to a receipt. `parkline doctor` looks whether anything is wrong."#,
        pid = std::process::id()
    );
}
