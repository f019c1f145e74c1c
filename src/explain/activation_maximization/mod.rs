//! Activation maximization: a picture that a class or a filter answers to as strongly as can be.

mod ascend;
mod canvas;
mod color;
mod exponential;
mod fourier;
mod lanes;
mod lp_norm;
mod maximum;
mod optimizer;
mod options;
mod power;
mod sampling;
mod total_variation;
mod transform;

use ndarray::Array3;

pub use ascend::Step;
pub use maximum::{Drawing, Losses, Maximum};
pub use options::{ActivationMaximization, Recipe};

/// The numbers of a picture [3, H, W], channel by channel and row by row, as all pictures here have them.
fn in_order(picture: &Array3<f32>) -> &[f32] {
    debug_assert!(picture.is_standard_layout());
    picture.as_slice().unwrap_or_default()
}

/// The same, to be changed.
fn in_order_mut(picture: &mut Array3<f32>) -> &mut [f32] {
    debug_assert!(picture.is_standard_layout());
    picture.as_slice_mut().unwrap_or_default()
}

/// The red, the green and the blue of a picture.
fn channels(picture: &Array3<f32>) -> [&[f32]; 3] {
    let pixels = picture.len() / 3;
    let (red, others) = in_order(picture).split_at(pixels);
    let (green, blue) = others.split_at(pixels);
    [red, green, blue]
}

/// The same, to be changed.
fn channels_mut(picture: &mut Array3<f32>) -> [&mut [f32]; 3] {
    let pixels = picture.len() / 3;
    let (red, others) = in_order_mut(picture).split_at_mut(pixels);
    let (green, blue) = others.split_at_mut(pixels);
    [red, green, blue]
}

#[cfg(test)]
mod tests;
