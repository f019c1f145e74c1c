//! What every technique answers: raw numbers, not yet normalised or drawn.

use ndarray::{ArrayD, ArrayViewD, Axis};
use serde::{Serialize, Serializer, ser::SerializeSeq};
use utoipa::ToSchema;

use super::Findings;
use crate::{
    error::{Error, Result},
    imaging::{self, Size, Style},
    model::Picture,
};

/// The most pixels of several maps drawn side by side.
const MOST_PIXELS: u64 = 100_000_000;

/// A class with its probability.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Prediction {
    /// The class's index.
    pub index: usize,
    /// The class's label.
    #[schema(examples("elephant"))]
    pub label: String,
    /// The class's probability, 0 to 1.
    pub probability: f32,
}

/// A class with its probability and its logit, the number that gradients are taken of.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Scored {
    /// The class and its probability.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// The class's score before the softmax.
    pub logit: f32,
}

/// One class's map, raw: signed and not normalised.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Map {
    /// The class that the map explains.
    pub class: Scored,
    /// [H, W], or [C, H, W] for a gradient that was not reduced.
    #[serde(flatten)]
    #[schema(value_type = MapValues)]
    pub values: Values,
    /// How well the attributions sum to what they explain, where a technique promises that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Completeness>,
}

/// How well attributions sum to the difference that they explain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Completeness {
    /// The sum of the attributions of all pixels and channels.
    pub attribution_sum: f32,
    /// The logit of the picture minus that of the baseline.
    pub logit_difference: f32,
    /// By how much the sum misses the difference: `attribution_sum - logit_difference`.
    pub error: f32,
}

impl Completeness {
    /// Compares the sum with the difference.
    pub(super) fn new(attribution_sum: f32, logit_difference: f32) -> Self {
        Self { attribution_sum, logit_difference, error: attribution_sum - logit_difference }
    }
}

/// The numbers of a map as JSON shows them.
#[derive(ToSchema)]
#[allow(dead_code)] // Only its schema is used: `Values` writes itself so.
struct MapValues {
    /// The length of each dimension: [H, W] or [C, H, W].
    #[schema(examples(json!([14, 14])))]
    shape: Vec<usize>,
    /// The smallest value.
    min: f32,
    /// The largest value.
    max: f32,
    /// The values, nested as `shape` says.
    data: Vec<serde_json::Value>,
}

/// The numbers of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Values(pub ArrayD<f32>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            shape: &'a [usize],
            min: f32,
            max: f32,
            data: Nested<'a>,
        }
        let min = self.0.iter().copied().fold(f32::INFINITY, f32::min);
        let max = self.0.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Shown { shape: self.0.shape(), min, max, data: Nested(self.0.view()) }.serialize(serializer)
    }
}

/// An array as nested lists.
struct Nested<'a>(ArrayViewD<'a, f32>);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.shape()[0]))?;
        if self.0.ndim() == 1 {
            self.0.iter().try_for_each(|value| list.serialize_element(value))?;
        } else {
            self.0.outer_iter().try_for_each(|part| list.serialize_element(&Nested(part)))?;
        }
        list.end()
    }
}

/// What a technique found: one map for each class asked for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "technique": "grad-cam",
    "layer": "block5_conv3",
    "predictions": [{"index": 36, "label": "elephant", "probability": 0.97}],
    "maps": [{
        "class": {"index": 36, "label": "elephant", "probability": 0.97, "logit": 12.3},
        "shape": [2, 2], "min": 0.0, "max": 3.1, "data": [[0.0, 0.1], [0.4, 3.1]]
    }]
}))]
pub struct Explanation {
    /// The technique.
    #[schema(examples("grad-cam"))]
    pub technique: &'static str,
    /// The layer that the maps are of, where the technique has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("block5_conv3"))]
    pub layer: Option<String>,
    /// The likeliest classes, best first.
    pub predictions: Vec<Prediction>,
    /// One map for each class asked for, in that order.
    pub maps: Vec<Map>,
}

impl Findings for Explanation {
    /// The maps side by side; a 422 if they would be too large together.
    fn to_png(&self, picture: &Picture, style: &Style) -> Result<Vec<u8>> {
        let input = (picture.input.dim().3 as u32, picture.input.dim().2 as u32);
        let (width, height) = if style.size == Size::Model { input } else { picture.photo.dimensions() };
        let pixels = u64::from(width) * u64::from(height) * self.maps.len() as u64;
        if self.maps.len() > 1 && pixels > MOST_PIXELS {
            let message = format!(
                "{} maps of {width}x{height} pixels are too large a picture: ask for fewer classes, or for `size=model`",
                self.maps.len()
            );
            return Err(Error::unprocessable("drawing_too_large", message));
        }
        let draw = |map: &Map| {
            let values = picture.order.to_rgb(map.values.0.view());
            imaging::render(&picture.photo, picture.seen, input, &values, style)
        };
        let drawn = self.maps.iter().map(draw).collect::<Result<Vec<_>>>()?;
        imaging::encode_png(&imaging::side_by_side(drawn))
    }

    /// [maps, H, W] or [maps, C, H, W].
    fn to_npy(&self) -> Result<Vec<u8>> {
        use ndarray_npy::WriteNpyExt;
        let views: Vec<_> = self.maps.iter().map(|map| map.values.0.view()).collect();
        let stacked = ndarray::stack(Axis(0), &views).map_err(|error| Error::internal(error.to_string()))?;
        let mut file = Vec::new();
        stacked.write_npy(&mut file).map_err(|error| Error::internal(error.to_string()))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Array4};

    use super::*;
    use crate::{
        imaging::{Limits, Output, Region, RgbImage, decode},
        model::ChannelOrder,
    };

    fn explanation(maps: Vec<ArrayD<f32>>) -> Explanation {
        let prediction = Prediction { index: 0, label: "a".into(), probability: 1.0 };
        let class = Scored { prediction, logit: 1.0 };
        let maps = maps.into_iter().map(|values| Map { class: class.clone(), values: Values(values) }).collect();
        Explanation { technique: "test", layer: None, predictions: Vec::new(), maps }
    }

    fn picture(width: u32, height: u32) -> Picture {
        Picture {
            photo: RgbImage::new(width, height),
            seen: Region::whole(width, height),
            input: Array4::zeros((1, 3, 1, 2)),
            order: ChannelOrder::Bgr,
        }
    }

    #[test]
    fn a_gradient_in_bgr_is_drawn_in_rgb() {
        let gradient = Array3::from_shape_vec((3, 1, 2), vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap().into_dyn();
        let style = Style { output: Output::Heatmap, ..Style::default() };
        let png = explanation(vec![gradient]).to_png(&picture(2, 1), &style).unwrap();
        let drawn = decode(&png, Limits { max_pixels: 2, max_side: 2 }).unwrap();
        assert_eq!(drawn.into_raw(), [128, 128, 255, 128, 128, 128]);
    }

    #[test]
    fn maps_too_large_to_stand_side_by_side_are_refused() {
        let both = explanation(vec![ArrayD::zeros(vec![1, 2]); 2]);
        let large = picture(8_000, 8_000);
        let error = both.to_png(&large, &Style::default()).unwrap_err();
        assert_eq!(error.code, "drawing_too_large");
        assert!(error.message.contains("size=model"), "{error}");
        assert!(both.to_png(&large, &Style { size: Size::Model, ..Style::default() }).is_ok());
    }
}
