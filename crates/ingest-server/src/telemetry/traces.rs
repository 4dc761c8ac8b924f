//! Spans for a collector: requests, workers' batches, changes of what the server was told.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::Subscriber;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use super::{TelemetryError, ours};

/// Sends spans from a thread of its own; what is left is sent when it is dropped.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Drop for Traces {
    fn drop(&mut self) {
        // A collector that is away has lost them already.
        let _ = self.0.shutdown();
    }
}

/// Begins to send to a collector, such as `http://127.0.0.1:4318`. Sampling, names and further headers are said by
/// OpenTelemetry's own variables (`OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME` …).
pub(super) fn begin<S>(collector: &str) -> Result<(Traces, Box<dyn Layer<S> + Send + Sync>), TelemetryError>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let wrong = |error: &dyn std::fmt::Display| TelemetryError(error.to_string());
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", collector.trim_end_matches('/')))
        .build()
        .map_err(|error| wrong(&error))?;
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("parkline");
    }
    let provider =
        SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("parkline"));
    Ok((Traces(provider), layer.with_filter(filter_fn(ours)).boxed()))
}
