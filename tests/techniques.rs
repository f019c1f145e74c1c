//! The techniques on a picture with a known answer.

use std::sync::OnceLock;

use glassbox::{
    config::Config,
    explain::{
        Deconvnet, Explanation, GradCam, GuidedBackprop, GuidedGradCam, IntegratedGradients, Occlusion, Predict,
        Reduce, Saliency, SmoothGrad, Technique, Variant,
    },
    imaging::RgbImage,
    model::{ClassRef, Model, Models, Picture},
    runtime::Cancellation,
};
use ndarray::{Array2, Ix2};

use crate::stop_sign::{self, Sign};

const SIGN: Sign = Sign { x: 430.0, y: 180.0, radius: 120.0 };

pub fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Models::load_one(&Config::default(), "vgg16-caltech101").unwrap())
}

fn explain<T: Technique<Findings = Explanation>>(technique: &T) -> Explanation {
    let picture = model().prepare(stop_sign::draw(640, 480, SIGN));
    technique.explain(model(), &picture, &Cancellation::default()).unwrap()
}

fn class(name: &str) -> Vec<ClassRef> {
    vec![ClassRef(name.into())]
}

fn flat(explanation: &Explanation, map: usize) -> Array2<f32> {
    explanation.maps[map].values.0.clone().into_dimensionality::<Ix2>().unwrap()
}

/// How much of the map's sum lies inside the sign, and whether its peak does.
fn inside(map: &Array2<f32>) -> (f32, bool) {
    let (height, width) = map.dim();
    let in_sign = |row: usize, column: usize| {
        let x = (column as f32 + 0.5) * 640.0 / width as f32;
        let y = (row as f32 + 0.5) * 480.0 / height as f32;
        (x - SIGN.x).abs() <= SIGN.radius && (y - SIGN.y).abs() <= SIGN.radius
    };
    let sum: f32 = map.indexed_iter().filter(|&((r, c), _)| in_sign(r, c)).map(|(_, v)| v).sum();
    let peak = map.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    (sum / map.sum(), in_sign(peak.0, peak.1))
}

#[test]
fn a_drawn_stop_sign_is_recognised() {
    let picture = model().prepare(stop_sign::draw(640, 480, SIGN));
    let predictions = Predict::default().predict(model(), &picture, &Cancellation::default()).unwrap().predictions;
    assert_eq!(predictions.len(), 5);
    assert_eq!(predictions[0].label, "stop_sign");
    assert!(predictions[0].probability > 0.8);
    assert!(predictions.is_sorted_by(|a, b| a.probability >= b.probability));
}

#[test]
fn grad_cams_peak_lies_inside_the_sign() {
    let explanation = explain(&GradCam::default());
    assert_eq!(explanation.maps[0].values.0.shape(), [14, 14]);
    assert_eq!(explanation.maps[0].class.prediction, explanation.predictions[0]);
    let (share, peak) = inside(&flat(&explanation, 0));
    assert!(peak, "the peak lies outside the sign");
    assert!(share > 0.5, "only {share} of the map lies inside the sign");
}

#[test]
fn every_variants_peak_lies_inside_the_sign() {
    for &variant in <Variant as clap::ValueEnum>::value_variants() {
        let (_, peak) = inside(&flat(&explain(&GradCam { variant, ..GradCam::default() }), 0));
        assert!(peak, "{variant:?}: the peak lies outside the sign");
    }
}

#[test]
fn gradients_gather_at_the_sign() {
    // The sign's square takes 19 % of the picture; what rests on the plain gradient is the most scattered.
    let maps = [
        (0.35, explain(&Saliency::default())),
        (0.5, explain(&GuidedBackprop::default())),
        (0.5, explain(&Deconvnet::default())),
        (0.5, explain(&GuidedGradCam::default())),
        (0.25, explain(&SmoothGrad { samples: 8, ..SmoothGrad::default() })),
        (0.4, explain(&IntegratedGradients { steps: 8, ..IntegratedGradients::default() })),
    ];
    let shares = maps.map(|(least, map)| (map.technique, least, inside(&flat(&map, 0)).0));
    assert!(shares.iter().all(|&(_, least, share)| share > least), "technique, least and found share: {shares:?}");
}

#[test]
fn occlusions_largest_drop_lies_inside_the_sign() {
    let picture = model().prepare(stop_sign::draw(640, 480, SIGN));
    let technique = Occlusion { stride: Some(28), ..Occlusion::default() };
    let found = technique.explain(model(), &picture, &Cancellation::default()).unwrap();
    assert_eq!(found.positions, 64);
    let drop = found.maps[0].drop.0.clone().into_dimensionality::<Ix2>().unwrap();
    assert!(drop.iter().any(|&drop| drop > 0.3), "nothing that is covered matters");
    assert!(inside(&drop).1, "the largest drop lies outside the sign");
}

#[test]
fn coarse_to_fine_occlusion_finds_the_sign_with_fewer_places() {
    let picture = model().prepare(stop_sign::draw(640, 480, SIGN));
    let technique = Occlusion { refine: 2, ..Occlusion::default() };
    let found = technique.explain(model(), &picture, &Cancellation::default()).unwrap();
    assert!(found.positions < 128, "{} places of 256", found.positions);
    let drop = found.maps[0].drop.0.clone().into_dimensionality::<Ix2>().unwrap();
    assert_eq!(drop.dim(), (16, 16));
    assert!(inside(&drop).1, "the largest drop lies outside the sign");
}

#[test]
fn several_classes_from_one_pass_equal_each_alone() {
    let both = explain(&Saliency {
        class: ["elephant", "stop_sign"].map(|c| ClassRef(c.into())).to_vec(),
        ..Default::default()
    });
    assert_eq!(both.maps.len(), 2);
    for (map, name) in both.maps.iter().zip(["elephant", "stop_sign"]) {
        let alone = explain(&Saliency { class: class(name), ..Default::default() });
        assert_eq!(map.class.prediction.label, name);
        let difference = (&map.values.0 - &alone.maps[0].values.0).mapv(f32::abs);
        let largest = alone.maps[0].values.0.iter().copied().fold(0.0, f32::max);
        assert!(difference.iter().all(|d| *d <= 1e-4 * largest));
    }
    assert_ne!(flat(&both, 0), flat(&both, 1));
}

#[test]
fn the_unreduced_gradient_is_signed_and_reduces_to_the_map() {
    let signed = explain(&Saliency { reduce: Reduce::None, ..Default::default() });
    let values = &signed.maps[0].values.0;
    assert_eq!(values.shape(), [3, 224, 224]);
    assert!(values.iter().any(|v| *v < 0.0) && values.iter().any(|v| *v > 0.0));
    let largest = values.mapv(f32::abs).fold_axis(ndarray::Axis(0), 0.0_f32, |&a, &b| a.max(b));
    assert_eq!(largest, explain(&Saliency::default()).maps[0].values.0);
}

#[test]
fn grad_cam_works_on_any_layer_with_feature_maps_and_names_them_otherwise() {
    let explanation = explain(&GradCam { layer: Some("block4_conv3".into()), ..Default::default() });
    assert_eq!(explanation.maps[0].values.0.shape(), [28, 28]);
    let refused = |layer: &str| {
        let picture: Picture = model().prepare(RgbImage::new(8, 8));
        let technique = GradCam { layer: Some(layer.into()), ..Default::default() };
        technique.explain(model(), &picture, &Cancellation::default()).unwrap_err()
    };
    assert!(refused("block5_conv4").message.contains("`block5_conv3`"));
    assert!(refused("fc1").message.contains("`block5_conv3`"));
}

#[test]
fn cancelled_work_ends_with_its_own_error() {
    let cancellation = Cancellation::default();
    cancellation.cancel();
    let picture = model().prepare(RgbImage::new(8, 8));
    let error = Saliency::default().explain(model(), &picture, &cancellation).unwrap_err();
    assert_eq!(error.kind, glassbox::error::Kind::Cancelled);
}
