//! Pixels to the numbers a model was trained on.

use std::fmt;

use ndarray::{Array3, Array4, ArrayView3, ArrayViewD, Axis, Zip, s};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{conventions::Conventions, inference::Inferences};
use crate::{
    error::{Error, Result},
    imaging::{Region, RgbImage, crop_and_resize},
};

/// `[preprocessing]` of `model.toml`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Section {
    /// One of the usual ways, instead of the four keys below.
    mode: Option<Mode>,
    /// The order of the channels, in which `mean` and `std` are given too.
    order: Option<ChannelOrder>,
    /// What 0 to 255 is multiplied by; by default 1.
    scale: Option<f32>,
    /// What is then subtracted from each channel; by default 0.
    mean: Option<[f32; 3]>,
    /// What each channel is then divided by; by default 1.
    std: Option<[f32; 3]>,
    /// How a picture gets the input's size; by default as the model's makers do.
    resize: Option<Resize>,
    /// The input's size in pixels: a side, or [height, width]; by default the graph's.
    size: Option<InputSize>,
}

/// The three ways that Keras' `preprocess_input` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// BGR minus `ImageNet`'s mean.
    Caffe,
    /// RGB of 0 to 1, minus `ImageNet`'s mean, divided by its standard deviation; torchvision's too.
    Torch,
    /// RGB of -1 to 1.
    Tf,
}

/// How a picture gets the size of a model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Resize {
    /// All of it, whatever its proportions, as Keras does.
    Stretch,
    /// Its middle: torchvision's `Resize(size * 256 / 224)`, then `CenterCrop(size)`.
    Crop,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged, expecting = "`size` is a number of pixels or [height, width]")]
enum InputSize {
    Square(u16),
    Sides([u16; 2]),
}

/// The order of a model's three input channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

impl ChannelOrder {
    /// A `map` [3, H, W] in this order with its channels as RGB; [H, W] stays as it is.
    pub fn to_rgb(self, mut map: ArrayViewD<'_, f32>) -> ArrayViewD<'_, f32> {
        if self == Self::Bgr && map.ndim() == 3 {
            map.invert_axis(Axis(0));
        }
        map
    }

    /// The three values of `color`, from RGB to this order or back.
    fn swap<T: Copy>(self, color: [T; 3]) -> [T; 3] {
        let [red, green, blue] = color;
        if self == Self::Bgr { [blue, green, red] } else { color }
    }
}

impl Section {
    const EMPTY: Self = Self { mode: None, order: None, scale: None, mean: None, std: None, resize: None, size: None };

    /// One of the usual ways.
    pub const fn mode(mode: Mode) -> Self {
        Self { mode: Some(mode), ..Self::EMPTY }
    }

    /// Pixels of 0 to 255 as they are.
    pub const fn raw(order: ChannelOrder) -> Self {
        Self { order: Some(order), ..Self::EMPTY }
    }

    /// Pixels of 0 to 1.
    pub const fn unit(order: ChannelOrder) -> Self {
        Self { order: Some(order), scale: Some(1.0 / 255.0), ..Self::EMPTY }
    }

    /// The height and width that are stated.
    pub fn size(&self) -> Option<[usize; 2]> {
        Some(match self.size? {
            InputSize::Square(length) => [length.into(); 2],
            InputSize::Sides(sides) => sides.map(usize::from),
        })
    }

    /// This section with what it leaves open as `conventions` have it, which `inferences` are told.
    pub fn completed(mut self, conventions: &Conventions, inferences: &mut Inferences<'_>) -> Self {
        if self.mode.is_none() && !self.spells_out() {
            let (resize, size) = (self.resize, self.size);
            self = Self { resize, size, ..conventions.numbers.clone() };
            inferences.note("preprocessing", self.numbers_text(), conventions.reason.as_str());
        }
        if self.resize.is_none() {
            let keras = matches!(self.mode, Some(Mode::Caffe | Mode::Tf));
            let (resize, reason) = if keras { Conventions::KERAS_RESIZE } else { conventions.resize };
            self.resize = Some(resize);
            inferences.note("resize", resize.to_string(), reason);
        }
        self
    }

    /// Whether any of the four numbers is given.
    fn spells_out(&self) -> bool {
        self.order.is_some() || self.scale.is_some() || self.mean.is_some() || self.std.is_some()
    }

    /// The numbers as `model.toml` would state them.
    fn numbers_text(&self) -> String {
        let mode = self.mode.map(|mode| format!("mode = \"{mode}\""));
        let order = self.order.map(|order| format!("order = \"{order}\""));
        let scale = self.scale.map(|scale| format!("scale = {scale}"));
        [mode, order, scale].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// The preprocessing to pictures of this height and width.
    ///
    /// A section that contradicts itself or leaves something open is a setup error `invalid_preprocessing`.
    pub fn resolve(&self, [height, width]: [usize; 2]) -> Result<Preprocessing> {
        if height == 0 || width == 0 {
            return Err(invalid("`size` must be at least 1"));
        }
        let resize = self.resize.ok_or_else(|| invalid("say `resize`: `stretch` or `crop`"))?;
        let (order, scale, mean, std) = self.numbers()?;
        let finite = |values: [f32; 3]| values.iter().all(|value| value.is_finite());
        if !scale.is_finite() || scale == 0.0 || !finite(mean) || !finite(std) || std.contains(&0.0) {
            return Err(invalid("`scale`, `mean` and `std` must be finite, and `scale` and `std` not 0"));
        }
        Ok(Preprocessing { width, height, resize, order, scale, mean, std })
    }

    fn numbers(&self) -> Result<(ChannelOrder, f32, [f32; 3], [f32; 3])> {
        match (self.mode, self.order) {
            (Some(_), _) if self.spells_out() => {
                Err(invalid("`mode` already says `order`, `scale`, `mean` and `std`: keep the one or the others"))
            }
            (Some(Mode::Caffe), _) => Ok((ChannelOrder::Bgr, 1.0, [103.939, 116.779, 123.68], [1.0; 3])),
            (Some(Mode::Torch), _) => {
                Ok((ChannelOrder::Rgb, 1.0 / 255.0, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
            }
            (Some(Mode::Tf), _) => Ok((ChannelOrder::Rgb, 1.0 / 127.5, [1.0; 3], [1.0; 3])),
            (None, Some(order)) => {
                Ok((order, self.scale.unwrap_or(1.0), self.mean.unwrap_or([0.0; 3]), self.std.unwrap_or([1.0; 3])))
            }
            (None, None) => Err(invalid(
                "say `mode` (`caffe`, `torch` or `tf`), or `order` (`rgb` or `bgr`) with `scale`, `mean` and `std`",
            )),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caffe => "caffe",
            Self::Torch => "torch",
            Self::Tf => "tf",
        })
    }
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stretch => "stretch",
            Self::Crop => "crop",
        })
    }
}

impl fmt::Display for ChannelOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
        })
    }
}

fn invalid(message: &str) -> Error {
    Error::setup("invalid_preprocessing", format!("[preprocessing] of model.toml: {message}"))
}

/// How a picture becomes a model's input: cut, resized (bilinear with antialias, as Pillow does), then for each channel
/// `(x * scale - mean) / std` with x of 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Preprocessing {
    /// The input's width in pixels.
    #[schema(examples(224))]
    width: usize,
    /// The input's height in pixels.
    #[schema(examples(224))]
    height: usize,
    /// How a picture gets that size.
    resize: Resize,
    /// The order of the channels.
    order: ChannelOrder,
    /// What 0 to 255 is multiplied by.
    #[schema(examples(1.0))]
    scale: f32,
    /// What is then subtracted from each channel, in the model's order.
    #[schema(example = json!([103.939, 116.779, 123.68]))]
    mean: [f32; 3],
    /// What each channel is then divided by.
    #[schema(example = json!([1.0, 1.0, 1.0]))]
    std: [f32; 3],
}

impl fmt::Display for Preprocessing {
    /// `rgb, (x * 0.003921569 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]`, without what changes nothing.
    #[allow(clippy::float_cmp)] // Exactly these numbers change nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, scale, mean, std, .. } = self;
        let scaled = if *scale == 1.0 { "x".to_owned() } else { format!("x * {scale}") };
        let (centred, divided) = (*mean != [0.0; 3], *std != [1.0; 3]);
        match (centred, divided) {
            (false, false) => write!(f, "{order}, {scaled}"),
            (true, false) => write!(f, "{order}, {scaled} - {mean:?}"),
            (false, true) => write!(f, "{order}, {scaled} / {std:?}"),
            (true, true) => write!(f, "{order}, ({scaled} - {mean:?}) / {std:?}"),
        }
    }
}

impl Preprocessing {
    /// `stretch` or `crop`: how a picture gets the input's size.
    pub fn resize(&self) -> String {
        self.resize.to_string()
    }

    /// The input's width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The input's height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The order of the input's channels.
    pub fn order(&self) -> ChannelOrder {
        self.order
    }

    /// The input tensor [1, 3, height, width] of `photo`, and the part of it that the model sees.
    pub fn apply(&self, photo: &RgbImage) -> (Array4<f32>, Region) {
        let seen = match self.resize {
            Resize::Stretch => Region::whole(photo.width(), photo.height()),
            Resize::Crop => self.center_crop(photo.width(), photo.height()),
        };
        (self.tensor(&crop_and_resize(photo, seen, self.width as u32, self.height as u32)), seen)
    }

    /// The tensor [1, 3, height, width] of a `picture` that has its size already.
    pub fn tensor(&self, picture: &RgbImage) -> Array4<f32> {
        let mut tensor = Array4::zeros((1, 3, picture.height() as usize, picture.width() as usize));
        for (x, y, pixel) in picture.enumerate_pixels() {
            let values = self.normalize(pixel.0);
            for (channel, value) in values.into_iter().enumerate() {
                tensor[[0, channel, y as usize, x as usize]] = value;
            }
        }
        tensor
    }

    /// The input tensor [1, 3, height, width] of a picture in one RGB `color`.
    pub fn uniform(&self, color: [u8; 3]) -> Array4<f32> {
        let values = self.normalize(color);
        Array4::from_shape_fn((1, 3, self.height, self.width), |(_, channel, _, _)| values[channel])
    }

    /// The input values of an RGB `color`, in the model's order of channels.
    pub fn normalize(&self, color: [u8; 3]) -> [f32; 3] {
        let color = self.order.swap(color);
        std::array::from_fn(|channel| (f32::from(color[channel]) * self.scale - self.mean[channel]) / self.std[channel])
    }

    /// The picture whose input tensor is `input` [3, H, W]; values beyond black and white are cut off.
    pub fn to_picture(&self, input: &ArrayView3<'_, f32>) -> RgbImage {
        let (_, height, width) = input.dim();
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let level = |channel: usize| {
                let value = input[[channel, y as usize, x as usize]];
                let level = (value * self.std[channel] + self.mean[channel]) / self.scale;
                level.round().clamp(0.0, 255.0) as u8
            };
            image::Rgb(self.order.swap([level(0), level(1), level(2)]))
        })
    }

    /// Turns a picture's `levels` [3, H, W], RGB of 0 to 255 with fractions, into the values of an input.
    pub fn normalize_levels(&self, levels: &mut Array3<f32>) {
        let slope = self.std.map(|std| self.scale / std);
        let start: [f32; 3] = std::array::from_fn(|channel| self.mean[channel] / self.std[channel]);
        self.swap_channels(levels, |channel, level| level * slope[channel] - start[channel]);
    }

    /// Turns the `gradient` [3, H, W] with respect to the values of an input into that with respect to the picture's levels.
    pub fn pull_back(&self, gradient: &mut Array3<f32>) {
        let slope = self.order.swap(self.std).map(|std| self.scale / std);
        self.swap_channels(gradient, |color, gradient| gradient * slope[color]);
    }

    /// Brings the channels of `values` [3, H, W] from RGB to this order or back, and each value to what `map` makes of its new channel and
    /// itself.
    fn swap_channels(&self, values: &mut Array3<f32>, map: impl Fn(usize, f32) -> f32) {
        let (mut first, mut middle, mut last) = values.multi_slice_mut((s![0, .., ..], s![1, .., ..], s![2, .., ..]));
        middle.mapv_inplace(|value| map(1, value));
        match self.order {
            ChannelOrder::Rgb => {
                first.mapv_inplace(|value| map(0, value));
                last.mapv_inplace(|value| map(2, value));
            }
            ChannelOrder::Bgr => Zip::from(first).and(last).for_each(|first, last| {
                (*first, *last) = (map(0, *last), map(2, *first));
            }),
        }
    }

    /// The lowest and the highest value that each channel of an input can have, in the model's order.
    pub fn range(&self) -> [(f32, f32); 3] {
        let (black, white) = (self.normalize([0; 3]), self.normalize([255; 3]));
        std::array::from_fn(|channel| (black[channel].min(white[channel]), black[channel].max(white[channel])))
    }

    /// The part of a `width` x `height` picture that torchvision's `Resize` and `CenterCrop` leave.
    ///
    /// `Resize` gives the picture whole sides; `CenterCrop` starts at a whole pixel of the resized picture, the even one where it
    /// falls between two (Python's `round`). Both steps become one resampling from this region.
    fn center_crop(&self, width: u32, height: u32) -> Region {
        let enlarged = |side: usize| (side as f64 * 256.0 / 224.0).round();
        let (least_width, least_height) = (enlarged(self.width), enlarged(self.height));
        let (width, height) = (f64::from(width), f64::from(height));
        // The side that needs the larger scale gets exactly its size; the other is cut to whole pixels.
        let (resized_width, resized_height) = if width * least_height <= height * least_width {
            (least_width, (least_width * height / width).floor())
        } else {
            ((least_height * width / height).floor(), least_height)
        };
        let (across, down) = (width / resized_width, height / resized_height);
        let offset = |resized: f64, side: usize| ((resized - side as f64) / 2.0).round_ties_even();
        Region {
            left: offset(resized_width, self.width) * across,
            top: offset(resized_height, self.height) * down,
            width: self.width as f64 * across,
            height: self.height as f64 * down,
        }
    }
}

#[cfg(test)]
#[path = "preprocessing_tests.rs"]
mod tests;
