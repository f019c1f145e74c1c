//! What gradient ascent changes, and the picture that it makes up.

use multiversion::multiversion;
use ndarray::Array3;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{color, exponential::exp, fourier::Fourier, in_order, in_order_mut, optimizer::Optimizer};

/// The brightest level of a picture.
const WHITE: f32 = 255.0;
/// The level between black and white.
pub(super) const GREY: f32 = WHITE / 2.0;
/// The standard deviation that a picture of free pixels has at least in the end; in keras-vis it is `0.1 * WHITE`, which looks
/// pale.
const CONTRAST: f32 = 0.15 * WHITE;

/// A picture [3, H, W] in RGB, black 0 and white 255, and the numbers that it follows from.
pub(super) trait Canvas {
    /// The picture.
    fn picture(&self) -> &Array3<f32>;

    /// Moves the numbers a step of `optimizer` along the `gradient` [3, H, W] with respect to the picture, and makes the picture again; the
    /// gradient is used up.
    fn climb(&mut self, optimizer: &mut Optimizer, gradient: &mut Array3<f32>);

    /// The picture when nothing is changed any more.
    fn finished(&self) -> Array3<f32> {
        self.picture().clone()
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
    fn picture(&self) -> &Array3<f32> {
        &self.0
    }

    /// Levels beyond black and white are brought back.
    fn climb(&mut self, optimizer: &mut Optimizer, gradient: &mut Array3<f32>) {
        optimizer.step(in_order_mut(&mut self.0), in_order(gradient));
        self.0.mapv_inplace(|level| level.clamp(0.0, WHITE));
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
    /// The last gradient with respect to them.
    slopes: Vec<f32>,
    picture: Array3<f32>,
}

impl Waves {
    /// Coefficients from normal `noise`, of which a frequency f counts with `1 / f^power`.
    pub fn noise(size: (usize, usize), noise: f32, power: f32, random: &mut impl Rng) -> Self {
        let fourier = Fourier::new(size, power);
        let coefficient = || {
            let normal: f32 = StandardNormal.sample(random);
            noise * normal
        };
        let coefficients = std::iter::repeat_with(coefficient).take(fourier.coefficients()).collect();
        Self::new(fourier, coefficients)
    }

    /// The picture that `coefficients` make.
    pub fn new(fourier: Fourier, coefficients: Vec<f32>) -> Self {
        let (height, width) = fourier.size();
        let (slopes, picture) = (vec![0.0; coefficients.len()], Array3::zeros((3, height, width)));
        let mut waves = Self { fourier, coefficients, slopes, picture };
        waves.paint();
        waves
    }

    /// The gradient with respect to the coefficients, from the `gradient` [3, H, W] with respect to the picture, which is changed.
    pub fn pull_back(&mut self, gradient: &mut Array3<f32>) -> &[f32] {
        multiply_by_slope(in_order_mut(gradient), in_order(&self.picture));
        color::pull_back(gradient);
        self.fourier.pull_back(gradient, &mut self.slopes);
        &self.slopes
    }

    fn paint(&mut self) {
        self.fourier.synthesize(&self.coefficients, &mut self.picture);
        color::correlate(&mut self.picture);
        squash(in_order_mut(&mut self.picture));
    }
}

impl Canvas for Waves {
    fn picture(&self) -> &Array3<f32> {
        &self.picture
    }

    fn climb(&mut self, optimizer: &mut Optimizer, gradient: &mut Array3<f32>) {
        self.pull_back(gradient);
        optimizer.step(&mut self.coefficients, &self.slopes);
        self.paint();
    }
}

/// Brings any number between black and white, as the sigmoid does: `255 / (1 + e^-x)`.
#[multiversion(targets("x86_64+avx2"))]
fn squash(numbers: &mut [f32]) {
    for number in numbers {
        *number = WHITE / (1.0 + exp(-*number));
    }
}

/// Multiplies the `gradient` by the sigmoid's derivative, which follows from its value.
#[multiversion(targets("x86_64+avx2"))]
fn multiply_by_slope(gradient: &mut [f32], levels: &[f32]) {
    for (gradient, level) in gradient.iter_mut().zip(levels) {
        *gradient *= level * (1.0 - level / WHITE);
    }
}
