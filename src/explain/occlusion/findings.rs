//! What occlusion finds, and how it is drawn.

use ndarray::{Array2, ArrayViewD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::Result,
    explain::{Backdrop, Findings, Prediction, Scored, Values, drawing, explanation::MapValues},
    imaging::Style,
};

/// What each element of a map says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Quantity {
    /// The whole picture's probability minus that of the covered one: high is important, negative speaks against the class.
    #[default]
    Drop,
    /// The covered picture's probability: low is important, as in the article's figure.
    Probability,
}

/// The maps of each class.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "technique": "occlusion",
    "predictions": [{"index": 36, "label": "elephant", "probability": 0.97}],
    "positions": 4,
    "maps": [{
        "class": {"index": 36, "label": "elephant", "probability": 0.97, "logit": 12.3},
        "probability": {"shape": [2, 2], "min": 0.4, "max": 0.97, "data": [[0.97, 0.9], [0.9, 0.4]]},
        "drop": {"shape": [2, 2], "min": 0.0, "max": 0.57, "data": [[0.0, 0.07], [0.07, 0.57]]},
        "mask": {"shape": [2, 2], "min": 0.0, "max": 1.0, "data": [[0.0, 0.0], [0.0, 1.0]]},
        "threshold": 0.85
    }]
}))]
pub struct OcclusionMaps {
    /// The technique.
    #[schema(examples("occlusion"))]
    pub technique: &'static str,
    /// The likeliest classes of the whole picture, best first.
    pub predictions: Vec<Prediction>,
    /// How many places of the square were tried.
    #[schema(examples(256))]
    pub positions: usize,
    /// The maps of each class asked for, in that order.
    pub maps: Vec<Occluded>,
    /// The map that is drawn.
    #[serde(skip)]
    pub quantity: Quantity,
}

/// The maps of one class, [H, W] each.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Occluded {
    /// The class, with the whole picture's probability.
    pub class: Scored,
    /// The covered picture's probability, for each place of the square.
    #[schema(value_type = MapValues)]
    pub probability: Values,
    /// By how much that is below the whole picture's probability.
    #[schema(value_type = MapValues)]
    pub drop: Values,
    /// The important places: 1 where the probability is below `threshold` times the map's largest, else 0.
    #[schema(value_type = MapValues)]
    pub mask: Values,
    /// The threshold of the mask.
    pub threshold: f32,
}

impl Occluded {
    /// The maps that follow from the `probability` [H, W] of `class` in each covered picture.
    pub(super) fn new(class: Scored, probability: Array2<f32>, threshold: f32) -> Self {
        let largest = probability.iter().copied().fold(0.0, f32::max);
        let important = |probability: f32| f32::from(u8::from(probability < threshold * largest));
        let drop = probability.mapv(|probability| class.prediction.probability - probability);
        let mask = probability.mapv(important);
        let [probability, drop, mask] = [probability, drop, mask].map(|map| Values(map.into_dyn()));
        Self { class, probability, drop, mask, threshold }
    }

    fn map(&self, quantity: Quantity) -> &Values {
        match quantity {
            Quantity::Drop => &self.drop,
            Quantity::Probability => &self.probability,
        }
    }
}

impl OcclusionMaps {
    /// What a picture in this style shows of `map`.
    pub(in crate::explain) fn shown<'a>(&self, map: &'a Occluded, style: &Style) -> ArrayViewD<'a, f32> {
        let shown = if style.output.shows_mask() { &map.mask } else { map.map(self.quantity) };
        shown.0.view()
    }
}

impl Findings for OcclusionMaps {
    fn to_png(&self, backdrop: Backdrop<'_>) -> Result<Vec<u8>> {
        backdrop.png(self.maps.iter().map(|map| self.shown(map, backdrop.style)).collect())
    }

    fn to_npy(&self) -> Result<Vec<u8>> {
        drawing::npy(&self.maps.iter().map(|map| map.map(self.quantity).0.view()).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    #[test]
    fn drops_are_signed_and_the_mask_marks_low_probabilities() {
        let class = Scored { prediction: Prediction { index: 0, label: String::new(), probability: 0.8 }, logit: 1.0 };
        let occluded = Occluded::new(class, arr2(&[[1.0, 0.5], [0.84, 0.86]]), 0.85);
        let drop = arr2(&[[-0.2, 0.3], [-0.04, -0.06]]).into_dyn();
        assert!((occluded.drop.0 - drop).iter().all(|d| d.abs() < 1e-6));
        assert_eq!(occluded.mask.0, arr2(&[[0.0, 1.0], [1.0, 0.0]]).into_dyn());
    }
}
