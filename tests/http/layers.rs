//! `GET /v1/models/{model}/summary`, `/layers`, `/layers/{layer}` and `/layers/{layer}/weights`

use glassbox::{config::Config, model::Models};
use ndarray::ArrayD;
use ndarray_npy::ReadNpyExt;
use reqwest::RequestBuilder;
use serde_json::json;

use super::{MODEL, Server, header, json, refused};

fn get(call: &str) -> RequestBuilder {
    Server::shared().get(&format!("{MODEL}{call}"))
}

async fn npy(request: RequestBuilder) -> ArrayD<f32> {
    let response = request.send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/x-npy"));
    ArrayD::read_npy(response.bytes().await.unwrap().as_ref()).unwrap()
}

#[tokio::test]
async fn the_summary_is_keras_table_as_text_and_the_same_numbers_as_json() {
    let response = get("/summary").header("accept", "text/plain").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "text/plain; charset=utf-8");
    let text = response.text().await.unwrap();
    insta::assert_snapshot!(text);
    assert_eq!(get("/summary?format=text").send().await.unwrap().text().await.unwrap(), text);
    let summary = json(get("/summary")).await;
    assert_eq!(summary["total_parameters"], summary["trainable_parameters"]);
    // 3 x 3 x 3 weights and a bias for each of 16 filters.
    assert_eq!(
        (&summary["layers"][1]["name"], &summary["layers"][1]["parameters"]),
        (&json!("block1_conv1"), &json!(448))
    );
    let parameters = summary["layers"].as_array().unwrap().iter().map(|layer| layer["parameters"].as_u64().unwrap());
    assert_eq!(summary["total_parameters"], parameters.sum::<u64>());
    refused(get("/summary").header("accept", "image/png"), 406, "not_acceptable").await;
    refused(get("/summary?format=png"), 422, "invalid_option").await;
}

#[tokio::test]
async fn a_layer_has_keras_settings() {
    let layer = json(get("/layers/block5_conv1")).await;
    insta::assert_json_snapshot!(layer);
    let all = json(get("/layers")).await;
    let named = all["layers"].as_array().unwrap().iter().find(|layer| layer["name"] == "block5_conv1");
    assert_eq!(named, Some(&layer));
}

#[tokio::test]
async fn an_unknown_layer_is_a_404_with_near_names() {
    for call in ["/layers/block5_conv4", "/layers/block5_conv4/weights"] {
        assert!(refused(get(call), 404, "unknown_layer").await.contains("`block5_conv"));
    }
}

#[tokio::test]
async fn weights_are_those_of_the_model_in_keras_order() {
    let model = Models::load_one(&Config::default(), "vgg16-caltech101").unwrap();
    for (layer, shape, order) in
        [("block1_conv1", vec![3, 3, 3, 16], vec![3, 2, 0, 1]), ("predictions", vec![256, 101], vec![1, 0])]
    {
        let stored =
            model.parameters(model.layer(layer).unwrap()).iter().map(|p| p.values().unwrap()).collect::<Vec<_>>();
        let kernel =
            npy(get(&format!("/layers/{layer}/weights?tensor=kernel")).header("accept", "application/x-npy")).await;
        assert_eq!(kernel.shape(), shape);
        assert_eq!(kernel.permuted_axes(order), stored[0]);
        let onnx = npy(get(&format!("/layers/{layer}/weights?tensor=kernel&order=onnx&format=npy"))).await;
        assert_eq!(onnx, stored[0]);
        let bias = npy(get(&format!("/layers/{layer}/weights?tensor=bias&format=npy"))).await;
        assert_eq!(bias, stored[1]);
    }
}

#[tokio::test]
async fn statistics_are_those_of_the_numbers() {
    let kernel = npy(get("/layers/block1_conv1/weights?tensor=kernel&format=npy")).await;
    let answer = json(get("/layers/block1_conv1/weights")).await;
    let names: Vec<_> = answer["tensors"].as_array().unwrap().iter().map(|tensor| tensor["name"].clone()).collect();
    assert_eq!(names, ["kernel", "bias"]);
    let tensor = &answer["tensors"][0];
    assert_eq!(tensor["shape"], json!([3, 3, 3, 16]));
    let near = |name: &str, expected: f32| (tensor[name].as_f64().unwrap() - f64::from(expected)).abs() < 1e-5;
    assert!(near("mean", kernel.mean().unwrap()) && near("std", kernel.std(0.0)), "{tensor}");
    assert!(near("max", kernel.iter().copied().fold(f32::MIN, f32::max)), "{tensor}");
    let counts: Vec<u64> = serde_json::from_value(tensor["histogram"]["counts"].clone()).unwrap();
    assert_eq!(counts.iter().sum::<u64>(), 432);
}

#[tokio::test]
async fn weights_that_are_not_there_are_refused_with_those_that_are() {
    let detail = refused(get("/layers/block1_pool/weights"), 422, "unsuitable_layer").await;
    assert!(detail.contains("`block1_conv1`"), "{detail}");
    let detail = refused(get("/layers/fc1/weights?tensor=gamma"), 422, "unknown_tensor").await;
    assert!(detail.contains("`kernel`, `bias`"), "{detail}");
    refused(get("/layers/fc1/weights?format=npy"), 422, "missing_tensor").await;
    refused(get("/layers/fc1/weights?format=png"), 422, "invalid_option").await;
    refused(get("/layers/fc1/weights?order=torch"), 422, "invalid_option").await;
}
