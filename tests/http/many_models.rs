//! More models than memory: loaded when asked for, unloaded to make room.

use glassbox::config::Config;
use serde_json::Value;

use super::{Server, json, png, stop_sign};
use crate::own_models::{plain, write};

/// A server of the models `a`, `b` and `c`, and the built-in one.
fn server(change: impl FnOnce(&mut Config)) -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        write(directory.path(), name, &plain());
    }
    let server = Server::start(|config| {
        config.models.dir = directory.path().into();
        change(config);
    });
    (server, directory)
}

async fn statuses(server: &Server) -> String {
    let list = json(server.get("/v1/models")).await;
    let models = list["models"].as_array().unwrap();
    models
        .iter()
        .map(|model| format!("{} {}, ", model["name"].as_str().unwrap(), model["status"].as_str().unwrap()))
        .collect()
}

async fn predict(server: &Server, model: &str) -> Value {
    json(server.request("POST", &format!("/v1/models/{model}/predict")).body(png(stop_sign()))).await
}

#[tokio::test]
async fn a_model_is_loaded_when_it_is_asked_for() {
    let (server, _directory) = server(|_| {});
    assert_eq!(statuses(&server).await, "a idle, b idle, c idle, vgg16-caltech101 ready, ");
    let list = json(server.get("/v1/models")).await;
    assert_eq!(list["models"][0]["input"]["width"], 6, "an idle model is known");
    let (one, other) = tokio::join!(predict(&server, "b"), predict(&server, "b"));
    assert_eq!(one["predictions"], other["predictions"]);
    assert_eq!(statuses(&server).await, "a idle, b ready, c idle, vgg16-caltech101 ready, ");
}

#[tokio::test]
async fn the_model_unused_for_the_longest_makes_room() {
    // Room for nothing but the model that is asked for.
    let (server, _directory) = server(|config| config.runtime.memory_limit = 1);
    let first = predict(&server, "a").await;
    assert_eq!(statuses(&server).await, "a ready, b idle, c idle, vgg16-caltech101 idle, ");
    predict(&server, "c").await;
    assert_eq!(statuses(&server).await, "a idle, b idle, c ready, vgg16-caltech101 idle, ");
    assert_eq!(predict(&server, "a").await["predictions"], first["predictions"], "after it was loaded again");
}

#[tokio::test]
async fn those_that_fit_the_limit_stay() {
    let (server, _directory) = server(|config| config.runtime.memory_limit = 1 << 20);
    for name in ["a", "b", "c"] {
        predict(&server, name).await;
    }
    assert_eq!(statuses(&server).await, "a ready, b ready, c ready, vgg16-caltech101 idle, ");
}
