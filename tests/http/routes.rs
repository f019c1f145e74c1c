//! What holds at every address: problems, request ids, methods, other origins.

use super::{MODEL, Server, header, png, refused, stop_sign};

#[tokio::test]
async fn an_unknown_address_is_a_problem() {
    let server = Server::shared();
    for path in ["/v1", "/v1/models/", &format!("{MODEL}/explain/grad-cam/")] {
        refused(server.get(path), 404, "unknown_route").await;
    }
}

#[tokio::test]
async fn another_method_is_a_problem_that_names_the_right_ones() {
    let server = Server::shared();
    for (method, path, allowed) in [
        ("POST", "/healthz", "GET,HEAD"),
        ("DELETE", "/v1/models", "GET,HEAD"),
        ("GET", "/v1/models/vgg16-caltech101/predict", "POST"),
        ("GET", "/v1/models/vgg16-caltech101/explain/grad-cam", "POST"),
        ("OPTIONS", "/v1/models/vgg16-caltech101/explain/grad-cam", "POST"),
        ("POST", "/v1/models/vgg16-caltech101", "GET,HEAD"),
    ] {
        let response = server.request(method, path).send().await.unwrap();
        assert_eq!(header(&response, "allow"), allowed, "{method} {path}");
        refused(server.request(method, path), 405, "method_not_allowed").await;
    }
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let response = Server::shared().request("HEAD", "/v1/models").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/json"));
    assert!(response.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_problem_has_the_members_of_rfc_9457_and_our_own() {
    let request = Server::shared().get("/v1/models/vgg19").header("x-request-id", "trace-42");
    let response = request.send().await.unwrap();
    assert_eq!(header(&response, "x-request-id"), "trace-42");
    insta::assert_snapshot!(response.text().await.unwrap());
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let server = Server::shared();
    let id = async |request: reqwest::RequestBuilder| header(&request.send().await.unwrap(), "x-request-id").to_owned();
    assert_eq!(id(server.get("/healthz").header("x-request-id", "trace-42")).await, "trace-42");
    assert_ne!(id(server.get("/healthz").header("x-request-id", "two words")).await, "two words");
    let ids = [id(server.get("/healthz")).await, id(server.get("/nowhere")).await, id(server.get("/docs/")).await];
    assert!(ids.iter().all(|id| !id.is_empty()) && ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[tokio::test]
async fn browsers_of_other_origins_may_call_only_if_the_settings_say_so() {
    let server = Server::start(|config| config.server.cors_origins = vec!["https://a.example".into()]);
    let preflight = async |server: &Server, origin: &str| {
        let request = server.request("OPTIONS", &format!("{MODEL}/predict")).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        header(&request.send().await.unwrap(), "access-control-allow-origin").to_owned()
    };
    assert_eq!(preflight(&server, "https://a.example").await, "https://a.example");
    assert_eq!(preflight(&server, "https://b.example").await, "");
    assert_eq!(preflight(Server::shared(), "https://a.example").await, "");
    let answer = server.post("/predict", png(stop_sign())).header("origin", "https://a.example").send().await.unwrap();
    assert_eq!(header(&answer, "access-control-allow-origin"), "https://a.example");
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_the_server_goes_on() {
    let server = Server::shared();
    assert!(server.raw(b"hello\r\n\r\n").starts_with("HTTP/1.1 400"));
    let answer = server.raw(b"GET /v1/models/%ff%fe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("application/problem+json"), "{answer}");
    assert!(server.get("/healthz").send().await.unwrap().status().is_success());
}
