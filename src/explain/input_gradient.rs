//! Maps made of a class logit's gradient with respect to the picture.

use ndarray::{Array3, ArrayD, ArrayView4, Axis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::explanation::Values;
use crate::{
    autodiff::Rule,
    error::{Error, Result},
    model::{Answer, Model, Question},
};

/// How the channels of a gradient become a map.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Reduce {
    /// The largest magnitude over the channels: [H, W].
    #[default]
    Max,
    /// The mean magnitude over the channels: [H, W].
    Mean,
    /// The signed gradient of each channel, in the order of the model's input: [C, H, W].
    None,
}

impl Reduce {
    /// The map of a `gradient` [C, H, W].
    pub(super) fn apply(self, gradient: Array3<f32>) -> Values {
        let magnitude = || gradient.mapv(f32::abs);
        Values(match self {
            Self::Max => magnitude().fold_axis(Axis(0), 0.0_f32, |&a, &b| a.max(b)).into_dyn(),
            Self::Mean => {
                let channels = gradient.len_of(Axis(0)).max(1) as f32;
                (magnitude().sum_axis(Axis(0)) / channels).into_dyn()
            }
            Self::None => gradient.into_dyn(),
        })
    }
}

/// What gives the gradient of each class's logit with respect to the picture, by `rule` at each `ReLU`.
pub(super) fn question(model: &Model, rule: Rule) -> Question {
    Question { gradients: vec![(rule, model.input().to_owned())], values: Vec::new() }
}

/// The map of each class from its gradient by `rule`.
pub(super) fn maps(model: &Model, answer: &Answer, rule: Rule, reduce: Reduce) -> Result<Vec<Values>> {
    let gradients = feature_maps(answer.gradient(rule, model.input())?)?;
    Ok(gradients.outer_iter().map(|gradient| reduce.apply(gradient.to_owned())).collect())
}

/// `values` as [N, C, H, W].
pub(super) fn feature_maps(values: &ArrayD<f32>) -> Result<ArrayView4<'_, f32>> {
    let shape = values.shape();
    values.view().into_dimensionality().map_err(|_| Error::internal(format!("{shape:?} is not [N, C, H, W]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reductions_take_magnitudes_and_none_keeps_signs() {
        let gradient = Array3::from_shape_vec((2, 1, 2), vec![1.0, -4.0, -3.0, 2.0]).unwrap();
        let values = |reduce: Reduce| reduce.apply(gradient.clone()).0;
        assert_eq!(values(Reduce::Max), ndarray::arr2(&[[3.0, 4.0]]).into_dyn());
        assert_eq!(values(Reduce::Mean), ndarray::arr2(&[[2.0, 3.0]]).into_dyn());
        assert_eq!(values(Reduce::None), gradient.into_dyn());
    }
}
