//! Pictures as sums of waves.

use std::{fmt, sync::Arc};

use multiversion::multiversion;
use ndarray::Array3;
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use transpose::transpose;

use super::in_order;

/// How many channels a picture has.
const CHANNELS: usize = 3;

/// The inverse discrete Fourier transform of real pictures [3, H, W], with a weight for each frequency.
///
/// Coefficients are given for half of the frequencies, [3, W / 2 + 1, H, 2] with real and imaginary part: the other half are
/// their conjugates.
pub(super) struct Fourier {
    size: (usize, usize),
    /// What a coefficient counts for, [W / 2 + 1, H].
    weights: Vec<f32>,
    forward: Axes,
    inverse: Axes,
}

/// The transforms along the columns, and along the rows.
struct Axes {
    columns: Arc<dyn Fft<f32>>,
    rows: Arc<dyn Fft<f32>>,
}

impl fmt::Debug for Fourier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fourier").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Fourier {
    /// The transform to pictures of `height` x `width`, where a frequency f counts with `1 / f^power`.
    pub fn new((height, width): (usize, usize), power: f32) -> Self {
        let mut planner = FftPlanner::new();
        let forward = Axes { columns: planner.plan_fft_forward(height), rows: planner.plan_fft_forward(width) };
        let inverse = Axes { columns: planner.plan_fft_inverse(height), rows: planner.plan_fft_inverse(width) };
        Self { size: (height, width), weights: weights((height, width), power), forward, inverse }
    }

    /// How many numbers the coefficients are.
    pub fn coefficients(&self) -> usize {
        2 * CHANNELS * self.weights.len()
    }

    /// The picture that `coefficients` make.
    pub fn synthesize(&self, coefficients: &[f32]) -> Array3<f32> {
        let (height, width) = self.size;
        let mut levels = Vec::with_capacity(CHANNELS * height * width);
        let mut waves = vec![Complex::default(); self.weights.len()];
        let mut starts = waves.clone();
        let mut rows = vec![Complex::default(); height * width];
        let mut scratch = self.inverse.scratch();
        for coefficients in coefficients.chunks_exact(2 * self.weights.len()) {
            weigh(coefficients, &self.weights, &mut waves);
            self.inverse.columns.process_with_scratch(&mut waves, &mut scratch);
            transpose(&waves, &mut starts, height, columns(width));
            for (row, start) in rows.chunks_exact_mut(width).zip(starts.chunks_exact(columns(width))) {
                let (to, others) = row.split_at_mut(start.len());
                to.copy_from_slice(start);
                others.fill(Complex::default());
            }
            self.inverse.rows.process_with_scratch(&mut rows, &mut scratch);
            levels.extend(rows.iter().map(|sum| sum.re));
        }
        Array3::from_shape_vec((CHANNELS, height, width), levels).unwrap_or_default()
    }

    /// The gradient with respect to the coefficients, from the `gradient` [3, H, W] with respect to the picture.
    pub fn pull_back(&self, gradient: &Array3<f32>) -> Vec<f32> {
        let (height, width) = self.size;
        let mut pulled = vec![0.0; self.coefficients()];
        let mut waves = vec![Complex::default(); self.weights.len()];
        let mut starts = Vec::with_capacity(waves.len());
        let mut rows = Vec::with_capacity(height * width);
        let mut scratch = self.forward.scratch();
        let channels = in_order(gradient).chunks_exact(height * width);
        for (channel, pulled) in channels.zip(pulled.chunks_exact_mut(2 * self.weights.len())) {
            rows.clear();
            rows.extend(channel.iter().map(|&slope| Complex::new(slope, 0.0)));
            self.forward.rows.process_with_scratch(&mut rows, &mut scratch);
            starts.clear();
            for row in rows.chunks_exact(width) {
                starts.extend_from_slice(&row[..columns(width)]);
            }
            transpose(&starts, &mut waves, columns(width), height);
            self.forward.columns.process_with_scratch(&mut waves, &mut scratch);
            pull_back_weighing(&waves, &self.weights, pulled);
        }
        pulled
    }
}

impl Axes {
    /// Memory that transforms along both axes need.
    fn scratch(&self) -> Vec<Complex<f32>> {
        let numbers = self.columns.get_inplace_scratch_len().max(self.rows.get_inplace_scratch_len());
        vec![Complex::default(); numbers]
    }
}

/// How many columns of coefficients pictures of this `width` have.
fn columns(width: usize) -> usize {
    width / 2 + 1
}

/// The waves of `coefficients`, two for each, multiplied by the `weights`.
#[multiversion(targets("x86_64+avx2"))]
fn weigh(coefficients: &[f32], weights: &[f32], waves: &mut [Complex<f32>]) {
    let (pairs, _) = coefficients.as_chunks::<2>();
    for ((wave, [re, im]), weight) in waves.iter_mut().zip(pairs).zip(weights) {
        *wave = Complex::new(re * weight, im * weight);
    }
}

/// The gradient with respect to the coefficients from that with respect to the `waves`.
#[multiversion(targets("x86_64+avx2"))]
fn pull_back_weighing(waves: &[Complex<f32>], weights: &[f32], gradient: &mut [f32]) {
    let (pairs, _) = gradient.as_chunks_mut::<2>();
    for ((pair, wave), weight) in pairs.iter_mut().zip(waves).zip(weights) {
        *pair = [wave.re * weight, wave.im * weight];
    }
}

/// What each coefficient counts for, [W / 2 + 1, H], as in lucid: `sqrt(H W) / (4 H W) / f^power`, where the frequency f is in
/// waves a pixel and at least one wave in the longer side; twice that where the conjugate is another frequency.
fn weights((height, width): (usize, usize), power: f32) -> Vec<f32> {
    let pixels = (height * width) as f32;
    let lowest = 1.0 / height.max(width) as f32;
    let weight = |across: usize, down: usize| {
        let conjugates = if across == 0 || 2 * across == width { 1.0 } else { 2.0 };
        let (across, down) = (across as f32 / width as f32, down.min(height - down) as f32 / height as f32);
        conjugates / (4.0 * pixels.sqrt()) / across.hypot(down).max(lowest).powf(power)
    };
    (0..columns(width))
        .flat_map(|across| (0..height).map(move |down| (across, down)))
        .map(|(x, y)| weight(x, y))
        .collect()
}
