//! `GET /v1/models/{model}/filters`

use image::RgbImage;
use ndarray::ArrayD;
use ndarray_npy::ReadNpyExt;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{MODEL, Server, header, json, refused};

fn filters(query: &str) -> RequestBuilder {
    Server::shared().get(&format!("{MODEL}/filters{query}"))
}

async fn picture(query: &str) -> RgbImage {
    let response = filters(query).header("accept", "image/png").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "image/png");
    image::load_from_memory(&response.bytes().await.unwrap()).unwrap().into_rgb8()
}

/// The layer, filter and channel of each filter.
async fn shown(query: &str) -> Vec<(String, u64, Option<u64>)> {
    let answer = json(filters(query)).await;
    let one = |filter: &Value| {
        let layer = filter["layer"].as_str().unwrap().to_owned();
        (layer, filter["filter"].as_u64().unwrap(), filter["channel"].as_u64())
    };
    answer["filters"].as_array().unwrap().iter().map(one).collect()
}

#[tokio::test]
async fn the_articles_figure_is_the_first_filter_of_each_block() {
    let expected: Vec<_> = (1..=5).map(|block| (format!("block{block}_conv1"), 0, Some(0))).collect();
    assert_eq!(shown("").await, expected);
    let drawn = picture("").await;
    assert!(drawn.width() > 5 * 126 && drawn.height() < 2 * 126, "{:?}", drawn.dimensions());
}

#[tokio::test]
async fn a_layers_filters_and_a_filters_channels_are_shown_within_bounds() {
    assert_eq!(shown("?layer=block1_conv1").await.len(), 16);
    assert_eq!(shown("?layer=block5_conv1").await.len(), 64);
    let channels = shown("?layer=block1_conv2&filter=3").await;
    assert_eq!(channels.len(), 16);
    assert_eq!(channels[15], ("block1_conv2".into(), 3, Some(15)));
    let named = shown("?layer=block5_conv1&filter=100&filter=2&channel=7").await;
    assert_eq!(named, [("block5_conv1".into(), 100, Some(7)), ("block5_conv1".into(), 2, Some(7))]);
}

#[tokio::test]
async fn numbers_are_the_kernels() {
    let bytes = |request: RequestBuilder| async { request.send().await.unwrap().bytes().await.unwrap() };
    let shown =
        ArrayD::<f32>::read_npy(bytes(filters("?layer=block1_conv1&channel=1&format=npy")).await.as_ref()).unwrap();
    let kernel = format!("{MODEL}/layers/block1_conv1/weights?tensor=kernel&order=onnx&format=npy");
    let kernel = ArrayD::<f32>::read_npy(bytes(Server::shared().get(&kernel)).await.as_ref()).unwrap();
    assert_eq!(shown, kernel.index_axis(ndarray::Axis(1), 1));
    // The default model takes BGR: the colours are the kernel's channels from last to first.
    let colored = ArrayD::<f32>::read_npy(bytes(filters("?color=true&format=npy")).await.as_ref()).unwrap();
    assert_eq!(colored.shape(), [16, 3, 3, 3]);
    assert_eq!(colored.index_axis(ndarray::Axis(1), 0), kernel.index_axis(ndarray::Axis(1), 2));
}

#[tokio::test]
async fn colours_are_drawn_and_numbers_are_grey() {
    let is_grey = |picture: &RgbImage| picture.pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    assert!(!is_grey(&picture("?color=true").await));
    assert!(is_grey(&picture("?layer=block1_conv1").await));
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_its_range() {
    let detail = refused(filters("?layer=block1_conv1&filter=16"), 422, "filter_out_of_range").await;
    assert!(detail.contains("from 0 to 15"), "{detail}");
    let detail = refused(filters("?channel=3"), 422, "channel_out_of_range").await;
    assert!(detail.contains("from 0 to 2"), "{detail}");
    assert!(refused(filters("?layer=fc1"), 422, "unsuitable_layer").await.contains("`block5_conv3`"));
    assert!(refused(filters("?layer=block1_conv9"), 422, "unknown_layer").await.contains("`block1_conv1`"));
    refused(filters("?layer=block1_conv2&color=true"), 422, "no_colors").await;
    refused(filters("?color=true&channel=0"), 422, "contradicting_options").await;
    refused(filters(&format!("?layer=block1_conv1{}", "&filter=0".repeat(65))), 422, "too_many_filters").await;
    let detail = refused(filters("?filter=-1"), 422, "invalid_option").await;
    assert!(detail.contains("whole number"), "{detail}");
    let model = json(filters("")).await["model"].clone();
    assert_eq!(model, json!("vgg16-caltech101"));
}
