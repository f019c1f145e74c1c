//! Our maps against those of captum, pytorch-grad-cam and PyTorch, on the default model (`golden/techniques.py`).

use std::path::Path;

use glassbox::{
    explain::{
        Channels, Fill, GradCam, IntegratedGradients, LayerOutputs, Occlusion, Placement, Reduce, Technique, Variant,
    },
    imaging::RgbImage,
    model::{Model, Picture, Question},
    runtime::Cancellation,
};
use ndarray::{Array4, ArrayD, ArrayView, Axis, Dimension, IxDyn, s};
use ndarray_npy::ReadNpyExt;

use crate::{techniques::model, vgg16};

fn golden(name: &str) -> ArrayD<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/techniques/{name}.npy"));
    ArrayD::read_npy(std::fs::File::open(path).unwrap()).unwrap()
}

/// The picture that the script makes too.
fn picture(model: &Model) -> Picture {
    let input = Array4::from_shape_vec((1, 3, 224, 224), vgg16::uniform(1000, 3 * 224 * 224, 100.0)).unwrap();
    Picture { input, ..model.prepare(RgbImage::new(224, 224)) }
}

fn explain<T: Technique>(technique: &T) -> (&'static Model, Picture, T::Findings) {
    let model = model();
    let picture = picture(model);
    let findings = technique.explain(model, &picture, &Cancellation::default()).unwrap();
    (model, picture, findings)
}

/// Fails unless |ours - theirs| / |theirs|, both in L2, is below `limit`.
fn assert_close<D: Dimension>(ours: &ArrayView<'_, f32, D>, name: &str, limit: f32) {
    let (ours, theirs) = (ours.to_owned().into_dyn(), golden(name));
    assert_eq!(ours.shape(), theirs.shape(), "{name}");
    let error = ((&ours - &theirs).mapv(|d| d * d).sum() / theirs.mapv(|v| v * v).sum()).sqrt();
    assert!(error < limit, "{name}: {error}");
}

/// Every fifth row and column of a map.
fn thinned(map: &ArrayD<f32>) -> ArrayView<'_, f32, IxDyn> {
    let every_fifth = |axis: ndarray::AxisDescription| if axis.len == 224 { 5 } else { 1 };
    map.slice_each_axis(|axis| ndarray::Slice::new(0, None, every_fifth(axis)))
}

#[test]
fn class_activation_maps_are_those_of_pytorch_grad_cam() {
    for variant in <Variant as clap::ValueEnum>::value_variants() {
        let name = clap::ValueEnum::to_possible_value(variant).unwrap();
        for layer in ["block4_conv3", "block5_conv3"] {
            let technique = GradCam { layer: Some(layer.into()), variant: *variant, ..GradCam::default() };
            let (_, _, explanation) = explain(&technique);
            assert_close(&explanation.maps[0].values.0.view(), &format!("{}_{layer}", name.get_name()), 1e-4);
        }
    }
}

#[test]
fn integrated_gradients_and_their_completeness_error_are_captums() {
    let (_, _, explanation) = explain(&IntegratedGradients { reduce: Reduce::None, ..Default::default() });
    let map = &explanation.maps[0];
    assert_close(&thinned(&map.values.0), "integrated_gradients", 1e-3);
    let completeness = map.completeness.unwrap();
    let delta = golden("integrated_gradients_delta")[0];
    let difference = completeness.logit_difference.abs();
    assert!((completeness.error - delta).abs() < 1e-3 * difference, "{completeness:?}, captum: {delta}");
    assert!(completeness.error.abs() < 0.05 * difference, "{completeness:?}");
}

#[test]
fn layer_outputs_are_what_pytorchs_hooks_see() {
    let layers = ["block1_conv1", "block2_conv1", "block3_conv1", "block4_conv2", "block5_pool"];
    let (_, _, found) = explain(&LayerOutputs { layer: layers.map(str::to_owned).to_vec(), ..Default::default() });
    for (name, layer) in layers.iter().zip(&found.layers) {
        let maps: Vec<_> = layer.maps.iter().map(|map| map.values.0.view()).collect();
        let maps = ndarray::stack(Axis(0), &maps).unwrap();
        assert_close(&maps.slice(s![.., ..;5, ..;5]), &format!("layer_outputs_{name}"), 1e-5);
    }
    let strongest = LayerOutputs { layer: vec!["block4_conv2".into()], channels: Channels::Strongest, maps: 16 };
    let (_, _, found) = explain(&strongest);
    let channels: Vec<f32> = found.layers[0].maps.iter().map(|map| map.channel as f32).collect();
    assert_eq!(channels, golden("layer_outputs_strongest").into_raw_vec_and_offset().0);
}

#[test]
fn sliding_occlusion_is_captums() {
    let (_, _, maps) =
        explain(&Occlusion { patch: Some(60), stride: Some(50), placement: Placement::Sliding, ..Default::default() });
    assert_close(&thinned(&maps.maps[0].drop.0), "occlusion_sliding", 1e-4);
}

#[test]
fn centered_occlusion_is_one_run_for_each_cell() {
    let (model, picture, maps) = explain(&Occlusion { patch: Some(100), stride: Some(75), ..Default::default() });
    let found = &maps.maps[0];
    assert_close(&found.probability.0.view(), "occlusion_centered", 1e-4);

    let class = found.class.prediction.index;
    for (row, rows) in [0..87, 62..162, 137..224].into_iter().enumerate() {
        for (column, columns) in [0..87, 62..162, 137..224].into_iter().enumerate() {
            let mut covered = picture.input.clone();
            covered.slice_mut(s![.., .., rows.clone(), columns]).fill(0.5);
            let answer = model.ask(&Question::default(), &covered, &[], &Cancellation::default()).unwrap();
            let difference = found.probability.0[[row, column]] - answer.probabilities[[0, class]];
            assert!(difference.abs() <= 1e-5, "cell ({row}, {column}): {difference}");
        }
    }
}

#[test]
fn every_fill_gives_another_map() {
    let fills = [Fill::Value(0.5), Fill::Gray, Fill::Mean, Fill::Black, Fill::Blur];
    let maps =
        fills.map(|fill| explain(&Occlusion { patch: Some(100), stride: Some(150), fill, ..Default::default() }).2);
    let probabilities = maps.map(|maps| maps.maps[0].probability.0.clone());
    for (index, map) in probabilities.iter().enumerate() {
        assert!(map.iter().all(|value| value.is_finite()));
        assert!(!probabilities[..index].contains(map), "{:?} gives the same map as another", fills[index]);
    }
}
