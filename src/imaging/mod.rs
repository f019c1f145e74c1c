//! Pixels: decoding uploads, resizing, colour maps, overlays, PNG.

mod colormap;
mod decode;
mod render;
mod resize;

pub use colormap::ColorMap;
pub use decode::{Limits, decode};
pub use image::RgbImage;
pub use render::{Alpha, Output, Size, Style, encode_png, render, side_by_side};
pub use resize::{Region, crop_and_resize, upsample};
