//! Our gradients against PyTorch's autograd, on the default model and on a full-size VGG16 (`golden/gradients.py`).

use std::path::Path;

use glassbox::{
    autodiff::Rule,
    explain::{GradCam, Technique},
    imaging::RgbImage,
    model::{Model, Picture, Question},
    runtime::Cancellation,
};
use ndarray::{Array4, ArrayD, s};
use ndarray_npy::ReadNpyExt;

use crate::{http::models_dir::full_size_vgg16, techniques, vgg16};

fn golden(name: &str) -> ArrayD<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/gradients/{name}.npy"));
    ArrayD::read_npy(std::fs::File::open(path).unwrap()).unwrap()
}

/// |a - b| / |b|, both in L2.
fn relative_error(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    assert_eq!(a.shape(), b.shape());
    ((a - b).mapv(|d| d * d).sum() / b.mapv(|v| v * v).sum()).sqrt()
}

fn check(name: &str, model: &Model, seed: u32) {
    let input = Array4::from_shape_vec((1, 3, 224, 224), vgg16::uniform(seed, 3 * 224 * 224, 100.0)).unwrap();
    let picture = Picture { input, ..model.prepare(RgbImage::new(224, 224)) };

    let rules = [("standard", Rule::Standard), ("guided", Rule::Guided), ("deconvnet", Rule::Deconvnet)];
    let gradients = rules.map(|(_, rule)| (rule, model.input().to_owned())).to_vec();
    let question = Question { gradients, values: Vec::new() };
    let cancellation = Cancellation::default();
    let answer = model.ask(&question, &picture.input, &[None], &cancellation).unwrap();
    let logits = answer.logits.index_axis(ndarray::Axis(0), 0).to_owned();
    let error = relative_error(&logits, &golden(&format!("{name}_logits")));
    assert!(error < 1e-5, "logits of {name}: {error}");
    for (label, rule) in rules {
        let gradient = answer.gradient(rule, model.input()).unwrap();
        let error = relative_error(
            &gradient.slice(s![0, .., ..;5, ..;5]).to_owned().into_dyn(),
            &golden(&format!("{name}_{label}")),
        );
        assert!(error < 1e-4, "{label} gradient of {name}: {error}");
    }
    let explanation = GradCam::default().explain(model, &picture, &cancellation).unwrap();
    assert_eq!(explanation.layer.as_deref(), Some("block5_conv3"));
    let error = relative_error(&explanation.maps[0].values.0, &golden(&format!("{name}_grad_cam")));
    assert!(error < 1e-4, "Grad-CAM of {name}: {error}");
}

#[test]
fn the_default_model_has_pytorchs_gradients() {
    check("vgg16_caltech101", techniques::model(), 1000);
}

#[test]
fn a_full_size_vgg16_has_pytorchs_gradients() {
    check("vgg16_full", &full_size_vgg16().app.models().unwrap().get("vgg16").unwrap(), 1001);
}
