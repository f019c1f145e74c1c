//! What keeps a picture's levels from extremes: a loss that is subtracted from what is maximised, as in keras-vis.

use multiversion::multiversion;
use ndarray::Array3;

use super::{
    canvas::GREY,
    in_order, in_order_mut,
    lanes::{dot, farthest},
    power::raise,
};

/// How much extreme levels cost: `weight * (sum |x|^power)^(1 / power) / n`, where x is a level's distance from grey and n the
/// number of levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LpNorm {
    /// What the norm counts for.
    pub weight: f32,
    /// p, at least 1.
    pub power: f32,
}

impl LpNorm {
    /// The loss of `picture` [3, H, W].
    pub fn loss(self, picture: &Array3<f32>) -> f32 {
        let largest = farthest(in_order(picture), GREY);
        let (_, sum) = self.slopes(in_order(picture), largest.max(f32::MIN_POSITIVE));
        self.weight * largest * sum.powf(1.0 / self.power) / picture.len() as f32
    }

    /// Adds the loss's negative gradient to `gradient`.
    pub fn descend(self, picture: &Array3<f32>, gradient: &mut Array3<f32>) {
        if self.weight == 0.0 {
            return;
        }
        let levels = in_order(picture);
        let largest = farthest(levels, GREY);
        if largest == 0.0 {
            return;
        }
        let (slopes, sum) = self.slopes(levels, largest);
        let factor = self.weight * sum.powf(1.0 / self.power - 1.0) / picture.len() as f32;
        descend(levels, &slopes, factor, in_order_mut(gradient));
    }

    /// `|x|^(power - 1)` of each level, and the sum of all `|x|^power`, with x in units of the `largest`, so that no power is too large.
    fn slopes(self, levels: &[f32], largest: f32) -> (Vec<f32>, f32) {
        let mut slopes = Vec::with_capacity(levels.len());
        let mut sum = 0.0;
        let mut distances = [0.0; NEAR];
        for levels in levels.chunks(NEAR) {
            let distances = &mut distances[..levels.len()];
            measure(levels, largest, distances);
            let start = slopes.len();
            slopes.extend_from_slice(distances);
            raise(&mut slopes[start..], self.power - 1.0);
            sum += dot(&slopes[start..], distances);
        }
        (slopes, sum)
    }
}

/// So many numbers stay near the processor from one step to the next.
const NEAR: usize = 1024;

/// The `distances` of levels from grey in units of the `largest`.
#[multiversion(targets("x86_64+avx2"))]
fn measure(levels: &[f32], largest: f32, distances: &mut [f32]) {
    let unit = 1.0 / largest;
    for (distance, level) in distances.iter_mut().zip(levels) {
        *distance = (level - GREY).abs() * unit;
    }
}

/// Subtracts `factor` times the `slopes`, with the sign of a level's distance from grey.
#[multiversion(targets("x86_64+avx2"))]
fn descend(levels: &[f32], slopes: &[f32], factor: f32, gradient: &mut [f32]) {
    for ((level, slope), gradient) in levels.iter().zip(slopes).zip(gradient) {
        let distance = level - GREY;
        // Grey is where the norm has its minimum, and with power 1 a kink.
        let slope = if distance == 0.0 { 0.0 } else { slope.copysign(distance) };
        *gradient -= factor * slope;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_any_size_are_summed_whole() {
        for side in [1, 18, 19, 40] {
            let picture = Array3::from_shape_fn((3, side, side), |(c, y, x)| ((c * 91 + y * 17 + x * 29) % 256) as f32);
            let norm = LpNorm { weight: 10.0, power: 6.0 };
            let distance = |level: &f32| f64::from(level - GREY);
            let length = picture.iter().map(|level| distance(level).powi(6)).sum::<f64>().powf(1.0 / 6.0);
            let factor = 10.0 / picture.len() as f64;
            let loss = factor * length;
            assert!((f64::from(norm.loss(&picture)) / loss - 1.0).abs() < 1e-5);
            let mut gradient = Array3::zeros(picture.dim());
            norm.descend(&picture, &mut gradient);
            for (level, slope) in picture.iter().zip(&gradient) {
                let expected = -factor * (distance(level) / length).powi(5);
                assert!((f64::from(*slope) - expected).abs() < 1e-5 * factor, "{slope} {expected}");
            }
        }
    }
}
