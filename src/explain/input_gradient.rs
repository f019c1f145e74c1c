//! Maps made of a class logit's gradient with respect to the picture.

use ndarray::{Array3, ArrayD, Axis, Ix3};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::explanation::{Explanation, Values};
use crate::{
    autodiff::Rule,
    error::{Error, Result},
    model::{ClassRef, Model, Picture, Question},
    runtime::Cancellation,
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

/// Explains by the gradient of each class's logit with respect to the picture, by `rule` at each `ReLU`.
pub(super) fn explain(
    technique: &'static str,
    rule: Rule,
    (class, reduce): (&[ClassRef], Reduce),
    (model, picture): (&Model, &Picture),
    cancellation: &Cancellation,
) -> Result<Explanation> {
    let question = Question { gradients: vec![(rule, model.input().to_owned())], values: Vec::new() };
    let classes = model.resolve(class)?;
    let mut answer = model.ask(&question, &picture.input, &classes, cancellation)?;
    let gradients = answer.take_gradient(rule, model.input())?;
    let maps = per_class(gradients)?.map(|gradient| reduce.apply(gradient)).collect();
    Ok(Explanation::new(technique, None, model, &answer, maps))
}

/// The parts [C, H, W] of `stacked` [K, C, H, W].
pub(super) fn per_class(stacked: ArrayD<f32>) -> Result<impl Iterator<Item = Array3<f32>>> {
    let parts = stacked
        .into_dimensionality::<ndarray::Ix4>()
        .map_err(|error| Error::internal(format!("a gradient is not [K, C, H, W]: {error}")))?;
    let shape = parts.raw_dim();
    Ok((0..shape[0])
        .map(move |k| parts.index_axis(Axis(0), k).to_owned().into_dimensionality::<Ix3>().unwrap_or_default()))
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
