//! What listeners are told on the command line.

use std::path::PathBuf;

use device_codec::Protocol;

use super::CannotRun;
use crate::{
    listener::{Limits, Options, Port},
    secrets::{Source, Text},
};

/// Where secrets stand if no file is named.
const SECRETS: &str = "PARKLINE_SECRETS";

#[derive(Debug, clap::Args)]
pub(super) struct Listeners {
    /// Keys and tokens of the site's devices: a file of lines NAME KEY_ID HEX or NAME token TEXT; else the variable
    /// PARKLINE_SECRETS with such lines
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// A port for another protocol, as often as needed: f6213 (UDP), milesight-tcp, vz-tcp, barrier-aa55
    #[arg(long, value_name = "PROTOCOL=ADDR")]
    port: Vec<String>,
}

impl Listeners {
    pub(super) fn options(&self) -> Result<Options, CannotRun> {
        let secrets = match &self.secrets {
            Some(path) => Source::File(path.clone()),
            None => std::env::var(SECRETS).map_or(Source::None, |text| Source::Text(Text(text))),
        };
        let ports = self.port.iter().map(|text| port(text)).collect::<Result<_, _>>()?;
        Ok(Options { secrets, ports, limits: Limits::default() })
    }
}

fn port(text: &str) -> Result<Port, CannotRun> {
    let wrong = |why: &str| CannotRun(format!("--port {text}: {why}"));
    let (protocol, address) = text.split_once('=').ok_or_else(|| wrong("expected PROTOCOL=ADDR"))?;
    let protocol = Protocol::parse(protocol).ok_or_else(|| wrong("no such protocol"))?;
    let address = address.parse().map_err(|_| wrong("expected an address and port behind ="))?;
    Port::new(protocol, address).ok_or_else(|| wrong("this protocol does not come on a port of its own"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_for_protocols_that_have_one() {
        assert_eq!(port("f6213=127.0.0.1:7501").unwrap().protocol, Protocol::F6213);
        assert_eq!(port("milesight-tcp=[::1]:0").unwrap().protocol, Protocol::MilesightTcp);
        for (bad, why) in [
            ("f6213", "PROTOCOL=ADDR"),
            ("nobody=127.0.0.1:1", "no such protocol"),
            ("f6213=here", "address and port"),
            ("vz-http=127.0.0.1:1", "port of its own"),
            ("parkline=127.0.0.1:1", "port of its own"),
        ] {
            assert!(port(bad).unwrap_err().0.contains(why), "{bad}");
        }
    }
}
