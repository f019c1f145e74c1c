//! `POST /v1/models/{model}/explain`

use glassbox::{
    explain::{Explainer, GradCam, GuidedBackprop, Occlusion, Saliency, explain_all},
    runtime::Cancellation,
};

use super::{Server, json, png, refused, stop_sign};

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
        explain_all(&techniques, &model, &picture, &Cancellation::default()).unwrap();
        model.runs() - before
    };
    let sharing = || -> Vec<Box<dyn Explainer>> {
        vec![Box::new(Saliency::default()), Box::new(GuidedBackprop::default()), Box::new(GradCam::default())]
    };
    assert_eq!(runs(sharing()), 1);
    let occlusion = || Box::new(Occlusion { patch: 200, stride: 200, ..Occlusion::default() });
    let with_occlusion = sharing().into_iter().chain([occlusion() as Box<dyn Explainer>]).collect();
    assert_eq!(runs(with_occlusion), runs(vec![occlusion()]) + 1);
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
async fn a_contact_sheet_has_a_captioned_tile_for_each_map() {
    let response = explain("?technique=saliency&technique=grad-cam&format=png&class=0&class=1").send().await.unwrap();
    let sheet = image::load_from_memory(&response.bytes().await.unwrap()).unwrap();
    assert!(sheet.width() > 2 * 320 && sheet.height() > 2 * 240, "{}x{}", sheet.width(), sheet.height());
}
