//! Cutting and resizing as Pillow does it.

use image::RgbImage;

/// A rectangle of a picture, in its pixels; fractions where a centre crop falls between pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// The left edge.
    pub left: f64,
    /// The upper edge.
    pub top: f64,
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
}

/// Resizes the `region` of `image` to `width` x `height` pixels: bilinear with antialias.
pub fn crop_and_resize(_image: &RgbImage, _region: Region, _width: u32, _height: u32) -> RgbImage {
    todo!()
}

/// Enlarges `map` [H, W] to [height, width], bilinearly.
pub fn upsample(_map: &ndarray::ArrayView2<'_, f32>, _width: usize, _height: usize) -> ndarray::Array2<f32> {
    todo!()
}
