//! What is counted: a fixed list, so that nothing that a stranger sends can make it longer (`docs/operations.md`).

mod histogram;
mod photos;
pub mod process;
mod work;

use std::{
    fmt::Write,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use parking_types::Instant;

pub use self::{
    histogram::Histogram,
    photos::Photos,
    work::{Outcomes, Work},
};

/// A label's words: a closed list.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in a metric's label.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

pub(crate) use label;

label! {
    /// Which listener.
    Listener {
        /// Native frames over TCP.
        Tcp = "tcp",
        /// Datagrams.
        Udp = "udp",
        /// Other framed protocols, each on a TCP port of its own.
        Port = "port",
        /// Devices that post.
        Http = "http",
        /// A broker's messages.
        Mqtt = "mqtt",
        /// Devices that we call.
        Dial = "dial",
    }
}

label! {
    /// Why something that came was not taken.
    Refused {
        /// The site has no such device that speaks this protocol.
        UnknownDevice = "unknown_device",
        /// The device may not speak from this address.
        Address = "address",
        /// A device that proves nothing, without the token that it needs.
        Token = "token",
        /// A device that has a key sent a frame without a tag.
        NoTag = "no_tag",
        /// The tag names a key that the device does not have, or not any more.
        UnknownKey = "unknown_key",
        /// The tag is wrong.
        BadTag = "bad_tag",
        /// It cannot be read as far as is needed to know whose it is.
        Malformed = "malformed",
        /// It is too large.
        TooLarge = "too_large",
        /// The log could not take it now.
        Busy = "busy",
        /// A limit on connections, or on what one may bring that is no good.
        Limit = "limit",
        /// It did not come in time.
        Deadline = "deadline",
        /// More frames than a device or a listener may have.
        Rate = "rate",
        /// No TLS, or no certificate that is trusted.
        Handshake = "handshake",
        /// A PROXY header from a stranger, or none where one must be.
        Proxy = "proxy",
        /// A token whose role does not allow what was asked.
        Role = "role",
        /// No such path, or not with this method.
        Route = "route",
    }
}

label! {
    /// Which certificates.
    Certificate {
        /// Ours, and those between it and its authority.
        Server = "server",
        /// The authorities of those who connect.
        Clients = "clients",
        /// Ours for the broker.
        Broker = "broker",
    }
}

const LISTENERS: usize = Listener::ALL.len();
const REASONS: usize = Refused::ALL.len();

/// Everything that listeners and workers count.
#[derive(Debug, Default)]
pub struct Metrics {
    frames: [AtomicU64; LISTENERS],
    bytes: [AtomicU64; LISTENERS],
    noise: [AtomicU64; LISTENERS],
    commands: [AtomicU64; LISTENERS],
    connections: [AtomicI64; LISTENERS],
    refused: [[AtomicU64; REASONS]; LISTENERS],
    stored: [Histogram; LISTENERS],
    decided: Histogram,
    calls_answered: AtomicU64,
    calls_failed: AtomicU64,
    undecided: AtomicU64,
    /// Photos on their way to object storage.
    pub photos: Photos,
    secrets_read: AtomicU64,
    secrets_refused: AtomicU64,
    site_read: AtomicU64,
    site_refused: AtomicU64,
    /// What workers count.
    pub work: Work,
    certificates_read: AtomicU64,
    certificates_refused: AtomicU64,
    certificates_end: [AtomicI64; Certificate::ALL.len()],
}

fn add<const N: usize>(counters: &[AtomicU64; N], listener: Listener, much: u64) {
    if let Some(counter) = counters.get(listener as usize) {
        counter.fetch_add(much, Relaxed);
    }
}

impl Metrics {
    /// Frames that went into the log, with the bytes that their devices sent, and how long that took until they were
    /// durable.
    pub fn stored(&self, listener: Listener, frames: u64, bytes: u64, took: Duration) {
        add(&self.frames, listener, frames);
        add(&self.bytes, listener, bytes);
        if let Some(histogram) = self.stored.get(listener as usize) {
            histogram.add(took, frames);
        }
    }

    /// How long it took from a post to its decision.
    pub fn decided(&self, took: Duration) {
        self.decided.add(took, 1);
    }

    /// A post was stored, and its decision did not come in time.
    pub fn undecided(&self) {
        self.undecided.fetch_add(1, Relaxed);
    }

    /// Something was not taken.
    pub fn refused(&self, listener: Listener, reason: Refused, times: u64) {
        let row = self.refused.get(listener as usize);
        if let Some(counter) = row.and_then(|row| row.get(reason as usize)) {
            counter.fetch_add(times, Relaxed);
        }
    }

    /// How often something was not taken for this reason.
    pub fn refusals(&self, listener: Listener, reason: Refused) -> u64 {
        let row = self.refused.get(listener as usize);
        row.and_then(|row| row.get(reason as usize)).map_or(0, |counter| counter.load(Relaxed))
    }

    /// Bytes that were no frame.
    pub fn noise(&self, listener: Listener, bytes: usize) {
        add(&self.noise, listener, bytes as u64);
    }

    /// A command went out.
    pub fn command(&self, listener: Listener) {
        add(&self.commands, listener, 1);
    }

    /// Connections came (positive) or went.
    pub fn connections(&self, listener: Listener, change: i64) {
        if let Some(gauge) = self.connections.get(listener as usize) {
            gauge.fetch_add(change, Relaxed);
        }
    }

    /// A device was called, and took the connection or did not.
    pub fn called(&self, answered: bool) {
        let counter = if answered { &self.calls_answered } else { &self.calls_failed };
        counter.fetch_add(1, Relaxed);
    }

    /// The secrets were read again, or could not be used.
    pub fn secrets(&self, well: bool) {
        let counter = if well { &self.secrets_read } else { &self.secrets_refused };
        counter.fetch_add(1, Relaxed);
    }

    /// The site's documents were read again, or could not be used.
    pub fn site(&self, well: bool) {
        let counter = if well { &self.site_read } else { &self.site_refused };
        counter.fetch_add(1, Relaxed);
    }

    /// The certificates were read again, or could not be used.
    pub fn certificates(&self, well: bool) {
        let counter = if well { &self.certificates_read } else { &self.certificates_refused };
        counter.fetch_add(1, Relaxed);
    }

    /// Until when certificates are good.
    pub fn certificate_ends(&self, which: Certificate, at: Instant) {
        if let Some(gauge) = self.certificates_end.get(which as usize) {
            gauge.store(at.as_nanos() / 1_000_000_000, Relaxed);
        }
    }

    /// Appends everything in Prometheus' text format.
    pub fn write(&self, out: &mut String) {
        each(out, "parkline_frames_total", "counter", "Frames that are in the log.", &self.frames);
        each(out, "parkline_frame_bytes_total", "counter", "Bytes of those frames.", &self.bytes);
        each(
            out,
            "parkline_noise_bytes_total",
            "counter",
            "Bytes between frames that were no frame.",
            &self.noise,
        );
        each(out, "parkline_commands_sent_total", "counter", "Commands given to devices.", &self.commands);
        head(out, "parkline_connections", "gauge", "Open connections.");
        for (listener, gauge) in Listener::ALL.iter().zip(&self.connections) {
            let (word, value) = (listener.word(), gauge.load(Relaxed));
            line(out, format_args!("parkline_connections{{listener=\"{word}\"}} {value}"));
        }
        head(out, "parkline_refused_total", "counter", "What came and was not taken, by reason.");
        for (listener, row) in Listener::ALL.iter().zip(&self.refused) {
            for (reason, counter) in Refused::ALL.iter().zip(row) {
                let (listener, reason, value) = (listener.word(), reason.word(), counter.load(Relaxed));
                line(
                    out,
                    format_args!(
                        "parkline_refused_total{{listener=\"{listener}\",reason=\"{reason}\"}} {value}"
                    ),
                );
            }
        }
        head(
            out,
            "parkline_stored_seconds",
            "histogram",
            "From the last byte of a frame until it is durable.",
        );
        for (listener, histogram) in Listener::ALL.iter().zip(&self.stored) {
            histogram.write("parkline_stored_seconds", &format!("listener=\"{}\"", listener.word()), out);
        }
        head(out, "parkline_decided_seconds", "histogram", "From a posted frame until its decision.");
        self.decided.write("parkline_decided_seconds", "", out);
        head(
            out,
            "parkline_calls_total",
            "counter",
            "How often devices were called, by whether they answered.",
        );
        for (outcome, counter) in [("answered", &self.calls_answered), ("failed", &self.calls_failed)] {
            line(
                out,
                format_args!("parkline_calls_total{{outcome=\"{outcome}\"}} {}", counter.load(Relaxed)),
            );
        }
        let help = "Posted frames that are stored, and whose decision did not come in time.";
        value(out, "parkline_undecided_total", "counter", help, self.undecided.load(Relaxed));
        let read = "How often the secrets were read again.";
        value(out, "parkline_secrets_read_total", "counter", read, self.secrets_read.load(Relaxed));
        let refused = "How often the secrets were to be read again and could not be used.";
        value(out, "parkline_secrets_refused_total", "counter", refused, self.secrets_refused.load(Relaxed));
        let read = "How often the site's documents were read again.";
        value(out, "parkline_site_read_total", "counter", read, self.site_read.load(Relaxed));
        let refused = "How often the site's documents were to be read again and could not be used.";
        value(out, "parkline_site_refused_total", "counter", refused, self.site_refused.load(Relaxed));
        let read = "How often the certificates were read again.";
        value(out, "parkline_certificates_read_total", "counter", read, self.certificates_read.load(Relaxed));
        let refused = "How often the certificates were to be read again and could not be used.";
        let times = self.certificates_refused.load(Relaxed);
        value(out, "parkline_certificates_refused_total", "counter", refused, times);
        let help = "Until when certificates are good, in seconds since 1970; 0 where there are none.";
        head(out, "parkline_certificate_end_seconds", "gauge", help);
        for (which, gauge) in Certificate::ALL.iter().zip(&self.certificates_end) {
            let (which, at) = (which.word(), gauge.load(Relaxed));
            line(out, format_args!("parkline_certificate_end_seconds{{certificate=\"{which}\"}} {at}"));
        }
        self.photos.write(out);
        self.work.write(out);
    }
}

fn each(out: &mut String, name: &str, kind: &str, help: &str, counters: &[AtomicU64; LISTENERS]) {
    head(out, name, kind, help);
    for (listener, counter) in Listener::ALL.iter().zip(counters) {
        line(out, format_args!("{name}{{listener=\"{}\"}} {}", listener.word(), counter.load(Relaxed)));
    }
}

/// Appends a metric that has one value.
pub fn value(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    head(out, name, kind, help);
    line(out, format_args!("{name} {value}"));
}

/// Appends what a metric is.
pub fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    line(out, format_args!("# HELP {name} {help}"));
    line(out, format_args!("# TYPE {name} {kind}"));
}

/// Appends a line.
pub fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = out.write_fmt(text);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_as_long_before_anything_came_as_after() {
        let metrics = Metrics::default();
        let written = || {
            let mut out = String::new();
            metrics.write(&mut out);
            out
        };
        let before = written();
        metrics.refused(Listener::Udp, Refused::BadTag, 3);
        metrics.stored(Listener::Tcp, 2, 100, Duration::from_millis(1));
        metrics.undecided();
        let after = written();
        assert_eq!(before.lines().count(), after.lines().count());
        assert!(after.contains("parkline_refused_total{listener=\"udp\",reason=\"bad_tag\"} 3\n"), "{after}");
        assert!(after.contains("parkline_frames_total{listener=\"tcp\"} 2\n"), "{after}");
        assert!(after.contains("parkline_undecided_total 1\n"), "{after}");
        let named: Vec<&str> =
            after.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let told = |line: &str| named.iter().any(|name| line.starts_with(name));
        assert!(after.lines().filter(|line| !line.starts_with('#')).all(told), "each has its type: {after}");
    }
}
