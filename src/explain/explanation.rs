//! What every technique answers: raw numbers, not yet normalised or drawn.

use ndarray::{ArrayD, ArrayViewD};
use serde::{Serialize, Serializer, ser::SerializeSeq};
use utoipa::ToSchema;

use super::{Backdrop, Findings, drawing};
use crate::error::Result;

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
pub(super) struct MapValues {
    /// The length of each dimension: [H, W] or [C, H, W].
    #[schema(example = json!([14, 14]))]
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
    fn to_png(&self, backdrop: Backdrop<'_>) -> Result<Vec<u8>> {
        backdrop.png(self.maps.iter().map(|map| map.values.0.view()).collect())
    }

    fn to_npy(&self) -> Result<Vec<u8>> {
        drawing::npy(&self.maps.iter().map(|map| map.values.0.view()).collect::<Vec<_>>())
    }
}
