//! `parkline doctor`: looks at everything around a server and says what to do.

mod around;
#[cfg(feature = "kafka")]
mod cluster;
mod folder;

use serde_json::json;

use super::{CannotRun, Ended, options, tenants};
#[cfg(feature = "kafka")]
use crate::server::Place;
use crate::{
    config::{Effective, Given},
    server::Server,
};

const EXAMPLES: &str = "\
Examples:
  parkline doctor
  parkline doctor --config /etc/parkline/parkline.toml

Looks at settings, site, secrets, certificates, clock, data folder, disk, open files, addresses, brokers, object storage, the topics on Kafka and devices that we dial, beside a
running server or without one. One line for each thing looked at: {\"check\",\"state\",\"message\",\"do\"}; state is `well`,
`doubtful` or `bad`. Ends with 1 where something is bad. Changes nothing: a file of 4 KiB is written into the data folder
and taken away, to see how fast the disk is, and so is an object `doctor` where there is object storage.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    given: Given,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Well,
    Doubtful,
    Bad,
}

/// What was found out about one thing, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    check: &'static str,
    state: State,
    message: String,
    what_to_do: &'static str,
}

impl Finding {
    fn well(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, state: State::Well, message: message.into(), what_to_do: "" }
    }

    fn doubtful(check: &'static str, message: impl Into<String>, what_to_do: &'static str) -> Self {
        Self { check, state: State::Doubtful, message: message.into(), what_to_do }
    }

    fn bad(check: &'static str, message: impl Into<String>, what_to_do: &'static str) -> Self {
        Self { check, state: State::Bad, message: message.into(), what_to_do }
    }

    fn tell(&self) {
        let state = match self.state {
            State::Well => "well",
            State::Doubtful => "doubtful",
            State::Bad => "bad",
        };
        let mut line = json!({"check": self.check, "state": state, "message": self.message});
        if !self.what_to_do.is_empty() {
            line["do"] = self.what_to_do.into();
        }
        println!("{line}");
        eprintln!("{state:<9} {}: {}", self.check, self.message);
        if !self.what_to_do.is_empty() {
            eprintln!("          do: {}", self.what_to_do);
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Ended, CannotRun> {
    let mut worst = State::Well;
    let mut tell = |finding: Finding| {
        worst = worst.max(finding.state);
        finding.tell();
    };
    match options::effective(&args.given).and_then(tenants::all) {
        Ok(all) => look_at_all(&all, &mut tell),
        Err(CannotRun(why)) => tell(Finding::bad(
            "settings",
            why,
            "mend what stands at that place; docs/configuration.md has every option",
        )),
    }
    Ok(Ended::some_bad(worst == State::Bad))
}

fn look_at_all(all: &[Effective], tell: &mut dyn FnMut(Finding)) {
    for (place, effective) in all.iter().enumerate() {
        let name = tenants::file(all, place).map_or_else(String::new, |file| format!("{file}: "));
        look(effective, &mut |finding| tell(Finding { message: name.clone() + &finding.message, ..finding }));
    }
    around::clock(tell);
    around::files(tell);
}

/// At what is a tenant's own.
fn look(effective: &Effective, tell: &mut dyn FnMut(Finding)) {
    tell(settings(effective));
    let options = options::server(effective).map_err(CannotRun::new);
    let checked = options
        .as_ref()
        .map_err(|CannotRun(why)| why.clone())
        .and_then(|options| Server::check(options).map_err(|error| error.to_string()));
    tell(match checked {
        Ok(devices) => {
            Finding::well("site", format!("{devices} devices; site, tokens and secrets can be used"))
        }
        Err(why) => Finding::bad(
            "site",
            why,
            "mend what is named; `parkline check` looks again, docs/site.md says what fits",
        ),
    });
    if let Ok(options) = &options {
        around::certificates(&options.listeners, tell);
        if let Some(at) = &options.objects {
            around::objects(at, tell);
        }
        #[cfg(feature = "kafka")]
        if let Place::Cluster(place) = &options.log {
            cluster::look(&place.options, tell);
        }
    }
    let running = effective.settings.listen.http.and_then(around::running);
    if let Some(data) = &effective.settings.data {
        folder::look(data, running.is_some(), tell);
    }
    around::addresses(effective, running, tell);
    around::brokers(effective, tell);
    if let Some(site) = &effective.settings.site {
        around::devices(site, tell);
    }
}

fn settings(effective: &Effective) -> Finding {
    let unknown = effective.unknown_variables();
    if unknown.is_empty() {
        let file =
            effective.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
        return Finding::well("settings", format!("{file}; `parkline serve --print-config` shows all"));
    }
    let message = format!("no option: {}", unknown.join(", "));
    Finding::doubtful(
        "settings",
        message,
        "a variable that is misspelt says nothing: docs/configuration.md has their names",
    )
}
