//! What an ascent ends with.

use std::time::Instant;

use base64::prelude::{BASE64_STANDARD, Engine};
use ndarray::{Array3, ArrayView3};
use ndarray_npy::WriteNpyExt;
use serde::{Serialize, Serializer, ser::Error as _, ser::SerializeStruct};
use utoipa::ToSchema;

use super::Recipe;
use crate::{
    error::{Error, Result},
    explain::{Format, Prediction, Scored, Timing, Written, report::milliseconds},
    imaging::{RgbImage, encode_png},
};

/// The picture that was found, and what the model says of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "technique": "activation-maximization",
    "model": "vgg16-caltech101",
    "recipe": "keras-vis",
    "seed": 0,
    "class": {"index": 100, "label": "yin_yang", "probability": 0.9997, "logit": 17.2},
    "activation": 17.2,
    "values": [0.9, 3.1, 12.4],
    "losses": {"lp_norm": 0.02, "total_variation": 41.5},
    "predictions": [{"index": 100, "label": "yin_yang", "probability": 0.9997}],
    "image": {"width": 224, "height": 224, "b64": "iVBORw0KGgoAAAANSUhEUgAAAOAAAADg..."},
    "timing_ms": {"decode": 0.0, "run": 9120.5}
}))]
pub struct Maximum {
    /// The technique.
    #[schema(examples("activation-maximization"))]
    pub technique: &'static str,
    /// The model's name.
    pub model: String,
    /// How the picture was found.
    pub recipe: Recipe,
    /// What the noise and the transforms were drawn from.
    pub seed: u64,
    /// The class that was maximised, with what the model gives it in the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<Scored>,
    /// The layer of the filter that was maximised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The filter that was maximised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<usize>,
    /// The activation of what was maximised in the picture: before the activation function, the mean over all positions.
    pub activation: f32,
    /// The activation at each step, in the picture as it then was, shifted, turned and scaled.
    pub values: Vec<f32>,
    /// What the regularizers say of the picture.
    pub losses: Losses,
    /// The likeliest classes of the picture, resized to the model's input, best first.
    pub predictions: Vec<Prediction>,
    /// The picture.
    #[schema(value_type = DrawingFile)]
    pub image: Drawing,
    /// How long it took.
    pub timing_ms: Timing,
}

/// What the regularizers take off, with their weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Losses {
    /// For extreme levels.
    pub lp_norm: f32,
    /// For differences between neighbouring pixels.
    pub total_variation: f32,
}

/// A picture that JSON shows as a PNG file in base64.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing(pub RgbImage);

/// A picture in JSON, as a request would send it.
#[derive(ToSchema)]
#[allow(dead_code)] // Only its schema is used: `Drawing` writes itself so.
struct DrawingFile {
    /// Pixels in a row.
    width: u32,
    /// Rows.
    height: u32,
    /// The PNG file in base64.
    b64: String,
}

impl Drawing {
    /// The picture of `levels` [3, H, W], RGB of 0 to 255, rounded; levels beyond are cut off.
    pub(super) fn of(levels: &Array3<f32>) -> Result<Self> {
        let (_, height, width) = levels.dim();
        let interleaved = levels.view().permuted_axes([1, 2, 0]);
        let bytes = interleaved.iter().map(|level| level.round().clamp(0.0, 255.0) as u8).collect();
        let picture = RgbImage::from_raw(width as u32, height as u32, bytes);
        picture.map(Self).ok_or_else(|| Error::internal("a picture has three levels for each pixel"))
    }
}

impl Drawing {
    /// The picture as a PNG file.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        encode_png(&self.0)
    }
}

impl Serialize for Drawing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let file = self.to_png().map_err(S::Error::custom)?;
        let mut object = serializer.serialize_struct("Drawing", 3)?;
        object.serialize_field("width", &self.0.width())?;
        object.serialize_field("height", &self.0.height())?;
        object.serialize_field("b64", &BASE64_STANDARD.encode(file))?;
        object.end()
    }
}

impl Maximum {
    /// The answer as a file: all of it as JSON, or only the picture as PNG or as bytes [H, W, 3].
    pub fn write(&self, format: Format) -> Result<Written> {
        let start = Instant::now();
        let bytes = match format {
            Format::Json => serde_json::to_vec(self).map_err(|error| Error::internal(error.to_string()))?,
            Format::Png => self.image.to_png()?,
            Format::Npy => self.to_npy()?,
        };
        Ok(Written { bytes, timing: self.timing_ms, render: milliseconds(start) })
    }

    fn to_npy(&self) -> Result<Vec<u8>> {
        let (width, height) = self.image.0.dimensions();
        let shape = (height as usize, width as usize, 3);
        let internal = |error: &dyn std::fmt::Display| Error::internal(error.to_string());
        let pixels = ArrayView3::from_shape(shape, self.image.0.as_raw()).map_err(|error| internal(&error))?;
        let mut file = Vec::new();
        pixels.write_npy(&mut file).map_err(|error| internal(&error))?;
        Ok(file)
    }
}
