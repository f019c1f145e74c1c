//! `KServe`'s protocols V1 and V2.

use base64::prelude::{BASE64_STANDARD, Engine};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{MODEL, Server, header, json as answered, png, stop_sign as sign};
use crate::stop_sign::{self, Sign};

const SIDE: usize = 224;

fn post(path: &str, body: &Value) -> RequestBuilder {
    Server::shared().request("POST", path).header("content-type", "application/json").body(body.to_string())
}

fn v1(verb: &str, body: &Value) -> RequestBuilder {
    post(&format!("{MODEL}{verb}"), body)
}

fn b64() -> String {
    BASE64_STANDARD.encode(png(sign()))
}

/// The model's input [3, 224, 224] for a picture of that size, by hand: BGR minus the means.
fn preprocessed() -> Vec<f32> {
    let picture = stop_sign::draw(224, 224, Sign { x: 120.0, y: 90.0, radius: 60.0 });
    let means = [103.939, 116.779, 123.68];
    let value = |channel: usize, y: u32, x: u32| f32::from(picture[(x, y)].0[2 - channel]) - means[channel];
    let side = SIDE as u32;
    let pixels = |channel| (0..side).flat_map(move |y| (0..side).map(move |x| (channel, y, x)));
    (0..3).flat_map(pixels).map(|(channel, y, x)| value(channel, y, x)).collect()
}

fn nested(numbers: &[f32]) -> Value {
    let rows = |map: &[f32]| map.chunks(SIDE).map(|row| json!(row)).collect::<Vec<_>>();
    json!(numbers.chunks(SIDE * SIDE).map(rows).collect::<Vec<_>>())
}

/// The sentence of an error, told as the protocols tell it.
async fn refused(request: RequestBuilder, status: u16) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "application/json");
    let (found, text) = (response.status().as_u16(), response.text().await.unwrap());
    assert_eq!(found, status, "{text}");
    let error: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(error.as_object().unwrap().len(), 1, "{error}");
    error["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn v1_predicts_files_and_tensors() {
    let instances = json!([{"b64": b64()}, {"image": {"b64": b64()}}, nested(&preprocessed())]);
    for verb in [":predict", "%3Apredict"] {
        let answer = answered(v1(verb, &json!({"instances": instances, "parameters": {"top": 2}}))).await;
        let predictions = answer["predictions"].as_array().unwrap();
        assert_eq!(predictions.len(), 3);
        for classes in predictions {
            assert_eq!(classes.as_array().unwrap().len(), 2);
            assert_eq!(classes[0]["label"], "stop_sign", "{classes}");
        }
    }
}

#[tokio::test]
async fn v1_explains_as_the_technique_s_own_address_does() {
    let parameters = json!({"technique": "grad-cam", "class": ["stop_sign", "elephant"]});
    let body = json!({"instances": [{"b64": b64()}, nested(&preprocessed())], "parameters": parameters});
    let answer = answered(v1(":explain", &body)).await;
    let query = "/explain/grad-cam?class=stop_sign&class=elephant";
    let mut expected = answered(Server::shared().post(query, png(sign()))).await;
    let mut first = answer["explanations"][0].clone();
    for explanation in [&mut expected, &mut first] {
        explanation.as_object_mut().unwrap().remove("timing_ms");
    }
    assert!(first == expected, "the same numbers in the same digits");
    let second = &answer["explanations"][1];
    assert_eq!((&second["technique"], &second["image"]["width"]), (&json!("grad-cam"), &json!(224)));
    // Grad-CAM is what is meant where no technique is named.
    let answer = answered(v1(":explain", &json!({"instances": [{"b64": b64()}]}))).await;
    assert_eq!(answer["explanations"][0]["technique"], "grad-cam");
}

#[tokio::test]
async fn v1_tells_errors_as_its_client_reads_them() {
    let with = |instances: Value| json!({"instances": instances});
    let file = || json!([{"b64": b64()}]);
    refused(v1(":predict", &json!({})), 400).await;
    refused(v1(":predict", &with(json!([]))), 400).await;
    refused(v1(":predict", &with(json!(vec![0; 65]))), 400).await;
    refused(v1(":predict", &with(json!([{"b64": "?"}]))), 400).await;
    refused(v1(":predict", &with(json!([[[1.0]]]))), 400).await;
    refused(v1(":predict", &with(json!([{"b64": BASE64_STANDARD.encode("no picture")}]))), 400).await;
    let unknown = json!({"instances": file(), "parameters": {"technique": "grad-can"}});
    assert!(refused(v1(":explain", &unknown), 400).await.contains("did you mean `grad-cam`?"));
    let two = json!({"instances": file(), "parameters": {"technique": ["grad-cam", "saliency"]}});
    refused(v1(":explain", &two), 400).await;
    refused(post("/v1/models/nothing:predict", &with(file())), 404).await;
    refused(v1(":forget", &with(file())), 404).await;
    refused(Server::shared().request("GET", &format!("{MODEL}:predict")), 405).await;
    refused(Server::shared().request("GET", &format!("{MODEL}:forget")), 404).await;
}

#[tokio::test]
async fn v1_clients_see_that_the_service_and_the_model_are_there() {
    assert_eq!(answered(Server::shared().get("/")).await, json!({"status": "alive"}));
    let model = answered(Server::shared().get(MODEL)).await;
    assert_eq!((&model["name"], &model["ready"]), (&json!("vgg16-caltech101"), &json!(true)));
}

const V2: &str = "/v2/models/vgg16-caltech101";

fn infer(input: &Value, more: &Value) -> RequestBuilder {
    let mut body = json!({"id": "7", "inputs": [input]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post(&format!("{V2}/infer"), &body)
}

#[tokio::test]
async fn v2_tells_what_there_is() {
    let get = |path: &str| answered(Server::shared().get(path));
    assert_eq!(get("/v2").await["name"], "glassbox");
    assert_eq!(get("/v2/health/live").await, json!({"live": true}));
    assert_eq!(get("/v2/health/ready").await, json!({"ready": true, "live": true}));
    assert_eq!(get(&format!("{V2}/ready")).await["ready"], true);
    let model = get(V2).await;
    assert_eq!(model["inputs"], json!([{"name": "input", "datatype": "FP32", "shape": [-1, 3, 224, 224]}]));
    assert_eq!(model["outputs"][0], json!({"name": "probabilities", "datatype": "FP32", "shape": [-1, 101]}));
    refused(Server::shared().get("/v2/models/nothing"), 404).await;
    refused(Server::shared().get("/v2/nothing"), 404).await;
    let unready = Server::start_unready(|_| {});
    refused(unready.get("/v2/health/ready"), 503).await;
    assert_eq!(answered(unready.get("/v2/health/live")).await["live"], true);
}

#[tokio::test]
async fn v2_infers_from_numbers_and_from_files() {
    let numbers = preprocessed();
    let two = [numbers.clone(), numbers.clone()].concat();
    let flat = json!({"name": "input", "shape": [2, 3, 224, 224], "datatype": "FP32", "data": two});
    let answer = answered(infer(&flat, &json!({}))).await;
    assert_eq!((&answer["model_name"], &answer["id"]), (&json!("vgg16-caltech101"), &json!("7")));
    let outputs = answer["outputs"].as_array().unwrap();
    assert_eq!((&outputs[0]["name"], &outputs[1]["name"]), (&json!("probabilities"), &json!("logits")));
    assert_eq!(outputs[0]["shape"], json!([2, 101]));
    let probabilities: Vec<f64> = serde_json::from_value(outputs[0]["data"].clone()).unwrap();
    assert_eq!(probabilities.len(), 202);
    assert!((probabilities[..101].iter().sum::<f64>() - 1.0).abs() < 1e-4);
    assert_eq!(probabilities[..101], probabilities[101..]);

    let nested = json!({"name": "input", "shape": [1, 3, 224, 224], "datatype": "FP32", "data": [nested(&numbers)]});
    let only = json!({"outputs": [{"name": "probabilities"}]});
    let answer = answered(infer(&nested, &only)).await;
    let again: Vec<f64> = serde_json::from_value(answer["outputs"][0]["data"].clone()).unwrap();
    assert_eq!(answer["outputs"].as_array().unwrap().len(), 1);
    assert_eq!(again, probabilities[..101]);

    let files = json!({"name": "input", "shape": [1], "datatype": "BYTES", "data": [b64()]});
    let answer = answered(infer(&files, &only)).await;
    let of_file: Vec<f64> = serde_json::from_value(answer["outputs"][0]["data"].clone()).unwrap();
    let model = answered(Server::shared().get(MODEL)).await;
    let best = (0..101).max_by(|a, b| of_file[*a].total_cmp(&of_file[*b])).unwrap();
    assert_eq!(model["classes"][best], "stop_sign");
}

#[tokio::test]
async fn v2_takes_the_input_as_bytes_after_the_json_and_gives_none() {
    let bytes: Vec<u8> = preprocessed().iter().flat_map(|number| number.to_le_bytes()).collect();
    let request = |outputs: Value, cut: usize| {
        let parameters = json!({"binary_data_size": bytes.len()});
        let input = json!({"name": "input", "shape": [1, 3, 224, 224], "datatype": "FP32", "parameters": parameters});
        let json = json!({"inputs": [input], "outputs": outputs}).to_string();
        let request = Server::shared().request("POST", &format!("{V2}/infer"));
        let request = request.header("inference-header-content-length", json.len());
        request.body([json.as_bytes(), &bytes[cut..]].concat())
    };
    let answer = answered(request(json!([]), 0)).await;
    assert_eq!(answer["outputs"][0]["shape"], json!([1, 101]));
    assert!(refused(request(json!([]), 4), 400).await.contains("602112 bytes"));
    let binary = json!([{"name": "logits", "parameters": {"binary_data": true}}]);
    assert!(refused(request(binary, 0), 501).await.contains("binary_data"));
}

#[tokio::test]
async fn v2_refuses_tensors_that_the_model_does_not_have() {
    let tensor = |name: &str, shape: Value, datatype: &str, data: Value| {
        infer(&json!({"name": name, "shape": shape, "datatype": datatype, "data": data}), &json!({}))
    };
    assert!(refused(tensor("x", json!([1]), "BYTES", json!([b64()])), 400).await.contains("`input`"));
    for (shape, datatype, data) in [
        (json!([]), "FP32", json!([])),
        (json!([0, 3, 224, 224]), "FP32", json!([])),
        (json!([65, 3, 224, 224]), "FP32", json!([])),
        (json!([1, 3, 224, 223]), "FP32", json!([1])),
        (json!([1, 3, 224, 224]), "FP32", json!([1, 2])),
        (json!([1, 3, 224, 224]), "INT8", json!([1])),
        (json!([2]), "BYTES", json!([b64()])),
        (json!([1]), "BYTES", json!(["?"])),
        (json!([u64::MAX]), "BYTES", json!([])),
        (json!([-1, 3, 224, 224]), "FP32", json!([])),
    ] {
        refused(tensor("input", shape, datatype, data), 400).await;
    }
    refused(post(&format!("{V2}/infer"), &json!({"inputs": []})), 400).await;
    let file = json!({"name": "input", "shape": [1], "datatype": "BYTES", "data": [b64()]});
    refused(infer(&file, &json!({"outputs": [{"name": "classes"}]})), 400).await;
}
