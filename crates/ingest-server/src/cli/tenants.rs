//! Several tenants in one process: each with a config file, and thus a server, of its own.

use std::{
    fmt,
    path::{Display, PathBuf},
};

use super::CannotRun;
use crate::config::{Effective, Environment, Given};

/// What holds for one process, not for one tenant of it.
const OF_THE_PROCESS: [&str; 3] = ["tenants", "telemetry.logs", "telemetry.otlp"];

/// What holds for the process and its first tenant, and after it for each further one.
pub(super) fn all(first: Effective) -> Result<Vec<Effective>, CannotRun> {
    let files = first.settings.tenants.clone().unwrap_or_default();
    let further = files.into_iter().map(further).collect::<Result<Vec<_>, _>>()?;
    let all: Vec<_> = std::iter::once(first).chain(further).collect();
    apart(&all)?;
    Ok(all)
}

/// Does something for each of them in turn. An error of a further one names its config file.
pub(super) fn each<T>(
    all: &[Effective],
    mut act: impl FnMut(&Effective) -> Result<T, CannotRun>,
) -> Result<Vec<T>, CannotRun> {
    let named = |(place, of)| act(of).map_err(|CannotRun(why)| named(all, place, why));
    all.iter().enumerate().map(named).collect()
}

/// The config file of one of them, where there are several.
pub(super) fn file(all: &[Effective], place: usize) -> Option<Display<'_>> {
    all.get(place)?.file.as_ref().filter(|_| all.len() > 1).map(|file| file.display())
}

/// What is wrong with one of them.
pub(super) fn named(all: &[Effective], place: usize, why: impl fmt::Display) -> CannotRun {
    CannotRun(match file(all, place) {
        Some(file) => format!("{file}: {why}"),
        None => why.to_string(),
    })
}

fn further(file: PathBuf) -> Result<Effective, CannotRun> {
    let folder = std::env::current_dir().map_err(CannotRun::new)?;
    let given = Given { config: Some(file), ..Given::default() };
    let effective = given.effective(Environment::default(), &folder)?;
    match OF_THE_PROCESS.iter().find(|path| effective.is_set(path)) {
        None => Ok(effective),
        Some(path) => {
            let why = "this is for the whole process, and stands in the config file that names this one";
            Err(effective.wrong(path, why).into())
        }
    }
}

/// What one of them has, no other can have.
fn apart(all: &[Effective]) -> Result<(), CannotRun> {
    for (place, of) in all.iter().enumerate() {
        let taken: Vec<_> = all.iter().take(place).flat_map(own).map(|(_, what)| what).collect();
        if let Some((path, what)) = own(of).into_iter().find(|(_, what)| taken.contains(what)) {
            let why = format!("{what} is another tenant's of this process");
            return Err(named(all, place, of.wrong(path, why)));
        }
    }
    Ok(())
}

/// The addresses of one of them and its session at a broker, each with the option that says so. A broker ends a session
/// when another begins with its name, so two of ours would push each other out for ever.
fn own(of: &Effective) -> Vec<(&'static str, String)> {
    let (listen, mqtt) = (&of.settings.listen, &of.settings.mqtt);
    let http = listen.http.map(|address| ("listen.http", address.to_string()));
    let tcp = listen.tcp.clone().filter(|address| address != "none").map(|address| ("listen.tcp", address));
    let ports = listen.ports.iter().flatten().filter_map(|port| port.split_once('='));
    let ports = ports.map(|(_, address)| ("listen.ports", address.to_owned()));
    // Port 0 is any free one.
    let addresses = http.into_iter().chain(tcp).chain(ports).filter(|(_, address)| !address.ends_with(":0"));
    let session = mqtt.url.as_ref().zip(mqtt.client_id.as_ref());
    let session = session.map(|(url, name)| ("mqtt.client_id", format!("the session {name} at {url}")));
    addresses.chain(session).collect()
}
