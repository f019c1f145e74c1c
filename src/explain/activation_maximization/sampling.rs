//! Pictures turned, scaled and shifted by parts of pixels.

use multiversion::multiversion;
use ndarray::Array3;

use super::{channels, channels_mut, exponential::integer};

/// A pixel's red, green and blue, and nothing: a processor takes four numbers at once.
type Pixel = [f32; 4];

/// Where the pixels of a transformed picture come from in a picture whose opposite edges touch, bilinear between pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sampling {
    size: (usize, usize),
    /// The sine and the cosine of the turn, divided by the scale.
    turn: (f32, f32),
    /// The place that stays where it is but for the shift: the middle, down and across.
    middle: (f32, f32),
    /// The place that the middle goes to.
    moved: (f32, f32),
}

/// For each pixel of a row, the place that it comes from.
struct Places {
    /// The pixel above and left of the place, in a picture with one more row and column.
    corners: Vec<u32>,
    /// How far the place is below that pixel, and how far right of it: 0 to 1.
    below: Vec<f32>,
    right: Vec<f32>,
}

impl Sampling {
    /// Shifts pictures of `height` x `width` by `(down, across)` pixels, after scaling and turning them about the middle by `angle`
    /// degrees clockwise.
    pub fn new((height, width): (usize, usize), (down, across): (f32, f32), scale: f32, angle: f32) -> Self {
        let (sin, cos) = angle.to_radians().sin_cos();
        let middle = ((height - 1) as f32 / 2.0, (width - 1) as f32 / 2.0);
        let moved = (middle.0 + down, middle.1 + across);
        Self { size: (height, width), turn: (sin / scale, cos / scale), middle, moved }
    }

    /// Writes the `picture` [3, H, W], transformed, to `transformed`, which has the same size.
    pub fn apply(&self, picture: &Array3<f32>, transformed: &mut Array3<f32>) {
        let width = self.size.1;
        let framed = self.framed(picture);
        let mut places = Places::new(width);
        let mut pixels: Vec<Pixel> = vec![[0.0; 4]; width];
        for (row, to) in rows_mut(transformed).enumerate() {
            places.find(self, row);
            gather(&framed, &places, &mut pixels);
            part(&pixels, to);
        }
    }

    /// Writes the gradient with respect to the picture to `pulled`, from the `gradient` [3, H, W] with respect to the transformed one.
    pub fn pull_back(&self, gradient: &Array3<f32>, pulled: &mut Array3<f32>) {
        let (height, stride) = (self.size.0, self.size.1 + 1);
        let mut framed: Vec<Pixel> = vec![[0.0; 4]; (height + 1) * stride];
        let mut places = Places::new(self.size.1);
        let mut slopes: Vec<Pixel> = vec![[0.0; 4]; self.size.1];
        for (row, from) in rows(gradient).enumerate() {
            places.find(self, row);
            join(from, &mut slopes);
            for ((corner, weights), slopes) in places.iter().zip(&slopes) {
                let (above, under) = framed[corner..].split_at_mut(stride);
                add(&mut above[0], weights[0], *slopes);
                add(&mut above[1], weights[1], *slopes);
                add(&mut under[0], weights[2], *slopes);
                add(&mut under[1], weights[3], *slopes);
            }
        }
        self.fold(framed, pulled);
    }

    /// The pixels of `picture` [3, H, W] with its first column again at the right and its first row again below.
    fn framed(&self, picture: &Array3<f32>) -> Vec<Pixel> {
        let (height, width) = self.size;
        let mut framed = vec![[0.0; 4]; (height + 1) * (width + 1)];
        for (row, to) in rows(picture).zip(framed.chunks_exact_mut(width + 1)) {
            join(row, &mut to[..width]);
            to[width] = to[0];
        }
        framed.copy_within(..=width, height * (width + 1));
        framed
    }

    /// What [`Sampling::framed`] is the other way round: adds the frame to the first column and row, and writes the picture to `folded`.
    fn fold(&self, mut framed: Vec<Pixel>, folded: &mut Array3<f32>) {
        let (height, width) = self.size;
        let (pixels, below) = framed.split_at_mut(height * (width + 1));
        pixels.iter_mut().zip(below).for_each(|(to, from)| add(to, 1.0, *from));
        for (row, to) in pixels.chunks_exact_mut(width + 1).zip(rows_mut(folded)) {
            let right = row[width];
            add(&mut row[0], 1.0, right);
            part(&row[..width], to);
        }
    }
}

impl Places {
    fn new(width: usize) -> Self {
        Self { corners: vec![0; width], below: vec![0.0; width], right: vec![0.0; width] }
    }

    /// The places that the pixels of `row` come from.
    fn find(&mut self, sampling: &Sampling, row: usize) {
        find(sampling, row, &mut self.corners, (&mut self.below, &mut self.right));
    }

    /// Of each pixel the corner, and the weights of the four pixels around its place: two above and two below, from left to right.
    fn iter(&self) -> impl Iterator<Item = (usize, [f32; 4])> {
        self.corners.iter().zip(&self.below).zip(&self.right).map(|((&corner, below), right)| {
            let (above, left) = (1.0 - below, 1.0 - right);
            (corner as usize, [above * left, above * right, below * left, below * right])
        })
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn find(sampling: &Sampling, row: usize, corners: &mut [u32], (below, right): (&mut [f32], &mut [f32])) {
    let ((sin, cos), middle) = (sampling.turn, sampling.middle);
    let (height, width) = (sampling.size.0 as f32, sampling.size.1 as f32);
    let inverse = (1.0 / height, 1.0 / width);
    let stride = sampling.size.1 as u32 + 1;
    // The first of the two pixels around a place, and how far the place is from it.
    let around = |place: f32, side: f32, inverse: f32| {
        let place = place - side * (place * inverse).floor();
        // Rounding can leave a place a little outside.
        let first = place.floor().max(0.0).min(side - 1.0);
        (integer(first), place - first)
    };
    let y = row as f32 - sampling.moved.0;
    let places = corners.iter_mut().zip(below).zip(right);
    for (column, ((corner, below), right)) in places.enumerate() {
        // AVX2 turns several integers of 32 bits into numbers at once, but none of 64.
        let x = column as i32 as f32 - sampling.moved.1;
        let (top, under) = around(cos * y - sin * x + middle.0, height, inverse.0);
        let (left, beside) = around(cos * x + sin * y + middle.1, width, inverse.1);
        *corner = top * stride + left;
        (*below, *right) = (under, beside);
    }
}

/// Writes the pixels of a row, each from the four around its place in the `framed` picture.
#[multiversion(targets("x86_64+avx2"))]
fn gather(framed: &[Pixel], places: &Places, pixels: &mut [Pixel]) {
    let stride = pixels.len() + 1;
    for ((corner, weights), pixel) in places.iter().zip(pixels) {
        let (above, under) = (&framed[corner..][..2], &framed[corner + stride..][..2]);
        *pixel = [0.0; 4];
        add(pixel, weights[0], above[0]);
        add(pixel, weights[1], above[1]);
        add(pixel, weights[2], under[0]);
        add(pixel, weights[3], under[1]);
    }
}

/// Adds a pixel, multiplied by `weight`, to another; inlined, so that it is compiled for the processors that its caller is compiled for.
#[inline(always)]
#[allow(clippy::inline_always)]
fn add(to: &mut Pixel, weight: f32, pixel: Pixel) {
    to.iter_mut().zip(pixel).for_each(|(to, level)| *to += weight * level);
}

/// Writes the pixels of a row from its reds, greens and blues.
#[multiversion(targets("x86_64+avx2"))]
fn join([red, green, blue]: [&[f32]; 3], pixels: &mut [Pixel]) {
    for (((pixel, red), green), blue) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
        *pixel = [*red, *green, *blue, 0.0];
    }
}

/// The other way.
#[multiversion(targets("x86_64+avx2"))]
fn part(pixels: &[Pixel], [red, green, blue]: [&mut [f32]; 3]) {
    for (((pixel, red), green), blue) in pixels.iter().zip(red).zip(green).zip(blue) {
        [*red, *green, *blue, _] = *pixel;
    }
}

/// The reds, greens and blues of each row of `picture` [3, H, W].
fn rows(picture: &Array3<f32>) -> impl Iterator<Item = [&[f32]; 3]> {
    let [red, green, blue] = channels(picture).map(|channel| channel.chunks_exact(picture.dim().2));
    red.zip(green).zip(blue).map(|((red, green), blue)| [red, green, blue])
}

/// The same, to be changed.
fn rows_mut(picture: &mut Array3<f32>) -> impl Iterator<Item = [&mut [f32]; 3]> {
    let width = picture.dim().2;
    let [red, green, blue] = channels_mut(picture).map(|channel| channel.chunks_exact_mut(width));
    red.zip(green).zip(blue).map(|((red, green), blue)| [red, green, blue])
}
