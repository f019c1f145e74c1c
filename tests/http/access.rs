//! API keys: who may call what, and how often.

use std::{fs, io::Write, path::PathBuf, sync::Arc};

use glassbox::{
    config::Config,
    http::{Scope, make_key},
};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tempfile::{NamedTempFile, TempPath};

use super::{MODEL, Server, header, json, png, refused, stop_sign};

const JOB: &str = "/activation-maximization?layer=block2_conv1&filter=3&size=32&iterations=4";

/// The keys of some callers, by name, and the file that holds them.
struct Callers {
    file: TempPath,
    keys: Vec<(&'static str, String)>,
}

impl Callers {
    fn new(callers: &[(&'static str, &[Scope])]) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        let mut keys = Vec::new();
        for (name, scopes) in callers {
            let (key, line) = make_key(name, scopes).unwrap();
            writeln!(file, "{line}").unwrap();
            keys.push((*name, key));
        }
        Self { file: file.into_temp_path(), keys }
    }

    fn server(&self, change: impl FnOnce(&mut Config)) -> Server {
        let file: PathBuf = self.file.to_path_buf();
        Server::start(|config| {
            config.auth.keys_file = file;
            change(config);
        })
    }

    fn key(&self, name: &str) -> &str {
        &self.keys.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// `request` by the caller called `name`.
    fn by(&self, name: &str, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(self.key(name))
    }
}

fn three() -> Callers {
    use Scope::{Explain, Jobs, Metrics};
    Callers::new(&[
        ("alice", &[Explain, Jobs]),
        ("bob", &[Explain, Jobs]),
        ("eve", &[Explain]),
        ("prometheus", &[Metrics]),
    ])
}

async fn accepted(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 202);
    header(&response, "location").to_owned()
}

#[tokio::test]
async fn calls_need_a_key_and_health_and_pages_do_not() {
    let callers = three();
    let server = callers.server(|_| {});
    for path in ["/healthz", "/readyz", "/", "/playground/style.css", "/docs/", "/openapi.json"] {
        assert_eq!(server.get(path).send().await.unwrap().status(), 200, "{path}");
    }
    let response = server.get("/v1/models").send().await.unwrap();
    assert_eq!(header(&response, "www-authenticate"), "Bearer realm=\"glassbox\"");
    refused(server.get("/v1/models"), 401, "missing_key").await;
    refused(server.get("/v1/models").bearer_auth("gbx_wrong"), 401, "unknown_key").await;
    refused(server.get("/v1/models").header("authorization", "Basic YTpi"), 401, "missing_key").await;
    json(callers.by("alice", server.get("/v1/models"))).await;
    json(server.get("/v1/models").header("x-api-key", callers.key("alice"))).await;
    json(callers.by("alice", server.post("/predict", png(stop_sign())))).await;
    refused(server.get("/nowhere"), 404, "unknown_route").await;
}

#[tokio::test]
async fn every_route_of_the_document_but_the_open_ones_needs_a_key() {
    let server = three().server(|_| {});
    let document = json(server.get("/openapi.json")).await;
    let mut open = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let filled = path.replace("{model}", "vgg16-caltech101").replace(['{', '}'], "x");
            let response = server.request(&method.to_uppercase(), &filled).send().await.unwrap();
            if response.status() != 401 {
                open.push(path.clone());
            }
        }
    }
    assert_eq!(open, ["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"]);
}

#[tokio::test]
async fn a_key_allows_what_its_scopes_say() {
    let callers = three();
    let server = callers.server(|_| {});
    let detail = refused(callers.by("eve", server.get("/v1/jobs")), 403, "missing_scope").await;
    assert!(detail.contains("`jobs`"), "{detail}");
    let job = server.request("POST", &format!("{MODEL}{JOB}")).header("prefer", "respond-async");
    refused(callers.by("eve", job), 403, "missing_scope").await;
    json(callers.by("eve", server.request("POST", &format!("{MODEL}{JOB}")))).await;
    refused(callers.by("prometheus", server.get("/v1/models")), 403, "missing_scope").await;
}

#[tokio::test]
async fn a_job_is_seen_by_its_own_key_alone() {
    let callers = three();
    let server = callers.server(|_| {});
    let submit = |name: &str, key: &'static str| {
        let request = server.request("POST", &format!("{MODEL}{JOB}"));
        callers.by(name, request.header("prefer", "respond-async").header("idempotency-key", key))
    };
    let path = accepted(submit("alice", "same")).await;
    // What others call theirs is no business of anyone's.
    let other = accepted(submit("bob", "same")).await;
    assert_ne!(path, other);
    assert_eq!(accepted(submit("alice", "same")).await, path);
    for part in ["", "/events", "/result"] {
        refused(callers.by("bob", server.get(&format!("{path}{part}"))), 404, "unknown_job").await;
    }
    refused(callers.by("bob", server.request("DELETE", &path)), 404, "unknown_job").await;
    refused(server.get(&path), 401, "missing_key").await;
    let mut job = Value::Null;
    while job["status"] != "succeeded" {
        job = json(callers.by("alice", server.get(&path))).await;
    }
    json(callers.by("alice", server.get(&format!("{path}/result")))).await;
    for (name, own) in [("alice", &path), ("bob", &other)] {
        let list = json(callers.by(name, server.get("/v1/jobs"))).await;
        let jobs = list["jobs"].as_array().unwrap();
        assert_eq!((jobs.len(), jobs[0]["links"]["self"].as_str()), (1, Some(own.as_str())), "{list}");
    }
}

#[tokio::test]
async fn a_key_that_calls_too_often_is_told_when_to_come_back() {
    let callers = three();
    let server = callers.server(|config| (config.auth.requests_per_second, config.auth.burst) = (0.2, 3));
    let call = async |name: &str| -> Response { callers.by(name, server.get("/v1/models")).send().await.unwrap() };
    for _ in 0..3 {
        assert_eq!(call("alice").await.status(), 200);
    }
    let response = call("alice").await;
    assert_eq!(response.status(), 429);
    let wait: u64 = header(&response, "retry-after").parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    refused(callers.by("alice", server.get("/v1/models")), 429, "too_many_requests").await;
    assert_eq!(call("bob").await.status(), 200);
    assert_eq!(server.get("/healthz").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn keys_that_are_read_again_count_at_once_and_a_broken_file_changes_nothing() {
    let callers = three();
    let server = callers.server(|_| {});
    let access = server.app.access().unwrap().unwrap();
    let (new, line) = make_key("alice", &[Scope::Explain]).unwrap();
    fs::write(&callers.file, format!("{line}\n")).unwrap();
    refused(server.get("/v1/models").bearer_auth(&new), 401, "unknown_key").await;
    access.reload().unwrap();
    json(server.get("/v1/models").bearer_auth(&new)).await;
    refused(callers.by("alice", server.get("/v1/models")), 401, "unknown_key").await;
    fs::write(&callers.file, "nonsense").unwrap();
    assert_eq!(access.reload().unwrap_err().code, "invalid_keys");
    json(server.get("/v1/models").bearer_auth(&new)).await;
}

#[test]
fn keys_that_cannot_be_read_stop_the_start() {
    let mut config = Config::default();
    config.auth.keys_file = "/nowhere/keys".into();
    let app = Arc::new(glassbox::http::App::new(config));
    assert_eq!(glassbox::http::router(app).unwrap_err().code, "keys_unreadable");
}

#[tokio::test]
async fn browsers_are_told_what_an_answer_is_not() {
    let server = Server::shared();
    for path in ["/healthz", "/nowhere", "/", "/docs/", "/v1/models"] {
        let response = server.get(path).send().await.unwrap();
        let [nosniff, frames, referrer, policy] =
            ["x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy"]
                .map(|name| header(&response, name));
        assert_eq!((nosniff, frames, referrer), ("nosniff", "DENY", "no-referrer"), "{path}");
        let default = if path == "/docs/" { "default-src 'self'" } else { "default-src 'none'" };
        assert!(policy.starts_with(default) && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
}
