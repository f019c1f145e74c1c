//! Where the process tells what it does: the log, and traces.

use std::{
    io::{self, IsTerminal},
    panic,
    time::Duration,
};

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::Level;
use tracing_subscriber::{EnvFilter, Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};
use ureq::Agent;

use crate::{
    config::{Config, LogFormat, Telemetry},
    error::{Error, Result},
};

/// How long a collector may take for some traces.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is told; what was not sent yet is sent when this is dropped.
#[must_use]
pub(super) struct Log {
    traces: Option<SdkTracerProvider>,
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces
            && let Err(error) = traces.shutdown_with_timeout(PATIENCE)
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Sends the log to the standard error, so that the standard output holds nothing but answers, and traces to where
/// `telemetry.otlp_endpoint` says.
pub(super) fn start(config: &Config) -> Result<Log> {
    // What ONNX Runtime's binding says of itself at each start is no news, unless the setting asks for it.
    let level = &config.log.level;
    let filter = EnvFilter::try_new(format!("ort=warn,{level}")).map_err(|error| {
        Error::setup("invalid_log_level", format!("`{level}` in log.level is no level or filter: {error}"))
    })?;
    let lines = tracing_subscriber::fmt::layer().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr);
    let lines = match config.log.format {
        LogFormat::Text => lines.with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    let traces = exporter(&config.telemetry)?;
    let spans = traces.as_ref().map(|traces| {
        let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer("glassbox"));
        layer.with_filter(Targets::new().with_target("glassbox", Level::INFO))
    });
    let started = tracing_subscriber::registry().with(lines).with(spans).try_init();
    started.map_err(|error| Error::internal(format!("the log cannot be started: {error}")))?;
    if config.log.format == LogFormat::Json {
        panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    }
    Ok(Log { traces })
}

/// What collects spans and sends them, if they are to be sent.
fn exporter(settings: &Telemetry) -> Result<Option<SdkTracerProvider>> {
    let endpoint = settings.otlp_endpoint.trim_end_matches('/');
    if endpoint.is_empty() {
        return Ok(None);
    }
    let invalid = |reason: &str| {
        let message = format!(
            "telemetry.otlp_endpoint `{endpoint}` cannot be used: {reason}; write an address such as http://localhost:4318"
        );
        Error::setup("invalid_endpoint", message)
    };
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(invalid("it begins neither with http:// nor with https://"));
    }
    let agent = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false).build();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client(agent.into()))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .with_timeout(PATIENCE)
        .build();
    let exporter = exporter.map_err(|error| invalid(&error.to_string()))?;
    let resource = Resource::builder().with_service_name("glassbox").build();
    Ok(Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
}

/// Sends traces, on the thread that the exporter has for it.
#[derive(Debug)]
struct Client(Agent);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let mut response = self.0.run(Request::from_parts(parts, body.to_vec()))?;
        let body = response.body_mut().read_to_vec()?;
        let mut answer = Response::new(body.into());
        *answer.status_mut() = response.status();
        Ok(answer)
    }
}
