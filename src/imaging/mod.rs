//! Pixels: decoding uploads, resizing, colour maps, overlays, PNG.

mod colormap;
mod contact_sheet;
mod decode;
mod render;
mod resize;
mod style;
mod tile;

pub use colormap::ColorMap;
pub use contact_sheet::contact_sheet;
pub use decode::{Limits, decode};
pub use image::RgbImage;
pub use render::{blur, divided, encode_png, render, side_by_side};
pub use resize::{Region, crop_and_resize, upsample};
pub use style::{Alpha, Output, Size, Style};
pub use tile::{filter_tile, map_tile};
