//! Uploaded bytes to upright RGB pixels, within limits that are checked from the header.

use image::RgbImage;

use crate::error::Result;

/// Bounds on a picture, checked before a pixel is decoded.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most pixels a picture may have.
    pub max_pixels: u64,
    /// The longest side in pixels.
    pub max_side: u32,
}

/// Decodes a JPEG, PNG, GIF (first frame), WebP or BMP picture and turns it upright by its EXIF orientation.
pub fn decode(_bytes: &[u8], _limits: Limits) -> Result<RgbImage> {
    todo!()
}
