//! Pictures as sums of waves.

use std::{fmt, sync::Arc};

use ndarray::Array3;
use rustfft::{Fft, FftPlanner, num_complex::Complex};

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
        let mut picture = Array3::zeros((CHANNELS, height, width));
        let channels = coefficients.chunks_exact(2 * self.weights.len());
        for (coefficients, mut channel) in channels.zip(picture.outer_iter_mut()) {
            let (pairs, _) = coefficients.as_chunks::<2>();
            let weighted =
                pairs.iter().zip(&self.weights).map(|([re, im], weight)| Complex::new(re * weight, im * weight));
            let mut waves: Vec<_> = weighted.collect();
            self.inverse.columns.process(&mut waves);
            let mut rows = vec![Complex::default(); height * width];
            for (across, column) in waves.chunks_exact(height).enumerate() {
                rows.chunks_exact_mut(width).zip(column).for_each(|(row, wave)| row[across] = *wave);
            }
            self.inverse.rows.process(&mut rows);
            channel.iter_mut().zip(rows).for_each(|(level, sum)| *level = sum.re);
        }
        picture
    }

    /// The gradient with respect to the coefficients, from the `gradient` [3, H, W] with respect to the picture.
    pub fn pull_back(&self, gradient: &Array3<f32>) -> Vec<f32> {
        let (_, width) = self.size;
        let mut pulled = Vec::with_capacity(self.coefficients());
        for channel in gradient.outer_iter() {
            let mut rows: Vec<_> = channel.iter().map(|&slope| Complex::new(slope, 0.0)).collect();
            self.forward.rows.process(&mut rows);
            let columns = 0..=width / 2;
            let mut waves: Vec<_> =
                columns.flat_map(|across| rows.chunks_exact(width).map(move |row| row[across])).collect();
            self.forward.columns.process(&mut waves);
            pulled.extend(
                waves.iter().zip(&self.weights).flat_map(|(wave, weight)| [wave.re * weight, wave.im * weight]),
            );
        }
        pulled
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
    (0..=width / 2).flat_map(|across| (0..height).map(move |down| (across, down))).map(|(x, y)| weight(x, y)).collect()
}
