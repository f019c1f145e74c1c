//! `POST /v1/models/{model}/explain/{technique}`

use glassbox::explain::technique_names;
use image::RgbImage;
use ndarray::{Array2, ArrayD};
use ndarray_npy::ReadNpyExt;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{SIGN, Server, header, json, png, refused, stop_sign};

/// Calls of all techniques, each with what makes it quick.
fn all_calls() -> Vec<(&'static str, String)> {
    let call = |technique| match technique {
        "smoothgrad" => format!("{technique}?samples=8"),
        "integrated-gradients" => format!("{technique}?steps=8"),
        "occlusion" => format!("{technique}?stride=56"),
        "layer-outputs" => format!("{technique}?layer=block5_conv3"),
        _ => format!("{technique}?"),
    };
    technique_names().into_iter().map(|technique| (technique, call(technique))).collect()
}

/// Calls of those that explain a class over the picture, which feature maps do not.
fn calls() -> Vec<(&'static str, String)> {
    all_calls().into_iter().filter(|(technique, _)| *technique != "layer-outputs").collect()
}

fn explain(call: &str) -> RequestBuilder {
    Server::shared().post(&format!("/explain/{call}"), png(stop_sign()))
}

async fn picture(request: RequestBuilder) -> RgbImage {
    let response = request.send().await.unwrap();
    let kind = header(&response, "content-type").to_owned();
    let bytes = response.bytes().await.unwrap();
    assert_eq!(kind, "image/png", "{}", String::from_utf8_lossy(&bytes));
    image::load_from_memory(&bytes).unwrap().into_rgb8()
}

/// The numbers of map `index`, [H, W]; of occlusion the drop.
fn map(explanation: &Value, index: usize) -> Array2<f32> {
    let map = &explanation["maps"][index];
    let values = map.get("drop").unwrap_or(map);
    let rows: Vec<Vec<f32>> = serde_json::from_value(values["data"].clone()).unwrap();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

/// The explanation without what may differ between machines: numbers that are not whole, maps, and unlikely classes.
fn outline(mut explanation: Value) -> Value {
    fn visit(value: &mut Value) {
        match value {
            Value::Number(number) if number.is_f64() => *value = json!("a number"),
            Value::Array(items) => items.iter_mut().for_each(visit),
            Value::Object(members) => members.values_mut().for_each(visit),
            _ => {}
        }
    }
    explanation["predictions"].as_array_mut().unwrap().truncate(1);
    for map in explanation["maps"].as_array_mut().unwrap() {
        map["data"] = json!("nested as `shape` says");
    }
    visit(&mut explanation);
    explanation
}

#[tokio::test]
async fn an_explanation_in_json_has_the_documented_members() {
    let explanation = json(explain("grad-cam?class=stop_sign")).await;
    insta::assert_json_snapshot!(outline(explanation));
}

#[tokio::test]
async fn each_technique_answers_in_each_format() {
    for (technique, call) in all_calls() {
        let explanation = json(explain(&call)).await;
        assert_eq!((&explanation["technique"], &explanation["model"]), (&json!(technique), &json!("vgg16-caltech101")));
        assert_eq!(explanation["image"], json!({"width": 320, "height": 240}), "{technique}");
        assert_eq!(explanation["predictions"][0]["label"], "stop_sign", "{technique}");
        assert_eq!(explanation["layer"].is_string(), technique.ends_with("grad-cam"), "{technique}");
        picture(explain(&call).header("accept", "image/png")).await;
        let response = explain(&call).header("accept", "application/x-npy").send().await.unwrap();
        assert_eq!(header(&response, "content-type"), "application/x-npy", "{technique}");
        let array = ArrayD::<f32>::read_npy(response.bytes().await.unwrap().as_ref()).unwrap();
        assert!(!array.is_empty() && array.iter().all(|value| value.is_finite()), "{technique}");
    }
}

#[tokio::test]
async fn each_technique_gathers_at_the_sign() {
    for (technique, call) in calls() {
        let map = map(&json(explain(&call)).await, 0).mapv(|value| value.max(0.0));
        let (height, width) = map.dim();
        let inside = |row: usize, column: usize| {
            let x = (column as f32 + 0.5) * 320.0 / width as f32;
            let y = (row as f32 + 0.5) * 240.0 / height as f32;
            (x - SIGN.x).abs() <= SIGN.radius && (y - SIGN.y).abs() <= SIGN.radius
        };
        // The sign's square takes 19 % of the picture; what rests on the plain gradient is the most scattered.
        let share: f32 =
            map.indexed_iter().filter(|((y, x), _)| inside(*y, *x)).map(|(_, v)| v).sum::<f32>() / map.sum();
        let least = match technique {
            "saliency" => 0.35,
            "smoothgrad" => 0.25,
            "integrated-gradients" => 0.4,
            _ => 0.5,
        };
        assert!(share > least, "{technique}: only {share} of the map lies inside the sign");
    }
}

#[tokio::test]
async fn grad_cams_peak_is_inside_the_sign_in_numbers_and_in_the_picture() {
    let map = map(&json(explain("grad-cam")).await, 0);
    assert_eq!(map.dim(), (14, 14));
    let ((row, column), _) = map.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    let (x, y) = ((column as f32 + 0.5) * 320.0 / 14.0, (row as f32 + 0.5) * 240.0 / 14.0);
    assert!((x - SIGN.x).abs() < SIGN.radius && (y - SIGN.y).abs() < SIGN.radius, "the peak is at {x}, {y}");
    // The jet map ends in red: the reddest pixel of the heat map is the peak.
    let heatmap = picture(explain("grad-cam?format=png&output=heatmap")).await;
    let red = |pixel: &image::Rgb<u8>| i32::from(pixel[0]) - i32::from(pixel[2]) - i32::from(pixel[1]);
    let (x, y, _) = heatmap.enumerate_pixels().max_by_key(|(_, _, pixel)| red(pixel)).unwrap();
    assert!((x as f32 - SIGN.x).abs() < SIGN.radius && (y as f32 - SIGN.y).abs() < SIGN.radius, "red is at {x}, {y}");
}

#[tokio::test]
async fn a_picture_is_as_large_as_the_upload_or_the_models_input() {
    for (technique, call) in calls() {
        let overlay = picture(explain(&call).header("accept", "image/png")).await;
        assert_eq!(overlay.dimensions(), (320, 240), "{technique}");
        let heatmap = picture(explain(&format!("{call}&format=png&output=heatmap"))).await;
        assert_eq!(heatmap.dimensions(), (320, 240), "{technique}");
        assert_ne!(overlay, heatmap, "{technique}");
        let small = picture(explain(&format!("{call}&format=png&size=model"))).await;
        assert_eq!(small.dimensions(), (224, 224), "{technique}");
    }
}

#[tokio::test]
async fn a_numpy_file_holds_the_numbers_of_the_json() {
    let response = explain("grad-cam?class=stop_sign&class=elephant").header("accept", "application/x-npy");
    let response = response.send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "application/x-npy");
    let bytes = response.bytes().await.unwrap();
    let array = ArrayD::<f32>::read_npy(bytes.as_ref()).unwrap();
    assert_eq!(array.shape(), [2, 14, 14]);
    let explanation = json(explain("grad-cam?class=stop_sign&class=elephant")).await;
    for index in 0..2 {
        assert_eq!(array.index_axis(ndarray::Axis(0), index), map(&explanation, index).into_dyn());
    }
}

#[tokio::test]
async fn several_classes_give_several_maps() {
    for (technique, call) in calls() {
        let explanation = json(explain(&format!("{call}&class=elephant&class=stop_sign"))).await;
        let maps = explanation["maps"].as_array().unwrap();
        let labels: Vec<_> = maps.iter().map(|map| map["class"]["label"].as_str().unwrap()).collect();
        assert_eq!(labels, ["elephant", "stop_sign"], "{technique}");
        assert_ne!(map(&explanation, 0), map(&explanation, 1), "{technique}");
        assert!(maps[0]["class"]["logit"].as_f64() < maps[1]["class"]["logit"].as_f64());
    }
    let both = picture(explain("grad-cam?class=elephant&class=stop_sign&format=png")).await;
    assert!(both.width() > 640 && both.height() == 240, "{:?}", both.dimensions());
}

#[tokio::test]
async fn two_classes_are_divided_where_the_divider_stands() {
    let drawn = async |options: &str| {
        let call = format!("grad-cam?vmax=0.08&{options}");
        picture(explain(&call).header("accept", "image/png")).await
    };
    let [one, other] = [drawn("class=stop_sign").await, drawn("class=elephant").await];
    let both = drawn("class=stop_sign&class=elephant&divider=0.37").await;
    assert_eq!(both.dimensions(), one.dimensions());
    let column = (0.37 * f64::from(one.width())).round() as u32;
    for (x, y, pixel) in both.enumerate_pixels() {
        assert_eq!(pixel, if x < column { &one } else { &other }.get_pixel(x, y), "{x} {y}");
    }
    refused(explain("grad-cam?class=stop_sign&divider=0.5&format=png"), 422, "divider_without_two").await;
    refused(explain("grad-cam?class=0&class=1&divider=1.5&format=png"), 422, "option_out_of_range").await;
}

#[tokio::test]
async fn a_class_is_named_by_label_or_index_and_by_default_is_the_likeliest() {
    let class = async |query: &str| json(explain(&format!("grad-cam{query}"))).await["maps"][0]["class"].clone();
    let by_label = class("?class=elephant").await;
    assert_eq!((&by_label["index"], &by_label["label"]), (&json!(36), &json!("elephant")));
    assert_eq!(class("?class=36").await, by_label);
    assert_eq!(class("?class=Elephant").await, by_label);
    assert_eq!(class("").await["label"], "stop_sign");
}

#[tokio::test]
async fn the_unreduced_gradient_has_three_signed_channels() {
    let explanation = json(explain("saliency?reduce=none")).await;
    assert_eq!(explanation["maps"][0]["shape"], json!([3, 224, 224]));
    assert!(explanation["maps"][0]["min"].as_f64() < Some(0.0));
    picture(explain("saliency?reduce=none&format=png")).await;
}

#[tokio::test]
async fn options_come_in_the_query_in_a_form_or_in_json() {
    let server = Server::shared();
    let by_query = json(explain("grad-cam?class=elephant&class=stop_sign&layer=block4_conv3")).await;
    let path = "/v1/models/vgg16-caltech101/explain/grad-cam";
    let file = reqwest::multipart::Part::bytes(png(stop_sign())).file_name("sign.png");
    let form = reqwest::multipart::Form::new().text("class", "elephant").part("image", file);
    let form = form.text("class", "stop_sign").text("layer", "block4_conv3");
    let by_form = json(server.request("POST", path).multipart(form)).await;
    let b64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, png(stop_sign()));
    let body = json!({"image": {"b64": b64}, "class": ["elephant", 88], "layer": "block4_conv3"});
    assert_eq!(by_query["maps"][1]["class"]["index"], 88);
    let by_json = json(server.request("POST", path).json(&body)).await;
    assert_eq!(by_form["maps"], by_query["maps"]);
    assert_eq!(by_json["maps"], by_query["maps"]);
}

#[tokio::test]
async fn an_answer_says_that_it_was_negotiated_and_how_long_it_took() {
    let response = explain("grad-cam").header("accept", "image/*, application/json;q=0.5").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "image/png");
    assert_eq!(header(&response, "vary"), "accept");
    let steps: Vec<_> =
        header(&response, "server-timing").split(", ").map(|step| step.split_once(";dur=").unwrap()).collect();
    assert_eq!(steps.iter().map(|(step, _)| *step).collect::<Vec<_>>(), ["decode", "run", "render"]);
    assert!(steps.iter().all(|(_, time)| time.parse::<f64>().unwrap() >= 0.0), "{steps:?}");
    let response = explain("grad-cam?format=json").header("accept", "image/png").send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "application/json");
    let detail = refused(explain("grad-cam").header("accept", "text/html"), 406, "not_acceptable").await;
    assert!(detail.contains("application/json, image/png, application/x-npy"), "{detail}");
}

#[tokio::test]
async fn a_number_outside_its_range_is_refused_with_the_range() {
    let detail = refused(explain("smoothgrad?samples=0"), 422, "option_out_of_range").await;
    assert_eq!(detail, "option `samples` cannot be 0: it goes from 1 to 500");
    refused(explain("smoothgrad?noise=2"), 422, "option_out_of_range").await;
    refused(explain("occlusion?threshold=-1"), 422, "option_out_of_range").await;
}
