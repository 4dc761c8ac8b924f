//! What the server is told: one struct, filled from a file, the environment and flags; later ones win.
//!
//! [`Settings`] is the only list of options. An option is a field here, with the sentence that people read, and, where
//! it has a default, a line in `config/defaults.toml`. Flags, the file's keys, the variables' names, the commented file
//! that `parkline init` writes and the table in `docs/configuration.md` follow from it. To add one:
//!
//! 1. a field in its section below: `#[arg(id = "section.option", long = "flag", value_name = "…")]`, always an
//!    `Option`; a value called `FILE`, `DIR` or `SITE` is a path, and in the file it counts from the file's folder;
//! 2. its default, if it has one;
//! 3. `UPDATE_DOCS=1 cargo test -p ingest-server --lib config`, which writes the table anew.
//!
//! No option holds a secret: secrets stand in files that options name, or in [variables of their own](SECRET_VARIABLES).

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the options' sentences are shown to people, with [ ] around what may be absent"
)]

mod describe;
mod layers;
mod objects;
mod protect;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::telemetry::Logs;

pub use self::{
    describe::{Described, options, printed, template},
    layers::{ConfigError, Effective, Environment, Given, Origin},
    objects::objects,
    protect::{LimitSettings, TlsSettings, balancers, limits, tls},
};

/// The name of the file that is read where none is named.
pub const FILE: &str = "parkline.toml";

/// Variables that hold secrets and have no option: they are never printed.
pub const SECRET_VARIABLES: [(&str, &str); 4] = [
    (TOKENS, "Who may use the API: lines ROLE TOKEN, instead of `access.tokens_file`"),
    (SECRETS, "Keys and tokens of devices, instead of `access.secrets_file`"),
    (MQTT_PASSWORD, "The password of the user in `mqtt.url`"),
    (
        CREDENTIALS,
        "Who we are to object storage: a line KEY_ID SECRET, instead of `objects.credentials_file`",
    ),
];
/// Where tokens stand if no file is named.
pub(crate) const TOKENS: &str = "PARKLINE_TOKENS";
/// Where secrets stand if no file is named.
pub(crate) const SECRETS: &str = "PARKLINE_SECRETS";
/// Where the password for the broker stands.
pub(crate) const MQTT_PASSWORD: &str = "PARKLINE_MQTT_PASSWORD";
/// Where the credentials for object storage stand if no file is named.
pub(crate) const CREDENTIALS: &str = "PARKLINE_OBJECTS_CREDENTIALS";

/// Everything that can be set; what is absent has no value.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The site: a document, or a folder of them
    #[arg(id = "site", long, value_name = "SITE")]
    pub site: Option<PathBuf>,
    /// The data folder; made where it is missing
    #[arg(id = "data", long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Partitions of a new log (4, on Kafka 12); an existing one keeps what it has
    #[arg(id = "partitions", long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub partitions: Option<u32>,
    /// A further tenant that this process serves: its config file, as often as needed. All that it is told stands there;
    /// flags and variables are for the first
    #[arg(id = "tenants", long = "tenant", value_name = "FILE")]
    pub tenants: Option<Vec<PathBuf>>,
    /// Where devices and people come in
    #[command(flatten)]
    pub listen: Listen,
    /// Who is let in
    #[command(flatten)]
    pub access: Access,
    /// TLS
    #[command(flatten)]
    pub tls: TlsSettings,
    /// What connections and devices may do
    #[command(flatten)]
    pub limits: LimitSettings,
    /// Devices behind an MQTT broker
    #[command(flatten)]
    pub mqtt: Mqtt,
    /// The log on Apache Kafka
    #[command(flatten)]
    pub kafka: Kafka,
    /// How long frames stay in the data folder
    #[command(flatten)]
    pub retention: Retention,
    /// Object storage for photos
    #[command(flatten)]
    pub objects: ObjectsSettings,
    /// What the server says of itself
    #[command(flatten)]
    pub telemetry: TelemetrySettings,
}

/// Where devices and people come in.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "Where devices and people come in")]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Where native frames come in; `none`: nowhere
    #[arg(id = "listen.tcp", long = "tcp", value_name = "ADDR")]
    pub tcp: Option<String>,
    /// Where HTTP comes in
    #[arg(id = "listen.http", long = "http", value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// A port for another protocol, as often as needed: f6213 (UDP), milesight-tcp, vz-tcp, barrier-aa55
    #[arg(id = "listen.ports", long = "port", value_name = "PROTOCOL=ADDR")]
    pub ports: Option<Vec<String>>,
    /// A load balancer that begins each connection with a PROXY header (version 2), which says who speaks; its address or
    /// CIDR, as often as needed. Nobody else may send such a header
    #[arg(id = "listen.balancers", long = "balancer", value_name = "CIDR")]
    pub balancers: Option<Vec<String>>,
}

/// Who is let in.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "Who is let in")]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Who may use the API: a file of lines ROLE TOKEN. Without it, or the variable PARKLINE_TOKENS with such lines,
    /// only loopback addresses are listened on
    #[arg(id = "access.tokens_file", long = "tokens", value_name = "FILE")]
    pub tokens_file: Option<PathBuf>,
    /// Keys and tokens of the site's devices: a file of lines NAME KEY_ID HEX or NAME token TEXT; else the variable
    /// PARKLINE_SECRETS with such lines
    #[arg(id = "access.secrets_file", long = "secrets", value_name = "FILE")]
    pub secrets_file: Option<PathBuf>,
}

/// Devices behind an MQTT broker.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "Devices behind an MQTT broker")]
#[serde(deny_unknown_fields, default)]
pub struct Mqtt {
    /// A broker that devices publish to: mqtt://[USER@]HOST[:PORT], or mqtts:// over TLS; the user's password stands in the
    /// variable PARKLINE_MQTT_PASSWORD
    #[arg(id = "mqtt.url", long = "mqtt", value_name = "URL")]
    pub url: Option<String>,
    /// What is listened to there, as often as needed: vz-mqtt=device/+/message/up/#, yuncitys-gateway=FILTER,
    /// the-things-stack=v3/+/devices/+/up, chirpstack=FILTER, loriot=FILTER, generic=FILTER
    #[arg(id = "mqtt.topics", long = "mqtt-topic", value_name = "WHAT=FILTER")]
    pub topics: Option<Vec<String>>,
    /// The name of our session at the broker; another server needs another one
    #[arg(id = "mqtt.client_id", long = "mqtt-client-id", value_name = "ID")]
    pub client_id: Option<String>,
    /// Authorities of the broker's certificate, as PEM; without it those that this machine trusts
    #[arg(id = "mqtt.authorities", long = "mqtt-authorities", value_name = "FILE")]
    pub authorities: Option<PathBuf>,
    /// Our certificate for a broker that wants one, as PEM
    #[arg(id = "mqtt.certificate", long = "mqtt-certificate", value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Its key, as PEM
    #[arg(id = "mqtt.key", long = "mqtt-key", value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// The log on Apache Kafka.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "The log on Apache Kafka")]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// Apache Kafka instead of a data folder: kafka://HOST:PORT[,HOST:PORT…][/PREFIX]; docs/kafka.md
    #[arg(id = "kafka.url", long = "log", value_name = "URL")]
    pub url: Option<String>,
    /// Properties of the client, such as TLS and SASL; a file of lines NAME=VALUE
    #[arg(id = "kafka.properties_file", long = "kafka-config", value_name = "FILE")]
    pub properties_file: Option<PathBuf>,
    /// This process's name in the group, the same after a restart, which then moves no partitions
    #[arg(id = "kafka.instance", long = "instance", value_name = "NAME")]
    pub instance: Option<String>,
    /// Accept that an acknowledged record may lie on one broker only
    #[arg(
        id = "kafka.single_copy",
        long = "single-copy",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub single_copy: Option<bool>,
    /// What this process does: all, listener (takes frames and answers, owns no partitions), worker (owns partitions;
    /// devices connect elsewhere), api (answers questions and takes what people do)
    #[arg(id = "kafka.role", long = "role", value_name = "ROLE")]
    pub role: Option<Role>,
}

/// How long frames stay in the data folder.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "How long frames stay in the data folder")]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Older frames leave the data folder for the archive, such as 90d; without it they stay for ever
    #[arg(id = "retention.keep", long = "retention", value_name = "SPAN")]
    pub keep: Option<String>,
    /// Where they go, and where they are read on
    #[arg(id = "retention.archive", long = "archive", value_name = "DIR")]
    pub archive: Option<PathBuf>,
    /// Photos that were stored longer ago are erased, such as 30d; without it they stay for ever
    #[arg(id = "retention.photos", long = "retention-photos", value_name = "SPAN")]
    pub photos: Option<String>,
}

/// Object storage for photos.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "Object storage for photos")]
#[serde(deny_unknown_fields, default)]
pub struct ObjectsSettings {
    /// A bucket that photos go to, S3's or one that speaks its protocol: s3://BUCKET[/PREFIX]; without it they stay in the
    /// data folder
    #[arg(id = "objects.url", long = "objects", value_name = "URL")]
    pub url: Option<String>,
    /// Where the store is, such as https://HOST:9000; without it AWS
    #[arg(id = "objects.endpoint", long = "objects-endpoint", value_name = "URL")]
    pub endpoint: Option<String>,
    /// Its region
    #[arg(id = "objects.region", long = "objects-region", value_name = "REGION")]
    pub region: Option<String>,
    /// Who we are there: a file of one line KEY_ID SECRET, with a session's token behind it where there is one; else the
    /// variable PARKLINE_OBJECTS_CREDENTIALS with such a line
    #[arg(id = "objects.credentials_file", long = "objects-credentials", value_name = "FILE")]
    pub credentials_file: Option<PathBuf>,
    /// Authorities of the store's certificate, as PEM; without it those that this machine trusts
    #[arg(id = "objects.authorities", long = "objects-authorities", value_name = "FILE")]
    pub authorities: Option<PathBuf>,
}

/// What the server says of itself.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "What the server says of itself")]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// How lines on stderr are written: text, json
    #[arg(id = "telemetry.logs", long = "logs", value_name = "FORMAT", hide_possible_values = true)]
    pub logs: Option<Logs>,
    /// Where traces go: a collector that takes OTLP over HTTP, such as http://127.0.0.1:4318; needs a build with the
    /// feature `otel`
    #[arg(id = "telemetry.otlp", long = "otlp", value_name = "URL")]
    pub otlp: Option<String>,
}

/// What a process of several does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Listens and works
    #[default]
    All,
    /// Takes frames and answers questions, but owns no partitions
    Listener,
    /// Owns partitions; devices connect elsewhere, and questions are asked elsewhere
    Worker,
    /// Answers questions and takes what people do; owns no partitions, and devices connect elsewhere
    Api,
}

impl Role {
    /// Whether devices connect to it.
    pub fn listens(self) -> bool {
        matches!(self, Self::All | Self::Listener)
    }

    /// Whether it owns partitions.
    pub fn works(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }

    /// Whether it knows the sessions of all partitions.
    pub fn follows(self) -> bool {
        self != Self::Worker
    }
}
