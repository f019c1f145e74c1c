//! `/metrics`

use std::{collections::BTreeSet, fs, time::Duration};

use reqwest::Client;
use serde_json::Value;

use super::{MODEL, Server, header, json, png, refused, stop_sign};
use crate::jobs::Process;

async fn metrics(address: &str) -> String {
    let response = Client::new().get(format!("http://{address}/metrics")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(header(&response, "content-type").starts_with("text/plain; version=0.0.4"));
    response.text().await.unwrap()
}

/// The value of the series that begins with `name`, labels and all.
fn value(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn what_is_done_is_measured() {
    let server = Server::shared();
    json(server.post("/predict", png(stop_sign()))).await;
    json(server.post("/explain/guided-backprop", png(stop_sign()))).await;
    json(server.post("/explain?technique=saliency&technique=occlusion&occlusion.stride=56", png(stop_sign()))).await;
    let text = metrics(&server.address.to_string()).await;
    for (route, technique) in [
        ("/v1/models/{model}/predict", "predict"),
        ("/v1/models/{model}/explain/guided-backprop", "guided-backprop"),
        ("/v1/models/{model}/explain", "several"),
    ] {
        let series = format!(
            "glassbox_requests_total{{method=\"POST\",route=\"{route}\",technique=\"{technique}\",model=\"vgg16-caltech101\",status=\"200\"}}"
        );
        assert!(value(&text, &series) >= Some(1.0), "{series} in {text}");
        let series = format!("glassbox_request_seconds_count{{route=\"{route}\",technique=\"{technique}\"}}");
        assert!(value(&text, &series) >= Some(1.0), "{series} in {text}");
    }
    for program in ["forward", "guided", "standard"] {
        let series = format!("glassbox_run_seconds_count{{program=\"{program}\"}}");
        assert!(value(&text, &series) >= Some(1.0), "{series} in {text}");
    }
    assert!(value(&text, "glassbox_queue_seconds_count") >= Some(3.0), "{text}");
    assert!(value(&text, "process_resident_memory_bytes") > Some(1e7), "{text}");
    assert!(
        value(&text, "glassbox_sessions") >= Some(1.0) && value(&text, "glassbox_panics_total").is_some(),
        "{text}"
    );
    assert!(text.contains("# TYPE glassbox_request_seconds histogram") && text.contains("le=\"0.25\""), "{text}");
}

#[tokio::test]
async fn no_client_can_make_new_series() {
    let server = Server::shared();
    for path in ["/made/up", "/v1/models/made-up", "/v1/models/made-up/predict", &format!("{MODEL}/explain/made-up")] {
        assert!(server.get(path).send().await.unwrap().status().is_client_error());
        assert!(server.request("POST", path).send().await.unwrap().status().is_client_error());
        server.request("MADEUP", path).send().await.unwrap();
    }
    let text = metrics(&server.address.to_string()).await;
    assert!(!text.contains("made-up") && !text.contains("/made/up") && !text.contains("MADEUP"), "{text}");
    for labels in [
        "method=\"GET\",route=\"unknown\",technique=\"\",model=\"\",status=\"404\"",
        "method=\"POST\",route=\"/v1/models/{model}/predict\",technique=\"predict\",model=\"unknown\",status=\"404\"",
        "method=\"POST\",route=\"/v1/models/{model}/explain/{technique}\",technique=\"unknown\",model=\"vgg16-caltech101\"",
        "method=\"unknown\",route=\"unknown\"",
    ] {
        assert!(text.contains(labels), "{labels} in {text}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_session_and_jobs_are_counted() {
    let process = Process::start(&[("GLASSBOX_RUNTIME__SESSIONS", "1"), ("GLASSBOX_JOBS__STORE", "memory")]);
    let client = Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
    let long = format!("http://{}{MODEL}/explain/occlusion?patch=70&stride=1", process.address);
    let send = || client.post(&long).body(png(stop_sign())).send();
    let (first, second) = (tokio::spawn(send()), tokio::spawn(send()));
    let until = async |done: &dyn Fn(&str) -> bool| {
        let mut text = metrics(&process.address).await;
        for _ in 0..400 {
            if done(&text) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            text = metrics(&process.address).await;
        }
        panic!("{text}");
    };
    let busy = |text: &str| value(text, "glassbox_sessions_busy");
    let text = until(&|text| busy(text) == Some(1.0) && value(text, "glassbox_queue_waiting") == Some(1.0)).await;
    assert_eq!(value(&text, "glassbox_sessions"), Some(1.0));
    assert!(value(&text, "glassbox_requests_in_progress") >= Some(3.0), "{text}");
    for sent in [first, second] {
        assert!(sent.await.unwrap().unwrap_err().is_timeout());
    }
    let text = until(&|text| busy(text) == Some(0.0)).await;
    let left = "glassbox_requests_total{method=\"POST\",route=\"/v1/models/{model}/explain/occlusion\",technique=\"occlusion\",\
                model=\"vgg16-caltech101\",status=\"left\"}";
    assert_eq!(value(&text, left), Some(2.0), "{text}");

    let job = format!(
        "http://{}{MODEL}/activation-maximization?layer=block2_conv1&filter=3&size=32&iterations=4",
        process.address
    );
    let accepted = client.post(job).header("prefer", "respond-async").send().await.unwrap();
    assert_eq!(accepted.status(), 202);
    let text = until(&|text| value(text, "glassbox_jobs{status=\"succeeded\"}") == Some(1.0)).await;
    assert_eq!(value(&text, "glassbox_jobs{status=\"queued\"}"), Some(0.0));
    assert_eq!(value(&text, "glassbox_jobs_store_up"), Some(1.0));
    assert!(value(&text, "glassbox_run_seconds_count{program=\"ascent\"}") >= Some(4.0), "{text}");
}

#[tokio::test]
async fn a_key_of_another_scope_does_not_see_them() {
    let (key, line) = glassbox::http::make_key("alice", &[glassbox::http::Scope::Explain]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, line).unwrap();
    let server = Server::start(|config| config.auth.keys_file = file.path().into());
    refused(server.get("/metrics"), 401, "missing_key").await;
    refused(server.get("/metrics").bearer_auth(key), 403, "missing_scope").await;
}

#[tokio::test]
async fn every_metric_of_the_dashboard_is_there() {
    let server = Server::shared();
    json(server.post("/predict", png(stop_sign()))).await;
    let text = metrics(&server.address.to_string()).await;
    let dashboard: Value = serde_json::from_str(include_str!("../../docker/grafana/glassbox.json")).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    let is_name = |word: &&str| word.starts_with("glassbox_") || word.starts_with("process_");
    let words = queries.iter().flat_map(|query| query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let names: BTreeSet<&str> = words.filter(is_name).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} is not in {text}");
    }
}
