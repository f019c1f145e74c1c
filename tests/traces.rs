//! Traces, as a collector gets them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    trace::v1::Span,
};
use prost::Message;
use reqwest::Client;
use tokio::net::TcpListener;

use crate::{
    http::{MODEL, Server, header, png, stop_sign},
    jobs::Process,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector, and the spans that it got.
async fn collector() -> (String, Arc<Mutex<Vec<Span>>>) {
    let spans: Arc<Mutex<Vec<Span>>> = Arc::default();
    let kept = Arc::clone(&spans);
    let collect = move |body: Bytes| async move {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        kept.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        ([("content-type", "application/x-protobuf")], ExportTraceServiceResponse::default().encode_to_vec())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/traces", post(collect));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, spans)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_goes_through_a_call_and_through_a_job() {
    let (endpoint, spans) = collector().await;
    let settings = [
        ("GLASSBOX_TELEMETRY__OTLP_ENDPOINT", &*endpoint),
        ("GLASSBOX_JOBS__STORE", "memory"),
        ("GLASSBOX_SERVER__DRAIN_DELAY", "0"),
        // What the log leaves out, traces have all the same.
        ("GLASSBOX_LOG__LEVEL", "glassbox=info,warn"),
    ];
    let mut process = Process::start(&settings);
    let context = format!("00-{TRACE}-{CALLER}-01");
    let send = |call: &str, name: &'static str, value: &'static str| {
        let request = Client::new().post(format!("http://{}{MODEL}{call}", process.address)).body(png(stop_sign()));
        request.header("traceparent", &context).header(name, value).send()
    };
    let response = send("/explain/grad-cam", "accept", "image/png").await.unwrap();
    let (status, answered) = (response.status(), header(&response, "traceresponse").to_owned());
    assert_eq!(status, 200);
    assert_eq!(send("/explain/saliency", "prefer", "respond-async").await.unwrap().status(), 202);
    let start = Instant::now();
    let has_job = || spans.lock().unwrap().iter().any(|span| span.name == "job");
    while !has_job() {
        assert!(start.elapsed() < Duration::from_mins(1), "no span of a job came");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::task::spawn_blocking(move || process.terminate()).await.unwrap();

    let spans = spans.lock().unwrap();
    let ours: Vec<&Span> = spans.iter().filter(|span| hex(&span.trace_id) == TRACE).collect();
    let ids: HashMap<String, &Span> = ours.iter().map(|span| (hex(&span.span_id), *span)).collect();
    let root = |name: &str| *ours.iter().find(|span| span.name == name && hex(&span.parent_span_id) == CALLER).unwrap();
    let call = root("POST /v1/models/{model}/explain/grad-cam");
    assert_eq!(answered, format!("00-{TRACE}-{}-01", hex(&call.span_id)));
    let submitted = root("POST /v1/models/{model}/explain/saliency");
    let job = ours.iter().find(|span| span.name == "job").unwrap();
    assert_eq!(ids[&hex(&job.parent_span_id)].name, submitted.name);
    let below = |parent: &Span, name: &str| {
        let mut found = ours.iter().filter(|span| span.parent_span_id == parent.span_id && span.name == name);
        assert!(found.next().is_some(), "{} has no {name}", parent.name);
    };
    for name in ["queue", "decode", "run", "render"] {
        below(call, name);
    }
    for name in ["decode", "run", "render"] {
        below(job, name);
    }
}

#[tokio::test]
async fn there_are_no_traces_unless_they_are_asked_for() {
    let response = Server::shared().get("/healthz").header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    assert_eq!(header(&response.send().await.unwrap(), "traceresponse"), "");
}

#[test]
fn an_endpoint_that_is_none_stops_the_start() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_glassbox"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("GLASSBOX_TELEMETRY__OTLP_ENDPOINT", "localhost:4318")
        .output()
        .unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && complaint.contains("telemetry.otlp_endpoint"), "{complaint}");
}
