//! `POST /v1/models/{model}/predict`

use serde_json::{Value, json};

use super::{Server, header, json, png, refused, stop_sign};

#[tokio::test]
async fn a_stop_sign_is_recognised() {
    let answer = json(Server::shared().post("/predict", png(stop_sign()))).await;
    assert_eq!(answer["model"], "vgg16-caltech101");
    assert_eq!(answer["image"], json!({"width": 320, "height": 240}));
    let predictions = answer["predictions"].as_array().unwrap();
    assert_eq!(predictions.len(), 5);
    assert_eq!(predictions[0]["label"], "stop_sign");
    let probability = |prediction: &Value| prediction["probability"].as_f64().unwrap();
    assert!(probability(&predictions[0]) > 0.8, "{answer}");
    assert!(predictions.is_sorted_by(|a, b| probability(a) >= probability(b)));
    assert!(answer["timing_ms"]["decode"].is_f64() && answer["timing_ms"]["run"].is_f64(), "{answer}");
}

#[tokio::test]
async fn top_says_how_many_classes() {
    let server = Server::shared();
    let count = async |top: &str| {
        let answer = json(server.post(&format!("/predict?top={top}"), png(stop_sign()))).await;
        answer["predictions"].as_array().unwrap().len()
    };
    assert_eq!(count("1").await, 1);
    assert_eq!(count("1000").await, 101);
    for top in ["0", "-1", "2.5", "many", ""] {
        let call = format!("/predict?top={top}");
        let detail = refused(server.post(&call, png(stop_sign())), 422, "invalid_option").await;
        assert_eq!(detail, format!("option `top` cannot be `{top}`: it takes a whole number of at least 1"));
    }
}

#[tokio::test]
async fn predictions_are_json_and_nothing_else() {
    let server = Server::shared();
    let response = server.post("/predict", png(stop_sign())).send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "application/json");
    let drawn = server.post("/predict", png(stop_sign())).header("accept", "image/png");
    assert!(refused(drawn, 406, "not_acceptable").await.contains("application/json"));
    let styled = server.post("/predict?colormap=jet", png(stop_sign()));
    assert!(refused(styled, 422, "unknown_option").await.contains("`top`"));
}
