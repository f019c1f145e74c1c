//! Random shifts, turns and changes of scale, which keep a picture from exploiting single pixels.

use ndarray::{Array3, s};
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
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Transform {
    /// A shift by whole pixels, down and right.
    Shift(usize, usize),
    /// For each pixel of the transformed picture, row by row, the pixels that it is made of with their weights.
    Sampling(Vec<[(u32, f32); 4]>),
}

impl Transforms {
    /// A transform drawn evenly from all that are allowed, for pictures of `height` x `width`; shifts go by whole pixels.
    pub fn draw(&self, (height, width): (usize, usize), random: &mut impl Rng) -> Transform {
        let mut shift = |side: usize| {
            let most = (self.jitter * side as f32) as i32;
            random.random_range(-most..=most) as f32
        };
        let shift = (shift(height), shift(width));
        let mut within = |most: f32| random.random_range(-most..=most);
        let (scale, angle) = (1.0 + within(self.scale), within(self.rotate));
        Transform::new((height, width), shift, scale, angle)
    }
}

impl Transform {
    /// Shifts pictures of `height` x `width` by `(down, across)` pixels, after scaling and turning them about the centre by
    /// `angle` degrees clockwise.
    fn new((height, width): (usize, usize), (down, across): (f32, f32), scale: f32, angle: f32) -> Self {
        if (scale, angle) == (1.0, 0.0) && (down.fract(), across.fract()) == (0.0, 0.0) {
            let wrap = |shift: f32, side: usize| (shift as i32).rem_euclid(side as i32) as usize;
            return Self::Shift(wrap(down, height), wrap(across, width));
        }
        let (sin, cos) = angle.to_radians().sin_cos();
        let (sin, cos) = (sin / scale, cos / scale);
        let (middle_row, middle_column) = ((height - 1) as f32 / 2.0, (width - 1) as f32 / 2.0);
        let mut sources = Vec::with_capacity(height * width);
        for row in 0..height {
            for column in 0..width {
                let (y, x) = (row as f32 - down - middle_row, column as f32 - across - middle_column);
                let (from_y, from_x) = (cos * y - sin * x + middle_row, cos * x + sin * y + middle_column);
                sources.push(bilinear((height, width), from_y, from_x));
            }
        }
        Self::Sampling(sources)
    }

    /// The `picture` [C, H, W], transformed.
    pub fn apply(&self, picture: &Array3<f32>) -> Array3<f32> {
        let sources = match self {
            &Self::Shift(down, across) => return rolled(picture, down, across),
            Self::Sampling(sources) => sources,
        };
        let mut transformed = Array3::zeros(picture.dim());
        for (to, from) in transformed.outer_iter_mut().zip(picture.outer_iter()) {
            let from = from.flatten().to_vec();
            for (level, sources) in to.into_iter().zip(sources) {
                *level = sources.iter().map(|&(source, weight)| weight * from[source as usize]).sum();
            }
        }
        transformed
    }

    /// The gradient with respect to the picture, from the `gradient` [C, H, W] with respect to the transformed one.
    pub fn pull_back(&self, gradient: &Array3<f32>) -> Array3<f32> {
        let sources = match self {
            &Self::Shift(down, across) => {
                let (_, height, width) = gradient.dim();
                return rolled(gradient, (height - down) % height, (width - across) % width);
            }
            Self::Sampling(sources) => sources,
        };
        let mut pulled = Vec::with_capacity(gradient.len());
        for channel in gradient.outer_iter() {
            let start = pulled.len();
            pulled.resize(start + channel.len(), 0.0);
            for (slope, sources) in channel.iter().zip(sources) {
                for &(source, weight) in sources {
                    pulled[start + source as usize] += weight * slope;
                }
            }
        }
        Array3::from_shape_vec(gradient.dim(), pulled).unwrap_or_default()
    }
}

/// `values` [C, H, W] shifted `down` and `across` around the edges, by less than their height and width.
fn rolled(values: &Array3<f32>, down: usize, across: usize) -> Array3<f32> {
    let (_, height, width) = values.dim();
    let mut rolled = Array3::zeros(values.dim());
    for (rows, to_rows) in [(0..height - down, down..height), (height - down..height, 0..down)] {
        for (columns, to_columns) in [(0..width - across, across..width), (width - across..width, 0..across)] {
            rolled.slice_mut(s![.., to_rows.clone(), to_columns]).assign(&values.slice(s![.., rows.clone(), columns]));
        }
    }
    rolled
}

/// The four pixels around a place in a picture of `height` x `width` whose edges touch, row by row, with their weights.
fn bilinear((height, width): (usize, usize), y: f32, x: f32) -> [(u32, f32); 4] {
    let (top, left) = (floor(y), floor(x));
    let (lower, right) = (y - top as f32, x - left as f32);
    let wrap = |place: i32, side: usize| match place {
        // A division takes longer than all the rest.
        place if (0..side as i32).contains(&place) => place as u32,
        place => place.rem_euclid(side as i32) as u32,
    };
    let rows = [wrap(top, height) * width as u32, wrap(top + 1, height) * width as u32];
    let columns = [wrap(left, width), wrap(left + 1, width)];
    [
        (rows[0] + columns[0], (1.0 - lower) * (1.0 - right)),
        (rows[0] + columns[1], (1.0 - lower) * right),
        (rows[1] + columns[0], lower * (1.0 - right)),
        (rows[1] + columns[1], lower * right),
    ]
}

/// The largest whole number that is not above `place`; `f32::floor` is a call where processors of any age must do.
fn floor(place: f32) -> i32 {
    let whole = place as i32;
    if whole as f32 > place { whole - 1 } else { whole }
}

#[cfg(test)]
mod tests {
    use ndarray::arr3;

    use super::*;

    fn turned(picture: &Array3<f32>, shift: (f32, f32), scale: f32, angle: f32) -> Array3<f32> {
        let (_, height, width) = picture.dim();
        let moved = Transform::new((height, width), shift, scale, angle).apply(picture);
        moved.mapv(|level| (level * 1e3).round() / 1e3)
    }

    #[test]
    fn a_quarter_turn_goes_clockwise_and_a_shift_down_and_right_around_the_edges() {
        let picture = arr3(&[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]);
        let clockwise = arr3(&[[[7.0, 4.0, 1.0], [8.0, 5.0, 2.0], [9.0, 6.0, 3.0]]]);
        assert_eq!(turned(&picture, (0.0, 0.0), 1.0, 90.0), clockwise);
        let shifted = arr3(&[[[8.0, 9.0, 7.0], [2.0, 3.0, 1.0], [5.0, 6.0, 4.0]]]);
        assert_eq!(turned(&picture, (1.0, 2.0), 1.0, 0.0), shifted);
    }

    #[test]
    fn a_larger_scale_enlarges_the_middle() {
        let picture = arr3(&[[[0.0, 10.0, 20.0]]]);
        assert_eq!(turned(&picture, (0.0, 0.0), 2.0, 0.0), arr3(&[[[5.0, 10.0, 15.0]]]));
    }
}
