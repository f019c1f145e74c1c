//! What keeps a picture calm: a loss that is subtracted from what is maximised, as in keras-vis.

use multiversion::multiversion;
use ndarray::Array3;

use super::{in_order, in_order_mut, power::raise};

/// How much differences between neighbours cost: `weight * sum (dx^2 + dy^2)^(power / 2) / n`, where dx and dy are a level's
/// differences from the next one to the right and below, and n is the number of levels.
///
/// Mahendran and Vedaldi, "Visualizing deep convolutional neural networks using natural pre-images", 2015.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TotalVariation {
    /// What the variation counts for.
    pub weight: f32,
    /// Beta, at least 1.
    pub power: f32,
}

impl TotalVariation {
    /// The loss of `picture` [3, H, W].
    pub fn loss(self, picture: &Array3<f32>) -> f32 {
        let (_, height, width) = picture.dim();
        let mut powers = vec![0.0; width - 1];
        let mut sum = 0.0;
        for levels in in_order(picture).chunks_exact(height * width) {
            for rows in levels.windows(2 * width).step_by(width) {
                squares(rows.split_at(width), &mut powers);
                raise(&mut powers, self.power / 2.0);
                sum += powers.iter().sum::<f32>();
            }
        }
        self.weight * sum / picture.len() as f32
    }

    /// Adds the loss's negative gradient to `gradient`.
    pub fn descend(self, picture: &Array3<f32>, gradient: &mut Array3<f32>) {
        let factor = self.weight * self.power / picture.len() as f32;
        if factor == 0.0 {
            return;
        }
        let (_, height, width) = picture.dim();
        let mut slopes = vec![0.0; width - 1];
        let channels = in_order(picture).chunks_exact(height * width);
        for (levels, gradient) in channels.zip(in_order_mut(gradient).chunks_exact_mut(height * width)) {
            for (row, levels) in levels.windows(2 * width).step_by(width).enumerate() {
                let levels = levels.split_at(width);
                squares(levels, &mut slopes);
                raise(&mut slopes, self.power / 2.0 - 1.0);
                descend(levels, &slopes, factor, gradient[row * width..][..2 * width].split_at_mut(width));
            }
        }
    }
}

/// `dx^2 + dy^2` for the levels of a `row` but the last, which has none to its right.
#[multiversion(targets("x86_64+avx2"))]
fn squares((row, below): (&[f32], &[f32]), squares: &mut [f32]) {
    for (((square, level), right), below) in squares.iter_mut().zip(row).zip(&row[1..]).zip(below) {
        let (across, down) = (right - level, below - level);
        *square = across * across + down * down;
    }
}

/// Moves each level and its two neighbours towards each other, by their differences times `factor` and the level's slope.
#[multiversion(targets("x86_64+avx2"))]
fn descend((row, below): (&[f32], &[f32]), slopes: &[f32], factor: f32, (here, under): (&mut [f32], &mut [f32])) {
    // Where both differences are 0, so is the gradient, whatever the power.
    let pull = |slope: &f32| if slope.is_finite() { factor * slope } else { 0.0 };
    let levels = || slopes.iter().map(pull).zip(row).zip(&row[1..]).zip(below);
    for ((((slope, level), right), below), (here, under)) in levels().zip(here.iter_mut().zip(under)) {
        *here += slope * ((right - level) + (below - level));
        *under -= slope * (below - level);
    }
    for ((((slope, level), right), _), right_here) in levels().zip(&mut here[1..]) {
        *right_here -= slope * (right - level);
    }
}
