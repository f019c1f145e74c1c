//! Pictures as sums of waves.

use std::{fmt, sync::Arc};

use multiversion::multiversion;
use ndarray::Array3;
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use transpose::transpose;

use super::{in_order, in_order_mut};

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
    steps: Steps,
}

/// What a channel goes through between coefficients and pixels; kept, since new memory takes time.
struct Steps {
    /// The waves along the columns, [W / 2 + 1, H].
    waves: Vec<Complex<f32>>,
    /// The same, turned: the starts of the rows' spectra, [H, W / 2 + 1], and one more where H is odd, so that rows go in pairs.
    starts: Vec<Complex<f32>>,
    /// The real rows, two in one of complex numbers, which halves the work: W numbers for each pair.
    pairs: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
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
        let steps = Steps::new((height, width), [&forward, &inverse]);
        Self { size: (height, width), weights: weights((height, width), power), forward, inverse, steps }
    }

    /// The height and width of its pictures.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// How many numbers the coefficients are.
    pub fn coefficients(&self) -> usize {
        2 * CHANNELS * self.weights.len()
    }

    /// Writes the picture that `coefficients` make to `picture` [3, H, W].
    pub fn synthesize(&mut self, coefficients: &[f32], picture: &mut Array3<f32>) {
        let (height, width) = self.size;
        let Steps { waves, starts, pairs, scratch } = &mut self.steps;
        let channels = in_order_mut(picture).chunks_exact_mut(height * width);
        for (coefficients, channel) in coefficients.chunks_exact(2 * self.weights.len()).zip(channels) {
            weigh(coefficients, &self.weights, waves);
            self.inverse.columns.process_with_scratch(waves, scratch);
            transpose(waves, &mut starts[..waves.len()], height, columns(width));
            for (pair, starts) in pairs.chunks_exact_mut(width).zip(starts.chunks_exact(2 * columns(width))) {
                join_spectra(starts.split_at(columns(width)), pair);
            }
            self.inverse.rows.process_with_scratch(pairs, scratch);
            for (pair, rows) in pairs.chunks_exact(width).zip(channel.chunks_mut(2 * width)) {
                part_rows(pair, rows);
            }
        }
    }

    /// Writes the gradient with respect to the coefficients to `pulled`, from the `gradient` [3, H, W] with respect to the picture.
    pub fn pull_back(&mut self, gradient: &Array3<f32>, pulled: &mut [f32]) {
        let (height, width) = self.size;
        let Steps { waves, starts, pairs, scratch } = &mut self.steps;
        let channels = in_order(gradient).chunks_exact(height * width);
        for (channel, pulled) in channels.zip(pulled.chunks_exact_mut(2 * self.weights.len())) {
            for (pair, rows) in pairs.chunks_exact_mut(width).zip(channel.chunks(2 * width)) {
                join_rows(rows, pair);
            }
            self.forward.rows.process_with_scratch(pairs, scratch);
            for (pair, starts) in pairs.chunks_exact(width).zip(starts.chunks_exact_mut(2 * columns(width))) {
                part_spectra(pair, starts.split_at_mut(columns(width)));
            }
            transpose(&starts[..waves.len()], waves, columns(width), height);
            self.forward.columns.process_with_scratch(waves, scratch);
            pull_back_weighing(waves, &self.weights, pulled);
        }
    }
}

impl Steps {
    fn new((height, width): (usize, usize), plans: [&Axes; 2]) -> Self {
        let zeros = |count| vec![Complex::default(); count];
        let plans = plans.into_iter().flat_map(|axes| [&axes.columns, &axes.rows]);
        let scratch = plans.map(|plan| plan.get_inplace_scratch_len()).max().unwrap_or_default();
        let (half, pairs) = (columns(width), height.div_ceil(2));
        Self {
            waves: zeros(half * height),
            starts: zeros(2 * half * pairs),
            pairs: zeros(pairs * width),
            scratch: zeros(scratch),
        }
    }
}

/// How many columns of coefficients pictures of this `width` have.
fn columns(width: usize) -> usize {
    width / 2 + 1
}

/// Writes the spectrum of a real row plus i times another, `W` numbers, from the starts of their own spectra, `W / 2 + 1` each, whose other
/// halves are the conjugates.
#[multiversion(targets("x86_64+avx2"))]
fn join_spectra((first, second): (&[Complex<f32>], &[Complex<f32>]), pair: &mut [Complex<f32>]) {
    let half = pair.len() / 2;
    let (to, mirrored) = pair.split_at_mut(half + 1);
    for ((to, first), second) in to.iter_mut().zip(first).zip(second) {
        *to = Complex::new(first.re - second.im, first.im + second.re);
    }
    for ((to, first), second) in mirrored.iter_mut().rev().zip(&first[1..]).zip(&second[1..]) {
        *to = Complex::new(first.re + second.im, second.re - first.im);
    }
    // A frequency that is its own mirror image is real.
    to[0] = Complex::new(first[0].re, second[0].re);
    if 2 * half == pair.len() {
        pair[half] = Complex::new(first[half].re, second[half].re);
    }
}

/// Writes the starts of two real rows' spectra from that of the first plus i times the second; twice as large, but for the frequencies
/// that are their own mirror images, since all others stand for two.
#[multiversion(targets("x86_64+avx2"))]
fn part_spectra(pair: &[Complex<f32>], (first, second): (&mut [Complex<f32>], &mut [Complex<f32>])) {
    let half = pair.len() / 2;
    let (from, mirrored) = pair.split_at(half + 1);
    let numbers = from[1..].iter().zip(mirrored.iter().rev());
    for ((first, second), (number, mirrored)) in first[1..].iter_mut().zip(&mut second[1..]).zip(numbers) {
        *first = Complex::new(number.re + mirrored.re, number.im - mirrored.im);
        *second = Complex::new(number.im + mirrored.im, mirrored.re - number.re);
    }
    let real = |number: Complex<f32>| (Complex::new(number.re, 0.0), Complex::new(number.im, 0.0));
    (first[0], second[0]) = real(pair[0]);
    if 2 * half == pair.len() {
        (first[half], second[half]) = real(pair[half]);
    }
}

/// Makes one row of complex numbers from two of real ones, the second of which may be missing.
#[multiversion(targets("x86_64+avx2"))]
fn join_rows(rows: &[f32], pair: &mut [Complex<f32>]) {
    let (first, second) = rows.split_at(pair.len());
    if second.is_empty() {
        pair.iter_mut().zip(first).for_each(|(pair, first)| *pair = Complex::new(*first, 0.0));
    }
    for ((pair, first), second) in pair.iter_mut().zip(first).zip(second) {
        *pair = Complex::new(*first, *second);
    }
}

/// The other way.
#[multiversion(targets("x86_64+avx2"))]
fn part_rows(pair: &[Complex<f32>], rows: &mut [f32]) {
    let (first, second) = rows.split_at_mut(pair.len());
    first.iter_mut().zip(pair).for_each(|(first, pair)| *first = pair.re);
    second.iter_mut().zip(pair).for_each(|(second, pair)| *second = pair.im);
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
/// waves a pixel and at least one wave in the longer side.
fn weights((height, width): (usize, usize), power: f32) -> Vec<f32> {
    let pixels = (height * width) as f32;
    let lowest = 1.0 / height.max(width) as f32;
    let weight = |across: usize, down: usize| {
        let (across, down) = (across as f32 / width as f32, down.min(height - down) as f32 / height as f32);
        1.0 / (4.0 * pixels.sqrt()) / across.hypot(down).max(lowest).powf(power)
    };
    (0..columns(width))
        .flat_map(|across| (0..height).map(move |down| (across, down)))
        .map(|(x, y)| weight(x, y))
        .collect()
}
