//! `/healthz` and `/readyz`

use super::{MODEL, Server, header, json, refused};

#[tokio::test]
async fn a_server_with_models_is_alive_and_ready() {
    assert_eq!(json(Server::shared().get("/healthz")).await["status"], "ok");
    assert_eq!(json(Server::shared().get("/readyz")).await["status"], "ready");
}

#[tokio::test]
async fn a_server_without_models_is_alive_but_not_ready() {
    let server = Server::start_unready(|_| {});
    assert_eq!(json(server.get("/healthz")).await["status"], "ok");
    let response = server.get("/readyz").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "1"));
    refused(server.get("/readyz"), 503, "not_ready").await;
    refused(server.get("/v1/models"), 503, "not_ready").await;
    refused(server.request("POST", &format!("{MODEL}/predict")), 503, "not_ready").await;
}
