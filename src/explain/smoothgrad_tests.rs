//! Tests of [`super`]: against PyTorch with equal noise (`tests/golden/techniques.py`), and what noise and seeds do.

use std::sync::OnceLock;

use ndarray::{Array3, Axis, s};
use ndarray_npy::ReadNpyExt;

use super::*;
use crate::{config::Config, explain::Saliency, imaging::RgbImage, model::Models};

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Models::load_one(&Config::default(), "vgg16-caltech101").unwrap())
}

/// float32 values in [-scale, scale), from a hash of seed and index, as the script makes them.
fn uniform(seed: u32, scale: f32) -> Array4<f32> {
    let start = seed.wrapping_mul(0x85EB_CA77);
    let values = (0..3 * 224 * 224).map(|index: u32| {
        let mut h = index.wrapping_mul(0x9E37_79B1).wrapping_add(start);
        h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
        h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
        h ^= h >> 15;
        ((h >> 8) as f32 * 2.0_f32.powi(-23) - 1.0) * scale
    });
    Array4::from_shape_vec((1, 3, 224, 224), values.collect()).unwrap()
}

fn map(technique: &impl Technique<Findings = Explanation>) -> ArrayD<f32> {
    let picture = Picture { input: uniform(1000, 100.0), ..model().prepare(RgbImage::new(224, 224)) };
    technique.explain(model(), &picture, &Cancellation::default()).unwrap().maps.remove(0).values.0
}

#[test]
fn with_equal_noise_the_mean_gradient_is_pytorchs() {
    let (input, cancellation) = (uniform(1000, 100.0), Cancellation::default());
    let clean = model().ask(&Question::default(), &input, &[None], &cancellation).unwrap();
    let noise = [2002, 2004, 2011].map(|seed| uniform(seed, 30.0));
    let ours = mean_gradients(model(), &clean, &input, (noise.into_iter(), 3), &cancellation).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/techniques/smoothgrad.npy");
    let theirs = Array3::<f32>::read_npy(std::fs::File::open(path).unwrap()).unwrap();
    let difference = &ours.index_axis(Axis(0), 0).slice(s![.., ..;5, ..;5]) - &theirs;
    let error = (difference.mapv(|d| d * d).sum() / theirs.mapv(|v| v * v).sum()).sqrt();
    assert!(error < 1e-4, "{error}");
}

#[test]
fn without_noise_it_is_saliency() {
    let smooth = map(&SmoothGrad { samples: 2, noise: 0.0, ..SmoothGrad::default() });
    let saliency = map(&Saliency::default());
    let largest = saliency.iter().copied().fold(0.0, f32::max);
    assert!((smooth - saliency).iter().all(|d| d.abs() <= 1e-5 * largest));
}

#[test]
fn the_seed_decides_the_map() {
    let of_seed = |seed| map(&SmoothGrad { samples: 1, seed, ..SmoothGrad::default() });
    let first = of_seed(1);
    assert_eq!(first, of_seed(1));
    assert_ne!(first, of_seed(2));
}
