//! What keeps a picture calm: losses that are subtracted from what is maximised, as in keras-vis.

use ndarray::{Array3, ArrayView2, ArrayViewMut2};

use super::canvas::GREY;

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
        let (largest, sum) = self.sum(picture);
        self.weight * largest * sum.powf(1.0 / self.power) / picture.len() as f32
    }

    /// Adds the loss's negative gradient to `gradient`.
    pub fn descend(self, picture: &Array3<f32>, gradient: &mut Array3<f32>) {
        let (largest, sum) = self.sum(picture);
        if self.weight == 0.0 || largest == 0.0 {
            return;
        }
        let factor = self.weight * sum.powf(1.0 / self.power - 1.0) / picture.len() as f32;
        gradient.zip_mut_with(picture, |gradient, level| {
            let distance = (level - GREY) / largest;
            // Grey is where the norm has its minimum, and with power 1 a kink.
            if distance != 0.0 {
                *gradient -= factor * distance.signum() * distance.abs().powf(self.power - 1.0);
            }
        });
    }

    /// The largest distance from grey, and the sum of the distances' powers in units of it, so that no power is too large.
    fn sum(self, picture: &Array3<f32>) -> (f32, f32) {
        let distance = |level: &f32| (level - GREY).abs();
        let largest = picture.iter().map(distance).fold(0.0, f32::max);
        let unit = largest.max(f32::MIN_POSITIVE);
        (largest, picture.iter().map(|level| (distance(level) / unit).powf(self.power)).sum())
    }
}

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
        let mut sum = 0.0;
        for channel in picture.outer_iter() {
            steps(&channel, |_, across, down| sum += (across * across + down * down).powf(self.power / 2.0));
        }
        self.weight * sum / picture.len() as f32
    }

    /// Adds the loss's negative gradient to `gradient`.
    pub fn descend(self, picture: &Array3<f32>, gradient: &mut Array3<f32>) {
        let factor = self.weight * self.power / picture.len() as f32;
        if factor == 0.0 {
            return;
        }
        for (channel, mut gradient) in picture.outer_iter().zip(gradient.outer_iter_mut()) {
            steps(&channel, |place, across, down| self.descend_at(place, (across, down), factor, &mut gradient));
        }
    }

    fn descend_at(
        self,
        (row, column): (usize, usize),
        (across, down): (f32, f32),
        factor: f32,
        gradient: &mut ArrayViewMut2<'_, f32>,
    ) {
        let square = across * across + down * down;
        if square > 0.0 {
            let factor = factor * square.powf(self.power / 2.0 - 1.0);
            gradient[[row, column + 1]] -= factor * across;
            gradient[[row + 1, column]] -= factor * down;
            gradient[[row, column]] += factor * (across + down);
        }
    }
}

/// Calls `visit` with each place that has neighbours to the right and below, and the differences from them.
fn steps(channel: &ArrayView2<'_, f32>, mut visit: impl FnMut((usize, usize), f32, f32)) {
    let (height, width) = channel.dim();
    for row in 0..height - 1 {
        for column in 0..width - 1 {
            let level = channel[[row, column]];
            visit((row, column), channel[[row, column + 1]] - level, channel[[row + 1, column]] - level);
        }
    }
}
