//! Random shifts, turns and changes of scale, which keep a picture from exploiting single pixels.

use ndarray::Array3;
use rand::{Rng, RngExt};

/// How far each transform goes at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transforms {
    /// A shift, as a share of the picture's side.
    pub jitter: f32,
    /// By how much the picture grows or shrinks: 0.1 for 0.9 to 1.1 times its size.
    pub scale: f32,
    /// A turn about the centre, in degrees.
    pub rotate: f32,
}

/// One shift, turn and change of scale of a picture whose opposite edges touch, bilinear between pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transform {
    down: f32,
    across: f32,
    /// The cosine and sine of the turn, each divided by the scale.
    cos: f32,
    sin: f32,
}

impl Transforms {
    /// A transform drawn evenly from all that are allowed, for pictures of `height` x `width`; shifts go by whole pixels.
    pub fn draw(&self, (height, width): (usize, usize), random: &mut impl Rng) -> Transform {
        let mut shift = |side: usize| {
            let most = (self.jitter * side as f32) as i32;
            random.random_range(-most..=most) as f32
        };
        let (down, across) = (shift(height), shift(width));
        let mut within = |most: f32| random.random_range(-most..=most);
        let scale = 1.0 + within(self.scale);
        let (sin, cos) = within(self.rotate).to_radians().sin_cos();
        Transform { down, across, cos: cos / scale, sin: sin / scale }
    }
}

impl Transform {
    /// The `picture` [C, H, W], transformed.
    pub fn apply(&self, picture: &Array3<f32>) -> Array3<f32> {
        let (channels, height, width) = picture.dim();
        let mut transformed = Array3::zeros((channels, height, width));
        for row in 0..height {
            for column in 0..width {
                for ([from_row, from_column], weight) in self.sources(row, column, (height, width)) {
                    for channel in 0..channels {
                        transformed[[channel, row, column]] += weight * picture[[channel, from_row, from_column]];
                    }
                }
            }
        }
        transformed
    }

    /// The gradient with respect to the picture, from the `gradient` [C, H, W] with respect to the transformed one.
    pub fn pull_back(&self, gradient: &Array3<f32>) -> Array3<f32> {
        let (channels, height, width) = gradient.dim();
        let mut pulled = Array3::zeros((channels, height, width));
        for row in 0..height {
            for column in 0..width {
                for ([from_row, from_column], weight) in self.sources(row, column, (height, width)) {
                    for channel in 0..channels {
                        pulled[[channel, from_row, from_column]] += weight * gradient[[channel, row, column]];
                    }
                }
            }
        }
        pulled
    }

    /// The four pixels that the transformed pixel at `row` and `column` is made of, with their weights.
    fn sources(&self, row: usize, column: usize, (height, width): (usize, usize)) -> [([usize; 2], f32); 4] {
        let (middle_row, middle_column) = ((height - 1) as f32 / 2.0, (width - 1) as f32 / 2.0);
        let (y, x) = (row as f32 - middle_row, column as f32 - middle_column);
        let from_y = self.cos * y + self.sin * x + middle_row - self.down;
        let from_x = self.cos * x - self.sin * y + middle_column - self.across;
        let (top, left) = (from_y.floor(), from_x.floor());
        let (lower, right) = (from_y - top, from_x - left);
        let pixel = |below: i32, beside: i32| {
            let row = (top as i32 + below).rem_euclid(height as i32);
            let column = (left as i32 + beside).rem_euclid(width as i32);
            [row as usize, column as usize]
        };
        [
            (pixel(0, 0), (1.0 - lower) * (1.0 - right)),
            (pixel(0, 1), (1.0 - lower) * right),
            (pixel(1, 0), lower * (1.0 - right)),
            (pixel(1, 1), lower * right),
        ]
    }
}
