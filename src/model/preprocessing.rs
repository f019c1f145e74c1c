//! Pixels to the numbers a model was trained on.

use ndarray::Array4;
use serde::Deserialize;

use crate::{
    error::Result,
    imaging::{Region, RgbImage},
};

/// `[preprocessing]` of `model.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    mode: Option<String>,
}

impl Section {
    /// Torchvision's.
    pub fn torchvision() -> Self {
        todo!()
    }

    /// The preprocessing at the model's own size (height, width), if that is known.
    pub fn resolve(&self, _size: Option<(usize, usize)>) -> Result<Preprocessing> {
        todo!()
    }
}

/// How a picture becomes a model's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    width: usize,
    height: usize,
}

impl Preprocessing {
    /// The input's width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The input's height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The input tensor [1, 3, height, width] of `photo`, and the part of it that the model sees.
    pub fn apply(&self, _photo: &RgbImage) -> (Array4<f32>, Region) {
        todo!()
    }
}
