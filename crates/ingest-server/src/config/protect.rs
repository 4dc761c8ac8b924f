//! What strangers and devices may do, and what proves who they are: TLS, load balancers, limits.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ConfigError, Effective};
use crate::{
    directory::Network,
    listener::{
        self,
        rate::Pace,
        tls::{Files, Tls},
    },
    metrics::Listener,
};

/// TLS.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "TLS")]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// Our certificate and those between it and its authority, as PEM; read again on SIGHUP and when the file changes
    #[arg(id = "tls.certificate", long = "tls-certificate", value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Its key, as PEM
    #[arg(id = "tls.key", long = "tls-key", value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Authorities, as PEM: only who shows a certificate of one of them may connect
    #[arg(id = "tls.client_authorities", long = "tls-client-authorities", value_name = "FILE")]
    pub client_authorities: Option<PathBuf>,
    /// The listeners that speak TLS and nothing else: http, tcp (native frames), port (the ports of other protocols)
    #[arg(id = "tls.on", long = "tls-on", value_name = "LISTENER")]
    pub on: Option<Vec<String>>,
}

/// What connections and devices may do.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "What connections and devices may do")]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Connections of one listener
    #[arg(id = "limits.connections", long = "limit-connections", value_name = "N")]
    pub connections: Option<usize>,
    /// Connections of one address (of IPv6: of one /64); carriers put thousands of devices behind one
    #[arg(id = "limits.each_address", long = "limit-each-address", value_name = "N")]
    pub each_address: Option<u32>,
    /// How long a connection may say nothing at all
    #[arg(id = "limits.first_byte_secs", long = "limit-first-byte-secs", value_name = "SECONDS")]
    pub first_byte_secs: Option<u64>,
    /// How long a TLS handshake may take
    #[arg(id = "limits.handshake_secs", long = "limit-handshake-secs", value_name = "SECONDS")]
    pub handshake_secs: Option<u64>,
    /// How long the first native frame that is taken may take
    #[arg(id = "limits.first_frame_secs", long = "limit-first-frame-secs", value_name = "SECONDS")]
    pub first_frame_secs: Option<u64>,
    /// How long the end of a frame that has begun may take
    #[arg(id = "limits.frame_secs", long = "limit-frame-secs", value_name = "SECONDS")]
    pub frame_secs: Option<u64>,
    /// How long a device's connection may bring nothing
    #[arg(id = "limits.idle_secs", long = "limit-idle-secs", value_name = "SECONDS")]
    pub idle_secs: Option<u64>,
    /// How long a request's head may take, and how long a connection may wait with the next request
    #[arg(id = "limits.head_secs", long = "limit-head-secs", value_name = "SECONDS")]
    pub head_secs: Option<u64>,
    /// How long a request's body may take
    #[arg(id = "limits.body_secs", long = "limit-body-secs", value_name = "SECONDS")]
    pub body_secs: Option<u64>,
    /// How long the other side may not read what is written to it
    #[arg(id = "limits.write_secs", long = "limit-write-secs", value_name = "SECONDS")]
    pub write_secs: Option<u64>,
    /// Bytes of one connection that are no frame
    #[arg(id = "limits.noise_bytes", long = "limit-noise-bytes", value_name = "BYTES")]
    pub noise_bytes: Option<usize>,
    /// Frames in a row of one connection that are not taken
    #[arg(id = "limits.refused_frames", long = "limit-refused-frames", value_name = "N")]
    pub refused_frames: Option<u32>,
    /// Frames a second of one device, and how many may come at once; 0: without limit
    #[arg(id = "limits.device_rate", long = "limit-device-rate", value_name = "RATE/BURST")]
    pub device_rate: Option<String>,
    /// Frames a second of one listener; 0: without limit, the log sets the pace
    #[arg(id = "limits.listener_rate", long = "limit-listener-rate", value_name = "RATE/BURST")]
    pub listener_rate: Option<String>,
}

/// Where certificates stand and who speaks with them, where anybody does.
///
/// # Errors
/// The option that cannot be used, and who set it.
pub fn tls(effective: &Effective) -> Result<Option<Tls>, ConfigError> {
    let settings = &effective.settings.tls;
    let (certificate, key) = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        (Some(_), None) => return Err(effective.missing("tls.key", "there is a certificate but no key")),
        (None, _) if effective.is_set("tls.key") || effective.is_set("tls.client_authorities") => {
            return Err(effective.missing("tls.certificate", "there is a key but no certificate"));
        }
        (None, _) => return Ok(None),
    };
    let listener = |word: &String| match word.as_str() {
        "http" => Ok(Listener::Http),
        "tcp" => Ok(Listener::Tcp),
        "port" => Ok(Listener::Port),
        _ => Err(effective.wrong("tls.on", format!("{word}: expected http, tcp or port"))),
    };
    let on = settings.on.iter().flatten().map(listener).collect::<Result<_, _>>()?;
    let files = Files { certificate, key, client_authorities: settings.client_authorities.clone() };
    Ok(Some(Tls { files, on }))
}

/// The load balancers that say who speaks.
///
/// # Errors
/// The option that cannot be used, and who set it.
pub fn balancers(effective: &Effective) -> Result<Vec<Network>, ConfigError> {
    let network = |text: &String| {
        let wrong = || effective.wrong("listen.balancers", format!("{text}: expected an address or a CIDR"));
        Network::parse(text).ok_or_else(wrong)
    };
    effective.settings.listen.balancers.iter().flatten().map(network).collect()
}

/// What connections and devices may do.
///
/// # Errors
/// The option that cannot be used, and who set it.
pub fn limits(effective: &Effective) -> Result<listener::Limits, ConfigError> {
    let (set, default) = (&effective.settings.limits, listener::Limits::default());
    let secs = |option: &str, secs: Option<u64>, default: Duration| match secs {
        Some(0) => Err(effective.wrong(&format!("limits.{option}"), "at least one second")),
        secs => Ok(secs.map_or(default, Duration::from_secs)),
    };
    let pace = |option: &str, text: &Option<String>, default: Pace| {
        let wrong = || effective.wrong(&format!("limits.{option}"), "expected RATE or RATE/BURST");
        text.as_deref().map_or(Ok(default), |text| Pace::parse(text).ok_or_else(wrong))
    };
    Ok(listener::Limits {
        connections: set.connections.unwrap_or(default.connections).min(tokio::sync::Semaphore::MAX_PERMITS),
        each_address: set.each_address.unwrap_or(default.each_address),
        first_byte: secs("first_byte_secs", set.first_byte_secs, default.first_byte)?,
        handshake: secs("handshake_secs", set.handshake_secs, default.handshake)?,
        first_frame: secs("first_frame_secs", set.first_frame_secs, default.first_frame)?,
        frame: secs("frame_secs", set.frame_secs, default.frame)?,
        idle: secs("idle_secs", set.idle_secs, default.idle)?,
        head: secs("head_secs", set.head_secs, default.head)?,
        body: secs("body_secs", set.body_secs, default.body)?,
        write: secs("write_secs", set.write_secs, default.write)?,
        noise_bytes: set.noise_bytes.unwrap_or(default.noise_bytes),
        refused: set.refused_frames.unwrap_or(default.refused),
        buffer_bytes: default.buffer_bytes,
        device: pace("device_rate", &set.device_rate, default.device)?,
        listener: pace("listener_rate", &set.listener_rate, default.listener)?,
    })
}
