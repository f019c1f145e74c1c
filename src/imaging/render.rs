//! Maps of numbers to pictures.

use image::RgbImage;
use ndarray::ArrayViewD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ColorMap, Region};
use crate::error::Result;

/// What a picture shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The map laid over the photograph.
    #[default]
    Overlay,
    /// The map alone.
    Heatmap,
}

/// How large a picture is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// As large as the uploaded picture.
    #[default]
    Original,
    /// As large as the model's input, showing what the model saw.
    Model,
}

/// How opaque the map lies over the photograph, 0 (invisible) to 1 (covers it).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Alpha(pub f32);

impl Default for Alpha {
    fn default() -> Self {
        Self(0.5)
    }
}

/// How a map is drawn: the same struct is the query string, the form, the JSON body, the OpenAPI schema and the flags of the command line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Style {
    /// Colour map; by default jet, and a diverging one for signed maps.
    pub colormap: Option<ColorMap>,
    /// How opaque the map lies over the photograph.
    pub alpha: Alpha,
    /// What the picture shows.
    pub output: Output,
    /// How large the picture is.
    pub size: Size,
}

/// Draws `map` ([H, W], or [3, H, W] in RGB order for a signed gradient) over the part `seen` of `photo`.
pub fn render(_photo: &RgbImage, _seen: Region, _map: &ArrayViewD<'_, f32>, _style: &Style) -> RgbImage {
    todo!()
}

/// Pictures of equal height in a row, with a margin between them.
pub fn side_by_side(_pictures: &[RgbImage]) -> RgbImage {
    todo!()
}

/// The picture as a PNG file.
pub fn encode_png(_picture: &RgbImage) -> Result<Vec<u8>> {
    todo!()
}
