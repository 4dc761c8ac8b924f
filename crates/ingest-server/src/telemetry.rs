//! What an operator must know, a line on stderr each, as text or as JSON; and, with the feature `otel`, traces for a
//! collector of OpenTelemetry.
//!
//! Only what this crate says is written: what libraries say may hold what strangers sent.

#[cfg(feature = "otel")]
mod traces;

use std::fmt;

use serde::{Deserialize, Serialize};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, Registry,
    filter::filter_fn,
    fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Logs {
    /// A sentence a line
    #[default]
    Text,
    /// A JSON object a line: timestamp, level, message, and what the sentence is about
    Json,
}

/// What is told, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// How lines are written.
    pub logs: Logs,
    /// Where traces go: a collector that takes OTLP over HTTP.
    pub otlp: Option<String>,
}

/// Why traces cannot be sent.
#[derive(Debug)]
pub struct TelemetryError(String);

impl fmt::Display for TelemetryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "traces cannot be sent: {}", self.0)
    }
}

impl std::error::Error for TelemetryError {}

/// Sends what is left of the traces when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Telling {
    #[cfg(feature = "otel")]
    _traces: Option<traces::Traces>,
}

impl Telemetry {
    /// From here on the process tells what it must.
    ///
    /// # Errors
    /// [`TelemetryError`] where traces are wanted and cannot be sent.
    pub fn begin(&self) -> Result<Telling, TelemetryError> {
        let registry = Registry::default().with(lines(self.logs, std::io::stderr));
        #[cfg(feature = "otel")]
        {
            let (traces, layer) = self.otlp.as_deref().map(traces::begin).transpose()?.unzip();
            // A second server in one process, as in tests, goes on with what the first set up.
            let _ = registry.with(layer).try_init();
            Ok(Telling { _traces: traces })
        }
        #[cfg(not(feature = "otel"))]
        {
            if self.otlp.is_some() {
                let how = "this parkline was built without them: cargo build --release -p ingest-server --features otel";
                return Err(TelemetryError(how.to_owned()));
            }
            let _ = registry.try_init();
            Ok(Telling {})
        }
    }
}

fn ours(about: &Metadata<'_>) -> bool {
    about.target().starts_with(env!("CARGO_CRATE_NAME"))
}

fn lines<S, W>(logs: Logs, to: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(to);
    // Spans are for the collector: nobody opens one where there is none.
    let said = filter_fn(|about| about.is_event() && *about.level() <= Level::INFO && ours(about));
    match logs {
        Logs::Text => layer.event_format(Sentence).with_filter(said).boxed(),
        Logs::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_filter(said)
            .boxed(),
    }
}

/// Nothing but the sentence: who keeps such lines (journald, a terminal) knows when they came.
struct Sentence;

impl<S, N> FormatEvent<S, N> for Sentence
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut message = Message(String::new());
        event.record(&mut message);
        writeln!(out, "{}", message.0)
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::log::lock;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(logs: Logs) -> String {
        let kept = Kept::default();
        let to = kept.clone();
        let layer = lines(logs, move || to.clone());
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            let _open = tracing::info_span!("batch", partition = 3).entered();
            tracing::warn!(change = "site", changes = 2, "the site was read again: {} changes", 2);
            tracing::error!(target: "hyper", "what a stranger sent");
            tracing::debug!("for the collector alone");
        });
        String::from_utf8(lock(&kept.0).clone()).unwrap()
    }

    #[test]
    fn a_line_is_a_sentence_or_an_object_and_nothing_of_libraries() {
        assert_eq!(said(Logs::Text), "the site was read again: 2 changes\n");
        let line = said(Logs::Json);
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(told["message"], "the site was read again: 2 changes");
        assert_eq!(
            (&told["level"], &told["change"], &told["changes"]),
            (&"WARN".into(), &"site".into(), &2.into())
        );
        assert!(told["timestamp"].is_string() && line.lines().count() == 1, "{line}");
    }
}
