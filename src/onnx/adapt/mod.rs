//! From the ways in which exporters write a classifier to the one way that the floors above know: a picture input
//! [N, 3, H, W] for any number of pictures, float32 throughout, feature maps with their channels first, one output.

mod batch;
mod bias;
mod channels_first;
mod float32;
mod input;
mod output;

pub use channels_first::Layout;
pub(super) use channels_first::{changes_layout, layouts};
pub use input::PictureInput;
pub use output::ChosenOutput;
