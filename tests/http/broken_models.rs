//! Models that cannot be served, beside those that can.

use std::fs;

use reqwest::RequestBuilder;
use serde_json::json;

use super::{Server, header, json, png, refused, stop_sign};
use crate::own_models::{plain, write};

/// A server of a sound model, three broken ones, and the built-in one.
fn server() -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write(path, "sound", &plain());
    write(path, "not addressable", &plain());
    fs::create_dir(path.join("garbage")).unwrap();
    fs::write(path.join("garbage/model.onnx"), "no model").unwrap();
    write(path, "unlabelled", &plain());
    fs::write(path.join("unlabelled/labels.txt"), "one\ntwo\n").unwrap();
    // It can be read, and only a run tells.
    let mut unrunnable = plain();
    unrunnable.nodes[1].op_type = "Celu".to_owned();
    unrunnable.nodes[1].inputs.push("conv.bias".to_owned());
    write(path, "unrunnable", &unrunnable);
    fs::create_dir(path.join("empty")).unwrap();
    (Server::start(|config| config.models.dir = path.into()), directory)
}

#[tokio::test]
async fn broken_models_are_listed_with_what_is_wrong_and_do_not_stop_the_others() {
    let (server, _directory) = server();
    let list = json(server.get("/v1/models")).await;
    let models = list["models"].as_array().unwrap();
    let names: Vec<_> =
        models.iter().map(|model| (model["name"].as_str().unwrap(), model["status"].as_str().unwrap())).collect();
    let expected = [
        ("garbage", "broken"),
        ("not addressable", "broken"),
        ("sound", "idle"),
        ("unlabelled", "broken"),
        ("unrunnable", "broken"),
        ("vgg16-caltech101", "ready"),
    ];
    assert_eq!(names, expected);
    let expected = json!({
        "name": "unlabelled",
        "status": "broken",
        "problem": "it has 5 classes, but its labels file has 2 lines",
        "title": "unlabelled",
        "licence": null
    });
    assert_eq!(models[3], expected);
    assert!(models[0]["problem"].as_str().unwrap().contains("not a valid ONNX model"));
    assert!(models[4]["problem"].as_str().unwrap().starts_with("it cannot be run: "), "{}", models[4]);
    assert_eq!(json(server.get("/readyz")).await["status"], "ready");
    let sound = json(server.get("/v1/models/sound")).await;
    assert_eq!(sound["inferred"][0]["setting"], "preprocessing");
    let answer = json(server.request("POST", "/v1/models/sound/explain/saliency").body(png(stop_sign()))).await;
    assert_eq!(answer["maps"][0]["shape"], json!([8, 6]));
}

#[tokio::test]
async fn a_broken_model_is_tried_again_once_its_files_have_changed() {
    let (server, directory) = server();
    let call = || server.request("POST", "/v1/models/unlabelled/predict").body(png(stop_sign()));
    refused(call(), 503, "broken_model").await;
    fs::write(directory.path().join("unlabelled/labels.txt"), "one\ntwo\nthree\nfour\nfive\n").unwrap();
    assert!(json(call()).await["predictions"][0]["label"].is_string());
}

#[tokio::test]
async fn a_call_on_a_broken_model_is_a_503_with_the_reason() {
    let (server, _directory) = server();
    let picture = png(stop_sign());
    let post = |call: &str| server.request("POST", &format!("/v1/models/unlabelled{call}")).body(picture.clone());
    let get = |call: &str| server.get(&format!("/v1/models/unlabelled{call}"));
    let calls: Vec<RequestBuilder> = vec![
        get(""),
        get("/summary"),
        get("/layers/conv"),
        get("/filters"),
        post("/predict"),
        post("/explain"),
        post("/explain/grad-cam"),
        post("/activation-maximization"),
    ];
    for call in calls {
        let response = call.try_clone().unwrap().send().await.unwrap();
        assert_eq!(header(&response, "retry-after"), "", "trying again does not help");
        let detail = refused(call, 503, "broken_model").await;
        assert_eq!(detail, "model `unlabelled` cannot be served: it has 5 classes, but its labels file has 2 lines");
    }
}
