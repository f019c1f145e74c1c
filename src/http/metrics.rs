//! `GET /metrics`: what the service does, in numbers, as Prometheus reads them.
//!
//! Whatever a client sends, the number of series is bounded: a label holds a route's template, never a path, and a model's name only if
//! there is such a model.

use std::{
    fs,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::{App, Problem};
use crate::{
    error::{Error, Result},
    jobs::Status,
};

/// The upper bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 15] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How often what was recorded is put into the buckets, so that it does not pile up where nobody asks for it.
const KEEP_UP_EVERY: Duration = Duration::from_secs(5);

/// How long the jobs' store may take to count.
const PATIENCE: Duration = Duration::from_secs(1);

/// What stands for a route, a technique or a model that there is not.
const UNKNOWN: &str = "unknown";

/// Begins to record, once for the process, and gives what was recorded.
fn recorder() -> Result<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let install = || -> Result<PrometheusHandle, BuildError> {
        let seconds = Matcher::Suffix("_seconds".into());
        let recorder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS)?.install_recorder()?;
        describe();
        Ok(recorder)
    };
    let recorder = RECORDER.get_or_init(|| install().map_err(|error| error.to_string()));
    recorder.as_ref().map_err(|error| Error::internal(format!("nothing can be measured: {error}")))
}

fn describe() {
    describe_counter!("glassbox_requests_total", "Requests that were answered, or left by their clients");
    describe_histogram!("glassbox_request_seconds", Unit::Seconds, "From a request's head to its answer's");
    describe_gauge!("glassbox_requests_in_progress", "Requests that are not answered yet");
    describe_gauge!("glassbox_connections", "Open connections");
    describe_gauge!("glassbox_queue_waiting", "Requests that wait for a session");
    describe_histogram!("glassbox_queue_seconds", Unit::Seconds, "The wait for a session");
    describe_gauge!("glassbox_sessions", "Sessions, and so runs at once");
    describe_gauge!("glassbox_sessions_busy", "Sessions at work");
    describe_histogram!("glassbox_run_seconds", Unit::Seconds, "One run of a compiled program, by its kind");
    describe_gauge!("glassbox_jobs", "Jobs in the store, which replicas share, by status");
    describe_gauge!("glassbox_jobs_store_up", "Whether the jobs' store could be asked");
    describe_counter!("glassbox_panics_total", "Panics that were caught");
    describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "Memory of the process that is in RAM");
    counter!("glassbox_panics_total").absolute(0);
}

/// Begins to record, and keeps what was recorded small.
pub(super) fn record() -> Result<()> {
    let recorder = recorder()?;
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(KEEP_UP_EVERY).await;
            recorder.run_upkeep();
        }
    });
    Ok(())
}

/// What the service does, in numbers
///
/// As Prometheus reads them. Where API keys are needed, one with the scope `metrics`.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    responses((status = 200, description = "The numbers.", content_type = "text/plain", body = String,
        example = "glassbox_sessions_busy 1\n"))
)]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let recorder = recorder()?;
    app.measure();
    if let Some(bytes) = resident_memory() {
        gauge!("process_resident_memory_bytes").set(bytes as f64);
    }
    count_jobs(&app).await;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response())
}

async fn count_jobs(app: &App) {
    let counts = tokio::time::timeout(PATIENCE, app.jobs().store().counts()).await;
    let counts = counts.ok().and_then(Result::ok);
    gauge!("glassbox_jobs_store_up").set(if counts.is_some() { 1.0 } else { 0.0 });
    let Some(counts) = counts else { return };
    for status in Status::ALL {
        let count = counts.iter().find(|(found, _)| *found == status).map_or(0, |(_, count)| *count);
        gauge!("glassbox_jobs", "status" => status.name()).set(count as f64);
    }
}

/// The process's memory that is in RAM, where the system tells it as Linux does.
fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What tells the series of a request from others.
#[derive(Debug)]
pub(super) struct Labels {
    method: &'static str,
    route: String,
    technique: String,
    model: String,
}

impl Labels {
    /// Those of `request`, which begins.
    pub fn of(request: &Request, app: &App) -> Self {
        gauge!("glassbox_requests_in_progress").increment(1.0);
        let route = request.extensions().get::<MatchedPath>().map_or(UNKNOWN, MatchedPath::as_str);
        Self {
            method: method(request.method()),
            technique: technique(route).to_owned(),
            model: model(route, request.uri().path(), app).to_owned(),
            route: route.to_owned(),
        }
    }

    /// The route's template.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Records that the request was answered with `status`, or left by its client, after `time`.
    pub fn record(&self, status: Option<StatusCode>, time: Duration) {
        let Self { method, route, technique, model } = self;
        gauge!("glassbox_requests_in_progress").decrement(1.0);
        let (route, technique, model) = (route.clone(), technique.clone(), model.clone());
        histogram!("glassbox_request_seconds", "route" => route.clone(), "technique" => technique.clone()).record(time);
        let status = status.map_or_else(|| "left".into(), |status| status.as_str().to_owned());
        counter!(
            "glassbox_requests_total",
            "method" => *method, "route" => route, "technique" => technique, "model" => model, "status" => status
        )
        .increment(1);
    }
}

fn method(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "DELETE", "OPTIONS"];
    known.into_iter().find(|known| method.as_str() == *known).unwrap_or(UNKNOWN)
}

/// The technique that a route's template names; empty for none.
fn technique(route: &str) -> &str {
    match route.rsplit_once('/') {
        Some((_, "{technique}")) => UNKNOWN,
        Some((before, technique)) if before.ends_with("/explain") => technique,
        Some((_, "explain")) => "several",
        Some((_, call @ ("predict" | "activation-maximization"))) => call,
        _ => "",
    }
}

/// The model that the path names, if there is one of that name; empty where the route has none.
fn model<'a>(route: &str, path: &'a str, app: &App) -> &'a str {
    let Some(place) = route.split('/').position(|part| part.starts_with("{model}")) else { return "" };
    let part = path.split('/').nth(place).unwrap_or_default();
    // KServe's V1 has a verb behind the name.
    let name = part.split_once(':').map_or(part, |(name, _)| name);
    match app.models() {
        Ok(models) if models.has(name) => name,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_technique_is_what_the_template_says() {
        assert_eq!(technique("/v1/models/{model}/explain/grad-cam"), "grad-cam");
        assert_eq!(technique("/v1/models/{model}/explain/{technique}"), "unknown");
        assert_eq!(technique("/v1/models/{model}/explain"), "several");
        assert_eq!(technique("/v1/models/{model}/predict"), "predict");
        assert_eq!(technique("/v1/models/{model}/summary"), "");
        assert_eq!(technique("unknown"), "");
    }

    #[test]
    fn the_memory_of_this_process_is_some() {
        assert!(resident_memory().is_some_and(|bytes| (1 << 20..1 << 40).contains(&bytes)));
    }
}
