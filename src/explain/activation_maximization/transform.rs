//! Random shifts, turns and changes of scale, which keep a picture from exploiting single pixels.

use ndarray::Array3;
use rand::{Rng, RngExt};

use super::{in_order, in_order_mut, sampling::Sampling};

/// How far each transform goes at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transforms {
    /// A shift, as a share of the picture's side.
    pub jitter: f32,
    /// By how much the picture grows or shrinks: 0.1 for 0.9 to 1.1 times its size.
    pub scale: f32,
    /// A turn about the middle, in degrees.
    pub rotate: f32,
}

/// One shift, turn and change of scale of a picture whose opposite edges touch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Transform {
    /// A shift by whole pixels, down and right.
    Shift(usize, usize),
    /// Any other.
    Sampling(Sampling),
}

impl Transforms {
    /// A transform drawn evenly from all that are allowed, for pictures of `height` x `width`; shifts go by whole pixels.
    pub fn draw(&self, (height, width): (usize, usize), random: &mut impl Rng) -> Transform {
        let mut shift = |side: usize| {
            let most = (self.jitter * side as f32) as i32;
            random.random_range(-most..=most)
        };
        let shift = (shift(height), shift(width));
        let mut within = |most: f32| random.random_range(-most..=most);
        let (scale, angle) = (1.0 + within(self.scale), within(self.rotate));
        Transform::new((height, width), shift, scale, angle)
    }
}

impl Transform {
    /// Shifts pictures of `height` x `width` by `(down, across)` pixels, after scaling and turning them about the middle by
    /// `angle` degrees clockwise.
    fn new((height, width): (usize, usize), (down, across): (i32, i32), scale: f32, angle: f32) -> Self {
        if (scale, angle) == (1.0, 0.0) {
            let wrap = |shift: i32, side: usize| shift.rem_euclid(side as i32) as usize;
            return Self::Shift(wrap(down, height), wrap(across, width));
        }
        Self::Sampling(Sampling::new((height, width), (down as f32, across as f32), scale, angle))
    }

    /// Writes the `picture` [3, H, W], transformed, to `transformed`, which has the same size.
    pub fn apply(&self, picture: &Array3<f32>, transformed: &mut Array3<f32>) {
        match self {
            &Self::Shift(down, across) => roll(picture, (down, across), transformed),
            Self::Sampling(sampling) => sampling.apply(picture, transformed),
        }
    }

    /// Writes the gradient with respect to the picture to `pulled`, from the `gradient` [3, H, W] with respect to the transformed one.
    pub fn pull_back(&self, gradient: &Array3<f32>, pulled: &mut Array3<f32>) {
        match self {
            &Self::Shift(down, across) => {
                let (_, height, width) = gradient.dim();
                roll(gradient, ((height - down) % height, (width - across) % width), pulled);
            }
            Self::Sampling(sampling) => sampling.pull_back(gradient, pulled),
        }
    }
}

/// Writes `values` [3, H, W] shifted `down` and `across` around the edges, by less than their height and width, to `rolled`.
fn roll(values: &Array3<f32>, (down, across): (usize, usize), rolled: &mut Array3<f32>) {
    let (_, height, width) = values.dim();
    let channels = in_order(values).chunks_exact(height * width);
    for (channel, rolled) in channels.zip(in_order_mut(rolled).chunks_exact_mut(height * width)) {
        let (rows, last_rows) = channel.split_at((height - down) * width);
        let rows = last_rows.chunks_exact(width).chain(rows.chunks_exact(width));
        for (row, rolled) in rows.zip(rolled.chunks_exact_mut(width)) {
            let (left, right) = row.split_at(width - across);
            rolled[..across].copy_from_slice(right);
            rolled[across..].copy_from_slice(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr3;

    use super::*;

    /// One channel transformed, in all three.
    fn turned<const H: usize, const W: usize>(
        channel: [[f32; W]; H],
        shift: (i32, i32),
        scale: f32,
        angle: f32,
    ) -> Array3<f32> {
        let mut moved = arr3(&[channel; 3]);
        Transform::new((H, W), shift, scale, angle).apply(&moved.clone(), &mut moved);
        moved.mapv(|level| (level * 1e3).round() / 1e3)
    }

    #[test]
    fn a_quarter_turn_goes_clockwise_and_a_shift_down_and_right_around_the_edges() {
        let picture = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]];
        let clockwise = [[7.0, 4.0, 1.0], [8.0, 5.0, 2.0], [9.0, 6.0, 3.0]];
        assert_eq!(turned(picture, (0, 0), 1.0, 90.0), arr3(&[clockwise; 3]));
        let shifted = [[8.0, 9.0, 7.0], [2.0, 3.0, 1.0], [5.0, 6.0, 4.0]];
        assert_eq!(turned(picture, (1, 2), 1.0, 0.0), arr3(&[shifted; 3]));
        // By a whole turn, not by whole pixels.
        assert_eq!(turned(picture, (1, 2), 1.0, 360.0), arr3(&[shifted; 3]));
    }

    #[test]
    fn a_larger_scale_enlarges_the_middle() {
        assert_eq!(turned([[0.0, 10.0, 20.0]], (0, 0), 2.0, 0.0), arr3(&[[[5.0, 10.0, 15.0]]; 3]));
    }
}
