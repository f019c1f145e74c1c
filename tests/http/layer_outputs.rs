//! `POST /v1/models/{model}/explain/layer-outputs`

use ndarray::ArrayD;
use ndarray_npy::ReadNpyExt;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{Server, header, json, png, refused, stop_sign};

fn outputs(query: &str) -> RequestBuilder {
    Server::shared().post(&format!("/explain/layer-outputs{query}"), png(stop_sign()))
}

async fn npy(request: RequestBuilder) -> ArrayD<f32> {
    ArrayD::read_npy(request.send().await.unwrap().bytes().await.unwrap().as_ref()).unwrap()
}

fn channels(layer: &Value) -> Vec<u64> {
    layer["maps"].as_array().unwrap().iter().map(|map| map["channel"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_default_is_the_articles_figure() {
    let answer = json(outputs("")).await;
    let layers = answer["layers"].as_array().unwrap();
    let names: Vec<_> = layers.iter().map(|layer| layer["layer"].as_str().unwrap()).collect();
    assert_eq!(names, ["block1_conv1", "block2_conv1", "block3_conv1", "block4_conv2"]);
    for (layer, side) in layers.iter().zip([224, 112, 56, 28]) {
        assert_eq!(channels(layer), [0, 1, 2, 3, 4]);
        assert_eq!(layer["maps"][0]["shape"], json!([side, side]));
    }
    let response = outputs("?format=png").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "image/png");
    let sheet = image::load_from_memory(&response.bytes().await.unwrap()).unwrap();
    assert!(sheet.width() > 5 * 224 && sheet.height() > 4 * 224, "{}x{}", sheet.width(), sheet.height());
}

#[tokio::test]
async fn feature_maps_are_the_layers_own_after_the_activation() {
    let all = npy(outputs("?layer=block5_conv3&maps=64&format=npy")).await;
    assert_eq!(all.shape(), [64, 14, 14]);
    assert!(all.iter().all(|value| *value >= 0.0));
    // A pool takes the largest of each 2x2 cells.
    let pooled = npy(outputs("?layer=block5_pool&maps=64&format=npy")).await;
    let largest = all.slice(ndarray::s![.., 0..2, 0..2]).fold_axis(ndarray::Axis(2), 0.0_f32, |&a, &b| a.max(b));
    let largest = largest.fold_axis(ndarray::Axis(1), 0.0_f32, |&a, &b| a.max(b));
    assert_eq!(pooled.slice(ndarray::s![.., 0, 0]), largest);
}

#[tokio::test]
async fn channels_are_listed_or_ranked() {
    let listed = json(outputs("?layer=block1_conv1&layer=block1_conv2&channels=7,0,3")).await;
    assert!(listed["layers"].as_array().unwrap().iter().all(|layer| channels(layer) == [7, 0, 3]));
    let strongest = npy(outputs("?layer=block4_conv2&channels=strongest&maps=3&format=npy")).await;
    let sums: Vec<f32> = strongest.outer_iter().map(|map| map.sum()).collect();
    assert!(sums.len() == 3 && sums.is_sorted_by(|a, b| a >= b), "{sums:?}");
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused() {
    let detail = refused(outputs("?layer=block1_conv1&channels=16"), 422, "channel_out_of_range").await;
    assert!(detail.contains("from 0 to 15"), "{detail}");
    assert!(refused(outputs("?layer=fc1"), 422, "unsuitable_layer").await.contains("`block5_conv3`"));
    assert!(refused(outputs("?layer=block6"), 422, "unknown_layer").await.contains("`block"));
    assert!(refused(outputs("?format=npy"), 422, "not_one_array").await.contains("`layer`"));
    assert!(refused(outputs("?channels=weakest"), 422, "invalid_option").await.contains("`strongest`"));
    assert!(refused(outputs("?maps=0"), 422, "option_out_of_range").await.contains("from 1 to 64"));
    refused(outputs(&format!("?{}", "layer=block1_conv1&".repeat(52))), 422, "too_many_maps").await;
}
