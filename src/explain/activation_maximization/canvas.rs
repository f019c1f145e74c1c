//! What gradient ascent changes, and the picture that it makes up.

use ndarray::{Array3, Zip};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{color, fourier::Fourier};

/// The brightest level of a picture.
const WHITE: f32 = 255.0;
/// The level between black and white.
pub(super) const GREY: f32 = WHITE / 2.0;
/// The standard deviation that a picture of free pixels has at least in the end; in keras-vis it is `0.1 * WHITE`, which looks
/// pale.
const CONTRAST: f32 = 0.15 * WHITE;

/// The numbers that gradient ascent changes, and how a picture [3, H, W] in RGB, black 0 and white 255, follows from them.
pub(super) trait Canvas {
    /// The numbers.
    fn numbers(&mut self) -> &mut [f32];

    /// Brings the numbers back to where they make a picture, after a step.
    fn constrain(&mut self) {}

    /// The picture.
    fn picture(&self) -> Array3<f32>;

    /// The gradient with respect to the numbers, from the `gradient` [3, H, W] with respect to the `picture`.
    fn pull_back(&self, picture: &Array3<f32>, gradient: Array3<f32>) -> Vec<f32>;

    /// The picture when nothing is changed any more.
    fn finished(&self) -> Array3<f32> {
        self.picture()
    }
}

/// A picture whose pixels are changed directly, as in keras-vis.
#[derive(Debug)]
pub(super) struct Pixels(Array3<f32>);

impl Pixels {
    /// Grey with normal noise, whose deviation is `noise` times the range from black to white.
    pub fn noise((height, width): (usize, usize), noise: f32, random: &mut impl Rng) -> Self {
        let level = || {
            let normal: f32 = StandardNormal.sample(random);
            GREY + noise * WHITE * normal
        };
        Self(Array3::from_shape_simple_fn((3, height, width), level))
    }
}

impl Canvas for Pixels {
    fn numbers(&mut self) -> &mut [f32] {
        self.0.as_slice_mut().unwrap_or_default()
    }

    fn constrain(&mut self) {
        self.0.mapv_inplace(|level| level.clamp(0.0, WHITE));
    }

    fn picture(&self) -> Array3<f32> {
        self.0.clone()
    }

    fn pull_back(&self, _: &Array3<f32>, gradient: Array3<f32>) -> Vec<f32> {
        // A copy is made only of what is not in row-major order.
        gradient.as_standard_layout().into_owned().into_raw_vec_and_offset().0
    }

    /// With its contrast raised if need be, since how far the pixels went depends on the regularizers' weights.
    fn finished(&self) -> Array3<f32> {
        let (mean, deviation) = (self.0.mean().unwrap_or(GREY), self.0.std(0.0));
        let factor = (CONTRAST / deviation.max(f32::EPSILON)).max(1.0);
        self.0.mapv(|level| (mean + (level - mean) * factor).clamp(0.0, WHITE))
    }
}

/// A picture made of waves in colours that photographs do not correlate, as in lucid.
///
/// Olah, Mordvintsev and Schubert, "Feature Visualization", 2017: steps of equal size in frequencies rather than pixels do not
/// favour high ones, of which photographs have little.
#[derive(Debug)]
pub(super) struct Waves {
    fourier: Fourier,
    coefficients: Vec<f32>,
}

impl Waves {
    /// Coefficients from normal `noise`, of which a frequency f counts with `1 / f^power`.
    pub fn noise((height, width): (usize, usize), noise: f32, power: f32, random: &mut impl Rng) -> Self {
        let fourier = Fourier::new((height, width), power);
        let coefficient = || {
            let normal: f32 = StandardNormal.sample(random);
            noise * normal
        };
        let coefficients = std::iter::repeat_with(coefficient).take(fourier.coefficients()).collect();
        Self { fourier, coefficients }
    }
}

impl Canvas for Waves {
    fn numbers(&mut self) -> &mut [f32] {
        &mut self.coefficients
    }

    fn picture(&self) -> Array3<f32> {
        let colors = color::correlate(&self.fourier.synthesize(&self.coefficients));
        colors.mapv_into(|color| WHITE / (1.0 + (-color).exp()))
    }

    fn pull_back(&self, picture: &Array3<f32>, gradient: Array3<f32>) -> Vec<f32> {
        // The sigmoid's derivative follows from its value.
        let slope = |&level: &f32, &gradient: &f32| gradient * level * (1.0 - level / WHITE);
        let colors = Zip::from(picture).and(&gradient).map_collect(slope);
        self.fourier.pull_back(&color::pull_back(&colors))
    }
}
