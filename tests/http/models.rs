//! `GET /v1/models` and `GET /v1/models/{model}`

use glassbox::explain::technique_names;
use serde_json::json;

use super::{MODEL, Server, json, refused};

#[tokio::test]
async fn the_list_names_the_default_model() {
    let list = json(Server::shared().get("/v1/models")).await;
    let expected = json!({"models": [{
        "name": "vgg16-caltech101",
        "status": "ready",
        "title": "VGG16 at a quarter of its width, trained on Caltech-101",
        "licence": "MIT OR Apache-2.0",
        "input": {"width": 224, "height": 224}
    }], "default": "vgg16-caltech101"});
    assert_eq!(list, expected);
}

#[tokio::test]
async fn a_model_tells_all_that_a_request_can_name() {
    let model = json(Server::shared().get(MODEL)).await;
    assert_eq!(model["name"], "vgg16-caltech101");
    assert_eq!(model["preprocessing"]["order"], "bgr");
    let file = json!({"producer": "vgg16-caltech101", "opset": 17, "input": "input", "layout": "channels-first", "output": "predictions", "numbers": "float32", "batch": null});
    assert_eq!((&model["file"], &model["inferred"]), (&file, &json!([])));
    let classes = model["classes"].as_array().unwrap();
    assert_eq!((classes.len(), classes[36].as_str()), (101, Some("elephant")));
    let layers: Vec<_> = model["layers"].as_array().unwrap().iter().map(|layer| layer.as_str().unwrap()).collect();
    assert_eq!(layers[..3], ["input", "block1_conv1", "block1_conv2"]);
    assert_eq!(layers[layers.len() - 4..], ["flatten", "fc1", "fc2", "predictions"]);
}

#[tokio::test]
async fn a_model_tells_its_techniques_with_their_options_and_defaults() {
    let model = json(Server::shared().get(MODEL)).await;
    let techniques = model["techniques"].as_array().unwrap();
    let names: Vec<_> = techniques.iter().map(|technique| technique["name"].as_str().unwrap()).collect();
    assert_eq!(names, technique_names());
    let saliency = &techniques[0];
    assert!(saliency["description"].as_str().unwrap().contains("Simonyan"), "{saliency}");
    let options: Vec<_> = saliency["options"].as_object().unwrap().keys().collect();
    assert_eq!(
        options,
        ["alpha", "class", "colormap", "cutoff", "divider", "format", "output", "reduce", "size", "vmax"]
    );
    let reduce = &saliency["options"]["reduce"];
    assert_eq!((&reduce["default"], &reduce["enum"]), (&json!("max"), &json!(["max", "mean", "none"])));
    let grad_cam = techniques.iter().find(|technique| technique["name"] == "grad-cam").unwrap();
    assert!(grad_cam["options"]["layer"].is_object());
}

#[tokio::test]
async fn an_unknown_model_is_a_404_with_those_there_are() {
    let server = Server::shared();
    let detail = refused(server.get("/v1/models/vgg16-caltech"), 404, "unknown_model").await;
    assert!(detail.contains("`vgg16-caltech101`"), "{detail}");
    refused(server.request("POST", "/v1/models/vgg16/predict"), 404, "unknown_model").await;
    refused(server.request("POST", "/v1/models/vgg16/explain/grad-cam"), 404, "unknown_model").await;
    refused(server.request("POST", "/v1/models/vgg16/explain/nothing"), 404, "unknown_model").await;
    refused(server.get("/v1/models/..%2f..%2fetc%2fpasswd"), 404, "unknown_model").await;
}
