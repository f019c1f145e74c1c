//! Pixels to the numbers a model was trained on.

use ndarray::Array4;

use crate::imaging::{Region, RgbImage};

/// How a picture becomes a model's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {}

impl Preprocessing {
    /// The input tensor [1, 3, height, width] of `photo`, and the part of it that the model sees.
    pub fn apply(&self, _photo: &RgbImage) -> (Array4<f32>, Region) {
        todo!()
    }
}
