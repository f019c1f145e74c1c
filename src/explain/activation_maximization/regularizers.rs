//! What keeps a picture calm: losses that are subtracted from what is maximised, as in keras-vis.

use ndarray::{Array3, ArrayView2, Zip, s};

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
        let largest = largest(picture);
        self.weight * largest * self.sum(picture, largest).powf(1.0 / self.power) / picture.len() as f32
    }

    /// Adds the loss's negative gradient to `gradient`.
    pub fn descend(self, picture: &Array3<f32>, gradient: &mut Array3<f32>) {
        let largest = largest(picture);
        if self.weight == 0.0 || largest == 0.0 {
            return;
        }
        let distances = distances(picture, largest);
        let mut slopes = distances.clone();
        raise(slopes.as_slice_mut().unwrap_or_default(), self.power - 1.0);
        let sum = slopes.flatten().dot(&distances.flatten());
        let factor = self.weight * sum.powf(1.0 / self.power - 1.0) / picture.len() as f32;
        Zip::from(gradient).and(picture).and(&slopes).for_each(|gradient, &level, &slope| {
            // Grey is where the norm has its minimum, and with power 1 a kink.
            let sign = if level == GREY { 0.0 } else { (level - GREY).signum() };
            *gradient -= factor * sign * slope;
        });
    }

    /// The sum of the powers of the distances from grey in units of the `largest`.
    fn sum(self, picture: &Array3<f32>, largest: f32) -> f32 {
        let mut distances = distances(picture, largest.max(f32::MIN_POSITIVE));
        raise(distances.as_slice_mut().unwrap_or_default(), self.power);
        distances.sum()
    }
}

/// The levels' distances from grey in units of the `largest`, so that no power is too large.
fn distances(picture: &Array3<f32>, largest: f32) -> Array3<f32> {
    picture.mapv(|level| (level - GREY).abs() / largest)
}

/// The largest distance of a level from grey.
fn largest(picture: &Array3<f32>) -> f32 {
    picture.fold(0.0, |largest: f32, level| largest.max((level - GREY).abs()))
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
            for_each_row(&channel, |_, [across, down]| {
                sum += raised_squares(across, down, self.power / 2.0).iter().sum::<f32>();
            });
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
            for_each_row(&channel, |row, [across, down]| {
                let mut slopes = raised_squares(across, down, self.power / 2.0 - 1.0);
                // Where both differences are 0, so is the gradient, whatever the power.
                for slope in &mut slopes {
                    *slope = if slope.is_finite() { factor * *slope } else { 0.0 };
                }
                let (mut here, mut below) = gradient.multi_slice_mut((s![row, ..], s![row + 1, ..-1]));
                let pull = |level: &mut f32, slope: &f32, difference: &f32| *level -= slope * difference;
                Zip::from(here.slice_mut(s![1..])).and(&slopes).and(across).for_each(pull);
                Zip::from(&mut below).and(&slopes).and(down).for_each(pull);
                let push = |level: &mut f32, slope: &f32, across: &f32, down: &f32| *level += slope * (across + down);
                Zip::from(here.slice_mut(s![..-1])).and(&slopes).and(across).and(down).for_each(push);
            });
        }
    }
}

/// Calls `visit` with each row that has one below, and the differences of its levels, but for the last, from those to the right and below.
fn for_each_row(channel: &ArrayView2<'_, f32>, mut visit: impl FnMut(usize, [&[f32]; 2])) {
    let rows = channel.outer_iter().zip(channel.outer_iter().skip(1));
    for (index, (row, below)) in rows.enumerate() {
        let (left, right) = (row.slice(s![..-1]), row.slice(s![1..]));
        let (across, down) = (&right - &left, &below.slice(s![..-1]) - &left);
        visit(index, [&across, &down].map(|differences| differences.as_slice().unwrap_or_default()));
    }
}

/// `(across^2 + down^2)^exponent`.
fn raised_squares(across: &[f32], down: &[f32], exponent: f32) -> Vec<f32> {
    let mut squares: Vec<f32> = across.iter().zip(down).map(|(across, down)| across * across + down * down).collect();
    raise(&mut squares, exponent);
    squares
}

/// Raises each of `bases`, none below 0, to the power of `exponent`.
///
/// Exponents that are whole numbers of eighths, as they mostly are, take up to three square roots and a few multiplications, which the
/// compiler does for several numbers at once.
fn raise(bases: &mut [f32], exponent: f32) {
    let whole = |&roots: &i32| (exponent * (1 << roots) as f32).fract() == 0.0;
    let Some(roots) = (0..=3).find(whole).filter(|roots| exponent.abs() * (1 << roots) as f32 <= MOST_FACTORS) else {
        for base in bases {
            *base = base.powf(exponent);
        }
        return;
    };
    let factors = (exponent * (1 << roots) as f32) as i32;
    for bases in bases.chunks_mut(NEAR) {
        for _ in 0..roots {
            for base in &mut *bases {
                *base = base.sqrt();
            }
        }
        let mut powers = [1.0; NEAR];
        for _ in 0..factors.abs() {
            powers.iter_mut().zip(&*bases).for_each(|(power, base)| *power *= base);
        }
        let inverse = factors < 0;
        for (base, power) in bases.iter_mut().zip(powers) {
            *base = if inverse { 1.0 / power } else { power };
        }
    }
}

/// The most multiplications that are quicker than a power.
const MOST_FACTORS: f32 = 16.0;
/// So many numbers stay near the processor while they are multiplied again and again.
const NEAR: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_raises_as_the_slow_one() {
        let bases = [0.0, 1e-8, 0.02, 0.3, 1.0, 7.5, 6e4];
        for exponent in [-1.5, -0.375, 0.0, 0.125, 0.3, 0.625, 1.0, 5.0, 6.0, 17.0] {
            let mut raised = bases;
            raise(&mut raised, exponent);
            for (base, raised) in bases.into_iter().zip(raised) {
                let expected = f64::from(base).powf(f64::from(exponent)) as f32;
                // Below the least normal number, single precision has steps of 1.4e-45.
                let near = (raised - expected).abs() <= (2e-6 * expected).max(3e-45);
                let both_infinite = raised.is_infinite() && expected.is_infinite();
                assert!(near || both_infinite, "{base}^{exponent} is {expected}, not {raised}");
            }
        }
    }
}
