//! From the ways in which exporters write a classifier to the one way that the floors above know: a picture input
//! [N, 3, H, W], and feature maps with their channels first.

mod channels_first;
mod constants;
mod input;

pub use channels_first::Layout;
pub(super) use channels_first::{changes_layout, layouts};
pub use input::PictureInput;
