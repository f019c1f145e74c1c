//! The parts against PyTorch, and each gradient against differences.

use std::path::Path;

use ndarray::{Array1, Array3};
use ndarray_npy::ReadNpyExt;
use proptest::prelude::*;
use rand::{SeedableRng, rngs::ChaCha8Rng};

use super::{
    canvas::{Canvas, Pixels, Waves},
    fourier::Fourier,
    lp_norm::LpNorm,
    optimizer::Optimizer,
    sampling::Sampling,
    total_variation::TotalVariation,
    transform::Transforms,
};

/// The numbers that `tests/golden/activation_maximization.py` wrote.
fn golden(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/activation_maximization/{name}.npy"));
    Array1::<f32>::read_npy(std::fs::File::open(path).unwrap()).unwrap().to_vec()
}

/// The picture that the script draws.
fn levels() -> Array3<f32> {
    Array3::from_shape_fn((3, 9, 6), |(c, y, x)| ((c * 91 + y * y * 17 + x * 29 + y * x * 13) % 256) as f32)
}

/// `count` numbers that are as good as random, as the script makes them.
fn wave(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index as f64 * 12.9898).sin() * 0.5) as f32).collect()
}

fn assert_close(ours: &[f32], expected: &[f32]) {
    assert_eq!(ours.len(), expected.len());
    let scale = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    for (index, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        assert!((ours - expected).abs() <= 1e-4 * scale, "at {index}: {ours} is not {expected} (of {scale})");
    }
}

fn dot<'a>(a: impl IntoIterator<Item = &'a f32>, b: impl IntoIterator<Item = &'a f32>) -> f64 {
    a.into_iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// A regularizer's loss, then its gradient.
fn regularized(loss: f32, descend: impl Fn(&Array3<f32>, &mut Array3<f32>)) -> Vec<f32> {
    let mut gradient = Array3::zeros((3, 9, 6));
    descend(&levels(), &mut gradient);
    std::iter::once(loss).chain(gradient.iter().map(|slope| -slope)).collect()
}

#[test]
fn regularizers_give_pytorchs_losses_and_gradients() {
    for power in [1.0, 6.0] {
        let norm = LpNorm { weight: 1.0, power };
        let ours = regularized(norm.loss(&levels()), |picture, gradient| norm.descend(picture, gradient));
        assert_close(&ours, &golden(&format!("lp_norm_{power}")));
    }
    for power in [1.5, 2.0] {
        let variation = TotalVariation { weight: 1.0, power };
        let ours = regularized(variation.loss(&levels()), |picture, gradient| variation.descend(picture, gradient));
        let expected = golden(&format!("total_variation_{power}"));
        // The loss is far larger than the gradient's numbers.
        assert_close(&ours[..1], &expected[..1]);
        assert_close(&ours[1..], &expected[1..]);
    }
}

#[test]
fn a_regularizer_of_a_grey_picture_is_nothing() {
    let grey = Array3::from_elem((3, 4, 5), 127.5);
    for power in [1.0, 1.5, 3.0] {
        let mut gradient = Array3::zeros(grey.dim());
        LpNorm { weight: 10.0, power }.descend(&grey, &mut gradient);
        TotalVariation { weight: 10.0, power }.descend(&grey, &mut gradient);
        assert!(gradient.iter().all(|slope| *slope == 0.0));
        assert!(LpNorm { weight: 10.0, power }.loss(&grey).abs() < 1e-12);
    }
}

#[test]
fn a_grey_level_among_others_has_no_slope() {
    let mut picture = Array3::from_elem((3, 2, 2), super::canvas::GREY);
    picture[[1, 0, 1]] += 10.0;
    for power in [1.0, 2.0, 6.0] {
        let mut gradient = Array3::zeros(picture.raw_dim());
        LpNorm { weight: 10.0, power }.descend(&picture, &mut gradient);
        let sloping: Vec<_> = gradient.indexed_iter().filter(|(_, slope)| **slope != 0.0).map(|(at, _)| at).collect();
        assert_eq!(sloping, [(1, 0, 1)], "{power}");
    }
}

#[test]
fn waves_give_pytorchs_picture_and_gradient() {
    for (name, height, width) in [("waves_even", 8, 10), ("waves_odd", 9, 7)] {
        let fourier = Fourier::new((height, width), 1.0);
        let coefficients = wave(fourier.coefficients());
        let mut canvas = Waves::new(fourier, coefficients);
        let picture = canvas.picture().clone();
        let mut weights = Array3::from_shape_vec(picture.dim(), wave(picture.len())).unwrap();
        let gradient = canvas.pull_back(&mut weights);
        let expected = golden(name);
        assert_close(picture.as_slice().unwrap(), &expected[..picture.len()]);
        assert_close(gradient, &expected[picture.len()..]);
    }
}

#[test]
fn a_turn_gives_pytorchs_picture() {
    let mut turned = levels();
    Sampling::new((9, 6), (2.0, -1.0), 1.1, 25.0).apply(&levels(), &mut turned);
    assert_close(turned.as_slice().unwrap(), &golden("turned"));
}

#[test]
fn optimizers_go_pytorchs_way() {
    for (name, mut optimizer) in
        [("adam", Optimizer::adam(0.05, 0.9, 0.999)), ("rms_prop", Optimizer::rms_prop(1.0, 0.0, 0.95))]
    {
        let mut numbers = wave(10);
        for step in 0..20 {
            optimizer.step(&mut numbers, &wave(10 * (step + 1))[10 * step..]);
        }
        assert_close(&numbers, &golden(name));
    }
}

#[test]
fn no_gradient_makes_no_step() {
    for mut optimizer in [Optimizer::adam(0.05, 0.9, 0.999), Optimizer::rms_prop(1.0, 0.9, 0.95)] {
        let mut numbers = wave(10);
        optimizer.step(&mut numbers, &[0.0; 10]);
        assert_eq!(numbers, wave(10));
    }
}

#[test]
fn pixels_end_in_contrast_and_keep_their_colour() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut pale = Pixels::noise((16, 16), 0.01, &mut random);
    // One step along a gradient that is the same everywhere: all levels go 20 down.
    pale.climb(&mut Optimizer::rms_prop(20.0, 0.9, 0.99), &mut Array3::from_elem((3, 16, 16), -1.0));
    let finished = pale.finished();
    assert!((finished.mean().unwrap() - 107.5).abs() < 1.0 && (finished.std(0.0) - 38.25).abs() < 1.0);
    let mut strong = Pixels::noise((16, 16), 1.0, &mut random);
    strong.climb(&mut Optimizer::rms_prop(20.0, 0.9, 0.99), &mut Array3::zeros((3, 16, 16)));
    assert!(strong.picture().iter().all(|level| (0.0..=255.0).contains(level)));
    assert!((strong.finished() - strong.picture()).iter().all(|change| change.abs() < 1e-3));
    let plain = Pixels::noise((4, 4), 0.0, &mut random).finished();
    assert!(plain.iter().all(|level| (level - 127.5).abs() < 1e-3), "{plain}");
}

fn picture() -> impl Strategy<Value = Array3<f32>> {
    (2_usize..6, 2_usize..6).prop_flat_map(|(height, width)| {
        prop::collection::vec(0.0_f32..255.0, 3 * height * width)
            .prop_map(move |levels| Array3::from_shape_vec((3, height, width), levels).unwrap())
    })
}

/// A picture whose levels are all different, and none grey: a step of `wave` crosses no kink of a regularizer.
fn uneven_picture() -> impl Strategy<Value = Array3<f32>> {
    (2_usize..6, 2_usize..6).prop_flat_map(|(height, width)| {
        let count = 3 * height * width;
        let level = move |rank: usize| (rank as f32 + 0.25) * 255.0 / count as f32;
        Just((0..count).collect::<Vec<_>>()).prop_shuffle().prop_map(move |ranks| {
            let levels = ranks.into_iter().map(level).collect();
            Array3::from_shape_vec((3, height, width), levels).unwrap()
        })
    })
}

/// Compares the gradient along the direction of `wave` with the difference of the loss.
fn check_slope(picture: &Array3<f32>, loss: impl Fn(&Array3<f32>) -> f32, gradient: &Array3<f32>) {
    let direction = Array3::from_shape_vec(picture.dim(), wave(picture.len())).unwrap();
    let difference = f64::from(loss(&(picture + &direction))) - f64::from(loss(&(picture - &direction)));
    let slope = 2.0 * dot(gradient, &direction);
    let length = dot(gradient, gradient).sqrt();
    // Differences of one level on each side see some curvature.
    assert!(
        (difference + slope).abs() <= 0.05 * length * dot(&direction, &direction).sqrt() + 1e-3,
        "{difference} {slope}"
    );
}

proptest! {
    #[test]
    fn regularizers_descend_along_their_slope(picture in uneven_picture(), norm in 1.0_f32..8.0, variation in 1.5_f32..3.0) {
        let norm = LpNorm { weight: 10.0, power: norm };
        let mut gradient = Array3::zeros(picture.dim());
        norm.descend(&picture, &mut gradient);
        check_slope(&picture, |picture| norm.loss(picture), &gradient);
        let variation = TotalVariation { weight: 10.0, power: variation };
        let mut gradient = Array3::zeros(picture.dim());
        variation.descend(&picture, &mut gradient);
        check_slope(&picture, |picture| variation.loss(picture), &gradient);
    }

    /// `<A x, y> = <x, A^T y>`.
    #[test]
    fn a_transform_and_its_way_back_are_adjoint(picture in picture(), seed: u64) {
        let (_, height, width) = picture.dim();
        let transforms = Transforms { jitter: 0.5, scale: 0.5, rotate: 180.0 };
        let transform = transforms.draw((height, width), &mut ChaCha8Rng::seed_from_u64(seed));
        let other = Array3::from_shape_vec(picture.dim(), wave(picture.len())).unwrap();
        let (mut transformed, mut pulled) = (picture.clone(), picture.clone());
        transform.apply(&picture, &mut transformed);
        transform.pull_back(&other, &mut pulled);
        let (forth, back) = (dot(&transformed, &other), dot(&picture, &pulled));
        prop_assert!((forth - back).abs() <= 1e-3 * (1.0 + dot(&picture, &picture).sqrt()), "{} {}", forth, back);
    }

    #[test]
    fn waves_and_their_way_back_are_adjoint(height in 2_usize..12, width in 2_usize..12, power in 0.0_f32..2.0) {
        let mut fourier = Fourier::new((height, width), power);
        let coefficients = wave(fourier.coefficients());
        let (mut picture, mut pulled) = (Array3::zeros((3, height, width)), vec![0.0; coefficients.len()]);
        fourier.synthesize(&coefficients, &mut picture);
        let other = Array3::from_shape_vec(picture.dim(), wave(picture.len())).unwrap();
        fourier.pull_back(&other, &mut pulled);
        let (forth, back) = (dot(&picture, &other), dot(&coefficients, &pulled));
        prop_assert!((forth - back).abs() <= 1e-3 * (1.0 + dot(&picture, &picture).sqrt()), "{} {}", forth, back);
    }
}

#[test]
fn a_jitter_alone_moves_whole_pixels_around_the_edges() {
    let picture = levels();
    let transforms = Transforms { jitter: 0.5, scale: 0.0, rotate: 0.0 };
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let sorted = |picture: &Array3<f32>| {
        let mut levels = picture.iter().copied().collect::<Vec<_>>();
        levels.sort_by(f32::total_cmp);
        levels
    };
    let mut moved = |transforms: Transforms| {
        let mut moved = picture.clone();
        transforms.draw((9, 6), &mut random).apply(&picture, &mut moved);
        moved
    };
    let all: Vec<_> = (0..20).map(|_| moved(transforms)).collect();
    assert!(all.iter().all(|moved| sorted(moved) == sorted(&picture)));
    assert!(all.iter().any(|moved| *moved != picture));
    let still = Transforms { jitter: 0.0, scale: 0.0, rotate: 0.0 };
    assert_eq!(moved(still), picture);
}
