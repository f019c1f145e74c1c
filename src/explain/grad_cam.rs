//! Grad-CAM: where a layer's feature maps speak for the class.

use ndarray::{Array2, Array3, ArrayD, Axis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Explanation, Technique, Values, input_gradient::per_class};
use crate::{
    autodiff::Rule,
    error::Result,
    model::{ClassRef, Model, Picture, Question},
    runtime::Cancellation,
};

/// The feature maps of a layer, weighted by how much each raises the class's logit, [H, W] of the layer.
///
/// Selvaraju et al., "Grad-CAM", 2016: `ReLU(sum over c of mean(d logit / d A_c) * A_c)`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct GradCam {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    pub class: Vec<ClassRef>,
    /// The layer whose feature maps are weighted; by default the last convolution.
    #[arg(long)]
    pub layer: Option<String>,
}

impl Technique for GradCam {
    const NAME: &'static str = "grad-cam";
    type Findings = Explanation;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation> {
        let classes = model.resolve(&self.class)?;
        let layer = model.feature_layer(self.layer.as_deref())?;
        let question =
            Question { gradients: vec![(Rule::Standard, layer.output.clone())], values: vec![layer.output.clone()] };
        let mut answer = model.ask(&question, &picture.input, &classes, cancellation)?;
        let gradients = answer.take_gradient(Rule::Standard, &layer.output)?;
        let activations = answer.take_value(&layer.output)?;
        let maps = class_activation_maps(activations, gradients)?.map(|map| Values(map.into_dyn())).collect();
        Ok(Explanation::new(Self::NAME, Some(layer.name.clone()), model, &answer, maps))
    }
}

/// One map [H, W] for each of the `gradients` [K, C, H, W] of logits with respect to `activations` [1, C, H, W].
pub(super) fn class_activation_maps(
    activations: ArrayD<f32>,
    gradients: ArrayD<f32>,
) -> Result<impl Iterator<Item = Array2<f32>>> {
    let activations = per_class(activations)?.next().unwrap_or_default();
    Ok(per_class(gradients)?.map(move |gradient| class_activation_map(&activations, &gradient)))
}

fn class_activation_map(activations: &Array3<f32>, gradient: &Array3<f32>) -> Array2<f32> {
    let mut map = Array2::zeros((activations.len_of(Axis(1)), activations.len_of(Axis(2))));
    for (maps, gradient) in activations.outer_iter().zip(gradient.outer_iter()) {
        map.scaled_add(gradient.mean().unwrap_or(0.0), &maps);
    }
    map.mapv_into(|value| value.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_maps_are_weighted_by_their_mean_gradient_and_rectified() {
        let activations = Array3::from_shape_vec((2, 1, 2), vec![1.0, 2.0, 3.0, 0.0]).unwrap();
        let gradient = Array3::from_shape_vec((2, 1, 2), vec![1.0, 3.0, -1.0, -1.0]).unwrap();
        // Weights 2 and -1: [2 - 3, 4 - 0], of which the first is negative.
        assert_eq!(class_activation_map(&activations, &gradient), ndarray::arr2(&[[0.0, 4.0]]));
    }
}
