//! `POST /v1/models/{model}/activation-maximization`

use base64::{Engine, prelude::BASE64_STANDARD};
use ndarray::Array3;
use ndarray_npy::ReadNpyExt;
use reqwest::{
    RequestBuilder,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use super::{MODEL, Server, header, json, refused};

/// A few steps for a filter of a small picture.
const SMALL: &str = "layer=block2_conv1&filter=3&size=32&iterations=4";

fn maximize(query: &str) -> RequestBuilder {
    Server::shared().request("POST", &format!("{MODEL}/activation-maximization?{query}"))
}

/// The picture in the answer.
fn drawn(answer: &Value) -> image::RgbImage {
    let file = BASE64_STANDARD.decode(answer["image"]["b64"].as_str().unwrap()).unwrap();
    image::load_from_memory(&file).unwrap().into_rgb8()
}

#[tokio::test]
async fn the_answer_has_the_documented_members() {
    let answer = json(maximize("class=yin_yang&iterations=2")).await;
    for member in ["technique", "model", "seed", "activation", "losses", "predictions", "timing_ms"] {
        assert!(answer.get(member).is_some(), "no {member} in {answer}");
    }
    assert_eq!((&answer["recipe"], &answer["class"]["label"]), (&json!("keras-vis"), &json!("yin_yang")));
    assert_eq!(answer["values"].as_array().unwrap().len(), 2);
    assert_eq!((&answer["image"]["width"], &answer["image"]["height"]), (&json!(224), &json!(224)));
    assert_eq!(drawn(&answer).dimensions(), (224, 224));
}

#[tokio::test]
async fn the_picture_is_the_same_in_json_png_and_numpy() {
    let expected = drawn(&json(maximize(SMALL)).await);
    let bytes = async |request: RequestBuilder, kind: &str| {
        let response = request.send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, kind));
        response.bytes().await.unwrap()
    };
    let png = bytes(maximize(SMALL).header("accept", "image/png"), "image/png").await;
    assert_eq!(image::load_from_memory(&png).unwrap().into_rgb8(), expected);
    let npy = bytes(maximize(&format!("{SMALL}&format=npy")), "application/x-npy").await;
    let array = Array3::<u8>::read_npy(npy.as_ref()).unwrap();
    assert_eq!(array.dim(), (32, 32, 3));
    assert_eq!(array.into_raw_vec_and_offset().0, expected.into_raw());
}

#[tokio::test]
async fn options_come_in_the_query_in_json_or_in_a_form() {
    let by_query = json(maximize(SMALL)).await;
    let body = json!({"layer": "block2_conv1", "filter": 3, "size": 32, "iterations": 4, "class": null});
    assert_eq!(json(maximize("").json(&body)).await["image"], by_query["image"]);
    let form = maximize("iterations=4").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(json(form.body("layer=block2_conv1&filter=3&size=32")).await["image"], by_query["image"]);
    let form = Form::new().text("layer", "block2_conv1").text("filter", "3").text("size", "32");
    assert_eq!(json(maximize("iterations=4").multipart(form)).await["image"], by_query["image"]);
}

#[tokio::test]
async fn a_picture_in_the_form_is_refused_however_large_it_is() {
    for size in [0, 10, 1 << 20] {
        let form = Form::new().text("class", "yin_yang").part("image", Part::bytes(vec![0; size]).file_name("a.jpg"));
        let detail = refused(maximize("").multipart(form), 422, "unexpected_image").await;
        assert!(detail.contains("leave out the field `image`"), "{detail}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_refused() {
    let detail = refused(maximize(""), 422, "missing_target").await;
    assert!(detail.contains("`class`") && detail.contains("`filter`"), "{detail}");
    refused(maximize("layer=block2_conv1&filter=32"), 422, "filter_out_of_range").await;
    refused(maximize("layer=fc1&filter=0&size=64"), 422, "unsuitable_size").await;
    let detail = refused(maximize("class=yin_yang&jitter=0.9"), 422, "option_out_of_range").await;
    assert!(detail.contains("`jitter`") && detail.contains("0.5"), "{detail}");
    refused(maximize("class=yin_yang&tv_weight=NaN"), 422, "option_out_of_range").await;
    let detail = refused(maximize("class=yin_yang&recipe=keras"), 422, "invalid_option").await;
    assert!(detail.contains("`keras-vis`") && detail.contains("`lucid`"), "{detail}");
    refused(maximize("class=yin_yang&colormap=jet"), 422, "unknown_option").await;
    refused(maximize("class=yin_yang").header("accept", "text/html"), 406, "not_acceptable").await;
    let picture = maximize("class=yin_yang").header("content-type", "image/png").body("pixels");
    refused(picture, 415, "unsupported_media_type").await;
    let unknown = Server::shared().request("POST", "/v1/models/vgg61/activation-maximization?class=0");
    refused(unknown, 404, "unknown_model").await;
}

#[tokio::test]
async fn too_many_steps_end_at_the_deadline() {
    let server = Server::start(|config| config.server.request_timeout = 2);
    let request = server.request("POST", &format!("{MODEL}/activation-maximization?class=0&iterations=4096"));
    refused(request, 504, "deadline_exceeded").await;
}
