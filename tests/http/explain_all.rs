//! `POST /v1/models/{model}/explain`

use glassbox::{
    explain::{Explainer, GradCam, GuidedBackprop, GuidedGradCam, Occlusion, Saliency, explain_all},
    model::ClassRef,
    runtime::Cancellation,
};
use serde_json::{Value, json};

use super::{MODEL, Server, json, png, refused, stop_sign};

fn explain(call: &str) -> reqwest::RequestBuilder {
    Server::shared().post(&format!("/explain{call}"), png(stop_sign()))
}

#[tokio::test]
async fn several_techniques_say_what_each_says_alone() {
    let call = "technique=grad-cam&technique=saliency&technique=guided-grad-cam&class=stop_sign&class=elephant&layer=block4_conv3";
    let all = json(explain(&format!("?{call}"))).await;
    let names: Vec<_> =
        all["explanations"].as_array().unwrap().iter().map(|found| found["technique"].clone()).collect();
    assert_eq!(names, ["grad-cam", "saliency", "guided-grad-cam"]);
    for (found, options) in
        all["explanations"].as_array().unwrap().iter().zip(["&layer=block4_conv3", "", "&layer=block4_conv3"])
    {
        let technique = found["technique"].as_str().unwrap();
        let alone = json(explain(&format!("/{technique}?class=stop_sign&class=elephant{options}"))).await;
        for member in ["layer", "predictions"] {
            assert_eq!(found[member], alone[member], "{technique}");
        }
        for (together, alone) in found["maps"].as_array().unwrap().iter().zip(alone["maps"].as_array().unwrap()) {
            assert_eq!(together["class"]["label"], alone["class"]["label"]);
            let (a, b) = (together["max"].as_f64().unwrap(), alone["max"].as_f64().unwrap());
            assert!((a - b).abs() <= 1e-4 * b, "{technique}: {a} and {b}");
        }
    }
}

/// A server of its own, since other tests run the shared one's model.
#[test]
fn techniques_that_can_share_a_run_do() {
    let server = Server::start(|_| {});
    let model = server.app.models().unwrap().get("vgg16-caltech101").unwrap();
    let picture = model.prepare(stop_sign());
    let runs = |techniques: Vec<Box<dyn Explainer>>| {
        let before = model.runs();
        explain_all(&techniques, &model, &picture, None, &Cancellation::default()).unwrap();
        model.runs() - before
    };
    let sharing = || -> Vec<Box<dyn Explainer>> {
        vec![Box::new(Saliency::default()), Box::new(GuidedBackprop::default()), Box::new(GradCam::default())]
    };
    assert_eq!(runs(sharing()), 1);
    let occlusion = || Box::new(Occlusion { patch: Some(200), stride: Some(200), ..Occlusion::default() });
    let with_occlusion = sharing().into_iter().chain([occlusion() as Box<dyn Explainer>]).collect();
    assert_eq!(runs(with_occlusion), runs(vec![occlusion()]) + 1);
    // Those that explain other classes cannot share it.
    let elephant = || Box::new(GradCam { class: vec![ClassRef("elephant".into())], ..GradCam::default() });
    let guided = || Box::new(GuidedGradCam { class: vec![ClassRef("elephant".into())], ..GuidedGradCam::default() });
    let of_two_classes =
        sharing().into_iter().chain([elephant() as Box<dyn Explainer>, guided() as Box<dyn Explainer>]).collect();
    assert_eq!(runs(of_two_classes), 2);
    // A class that there is not is refused before anything runs.
    let unknown = GradCam { class: vec![ClassRef("unicorn".into())], ..GradCam::default() };
    let techniques: Vec<Box<dyn Explainer>> = vec![Box::new(Saliency::default()), Box::new(unknown)];
    let before = model.runs();
    let error = explain_all(&techniques, &model, &picture, None, &Cancellation::default()).unwrap_err();
    assert_eq!((error.code, model.runs()), ("unknown_class", before));
}

#[tokio::test]
async fn options_go_to_the_techniques_that_have_them_and_none_is_lost() {
    let defaults = json(explain("")).await;
    let names: Vec<_> = defaults["explanations"].as_array().unwrap().iter().map(|found| &found["technique"]).collect();
    assert_eq!(names, ["saliency", "guided-backprop", "grad-cam"]);
    refused(explain("?technique=saliency&patch=20"), 422, "unknown_option").await;
    refused(explain("?technique=salience"), 422, "unknown_technique").await;
    refused(explain("?technique=smoothgrad&samples=0"), 422, "option_out_of_range").await;
}

#[tokio::test]
async fn an_option_is_set_for_one_technique_in_the_query_a_form_or_json() {
    let query = "technique=grad-cam&technique=layer-outputs&layer=block3_conv1&grad-cam.layer=block5_conv3&maps=1\
                 &layer-outputs.layer=block1_conv1&layer-outputs.layer=block2_conv1";
    let by_query = json(explain(&format!("?{query}"))).await;
    assert_eq!(by_query["explanations"][0]["layer"], "block5_conv3");
    let layers =
        |found: &Value| found["layers"].as_array().unwrap().iter().map(|l| l["layer"].clone()).collect::<Vec<_>>();
    assert_eq!(layers(&by_query["explanations"][1]), ["block1_conv1", "block2_conv1"]);

    let server = Server::shared();
    let path = format!("{MODEL}/explain");
    let picture = reqwest::multipart::Part::bytes(png(stop_sign()));
    let form = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .fold(reqwest::multipart::Form::new().part("image", picture), |form, (name, value)| {
            form.text(name.trim().to_owned(), value.to_owned())
        });
    let by_form = json(server.request("POST", &path).multipart(form)).await;
    assert_eq!(by_form["explanations"], by_query["explanations"]);

    let b64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, png(stop_sign()));
    let body = json!({
        "image": {"b64": b64}, "technique": ["grad-cam", "layer-outputs"], "layer": "block3_conv1", "maps": 1,
        "grad-cam.layer": "block5_conv3", "layer-outputs.layer": ["block1_conv1", "block2_conv1"]
    });
    let by_json = json(server.request("POST", &path).json(&body)).await;
    assert_eq!(by_json["explanations"], by_query["explanations"]);
}

#[tokio::test]
async fn techniques_explain_classes_of_their_own() {
    let query = "?technique=saliency&technique=grad-cam&class=elephant&grad-cam.class=stop_sign&grad-cam.class=rhino";
    let found = json(explain(query)).await;
    let labels = |index: usize| {
        let maps = found["explanations"][index]["maps"].as_array().unwrap();
        maps.iter().map(|map| map["class"]["label"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((labels(0), labels(1)), (vec![json!("elephant")], vec![json!("stop_sign"), json!("rhino")]));
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_what_can() {
    let detail = refused(explain("?grad-can.layer=block5_conv3"), 422, "unknown_technique").await;
    assert!(detail.contains("did you mean `grad-cam`?"), "{detail}");
    let detail = refused(explain("?technique=saliency&occlusion.patch=9"), 422, "technique_not_asked").await;
    assert!(detail.contains("`technique=occlusion`"), "{detail}");
    let detail = refused(explain("?technique=occlusion&occlusion.layer=fc1"), 422, "unknown_option").await;
    assert!(detail.contains("`patch`, `placement`"), "{detail}");
    let detail = refused(explain("?format=npy"), 422, "invalid_option").await;
    assert!(detail.contains("application/json or image/png"), "{detail}");
}

#[tokio::test]
async fn a_contact_sheet_has_a_captioned_tile_for_each_map() {
    let response = explain("?technique=saliency&technique=grad-cam&format=png&class=0&class=1").send().await.unwrap();
    let sheet = image::load_from_memory(&response.bytes().await.unwrap()).unwrap();
    assert!(sheet.width() > 2 * 320 && sheet.height() > 2 * 240, "{}x{}", sheet.width(), sheet.height());
}
