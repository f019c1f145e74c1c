//! How feature maps are weighted: Grad-CAM and its variants.

use ndarray::{Array1, Array2, ArrayView2, ArrayView3, Axis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input_gradient::feature_maps;
use crate::{autodiff::Rule, error::Result, model::Answer};

/// How a layer's feature maps `A` [C, H, W] and the logit's gradients `G` with respect to them become a map.
///
/// Of every map only what is positive is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
pub enum Variant {
    /// `sum_c mean(G_c) A_c` (Selvaraju et al., 2016).
    #[default]
    #[serde(rename = "grad-cam")]
    GradCam,
    /// `sum_c w_c A_c`, `w_c = sum(ReLU(G_c) G_c^2 / (2 G_c^2 + sum(A_c) G_c^3))` (Chattopadhay et al., 2018, equation 19).
    ///
    /// `grad-cam++` is accepted too; in a query string it would have to be written `grad-cam%2B%2B`.
    #[serde(rename = "grad-cam-plus-plus", alias = "grad-cam++")]
    #[value(name = "grad-cam-plus-plus", alias = "grad-cam++")]
    GradCamPlusPlus,
    /// `sum_c G_c A_c`, which shows just what the logit used of the layer (Draelos and Carin, 2020).
    #[serde(rename = "hirescam")]
    #[value(name = "hirescam")]
    HiResCam,
    /// `sum_c ReLU(G_c) A_c`, which stays sharp in early layers (Jiang et al., 2021).
    #[serde(rename = "layercam")]
    #[value(name = "layercam")]
    LayerCam,
    /// `sum_c w_c A_c`, `w_c = sum(G_c A_c) / sum(A_c)` (Fu et al., 2020).
    #[serde(rename = "xgrad-cam")]
    #[value(name = "xgrad-cam")]
    XGradCam,
    /// The first principal component of the feature maps, whatever the class (Muhammad and Yeasin, 2020).
    #[serde(rename = "eigencam")]
    #[value(name = "eigencam")]
    EigenCam,
}

impl Variant {
    /// Whether the map depends on the class, by its gradient.
    pub(super) fn needs_gradient(self) -> bool {
        self != Self::EigenCam
    }

    /// The map [H, W] of feature maps and gradients [C, H, W].
    fn map(self, features: &ArrayView3<'_, f32>, gradients: &ArrayView3<'_, f32>) -> Array2<f32> {
        let pairs = || features.outer_iter().zip(gradients.outer_iter());
        let map = match self {
            Self::EigenCam => first_component(features),
            Self::HiResCam => sum(pairs().map(|(a, g)| &a * &g), features),
            Self::LayerCam => sum(pairs().map(|(a, g)| &a * &g.mapv(|g| g.max(0.0))), features),
            Self::GradCam => sum(pairs().map(|(a, g)| &a * g.mean().unwrap_or(0.0)), features),
            Self::GradCamPlusPlus => sum(pairs().map(|(a, g)| &a * plus_plus_weight(&a, &g)), features),
            Self::XGradCam => sum(pairs().map(|(a, g)| &a * ((&a * &g).sum() / (a.sum() + 1e-7))), features),
        };
        map.mapv_into(|value| value.max(0.0))
    }
}

/// One map [H, W] for each class of `answer`, of the feature maps `value` [1, C, H, W].
pub(super) fn class_activation_maps(answer: &Answer, value: &str, variant: Variant) -> Result<Vec<Array2<f32>>> {
    let features = feature_maps(answer.value(value)?)?;
    let features = features.index_axis(Axis(0), 0);
    if !variant.needs_gradient() {
        return Ok(vec![variant.map(&features, &features); answer.classes.len()]);
    }
    let gradients = feature_maps(answer.gradient(Rule::Standard, value)?)?;
    Ok(gradients.outer_iter().map(|gradients| variant.map(&features, &gradients)).collect())
}

fn sum(maps: impl Iterator<Item = Array2<f32>>, like: &ArrayView3<'_, f32>) -> Array2<f32> {
    let (_, height, width) = like.dim();
    maps.fold(Array2::zeros((height, width)), |sum, map| sum + map)
}

fn plus_plus_weight(features: &ArrayView2<'_, f32>, gradients: &ArrayView2<'_, f32>) -> f32 {
    let total = features.sum();
    let share = |g: f32| if g > 0.0 { g.powi(3) / (2.0 * g.powi(2) + total * g.powi(3) + 1e-6) } else { 0.0 };
    gradients.iter().map(|&g| share(g)).sum()
}

/// How often the power iteration multiplies at most; it ends earlier once the direction stands still.
const MOST_STEPS: usize = 500;

/// The positions' coordinates along the first principal component of their channels, [H, W].
///
/// As in pytorch-grad-cam, channels are centred first. The component's sign is arbitrary: it is chosen so that the coordinate
/// of largest magnitude is positive.
fn first_component(features: &ArrayView3<'_, f32>) -> Array2<f32> {
    let (channels, height, width) = features.dim();
    let positions = features.to_shape((channels, height * width)).map(|f| f.t().to_owned()).unwrap_or_default();
    let centred = match positions.mean_axis(Axis(0)) {
        Some(mean) => &positions - &mean,
        None => positions.clone(),
    };
    // Power iteration, from the channels' own spread.
    let mut direction: Array1<f32> = centred.map_axis(Axis(0), |channel| channel.dot(&channel));
    for _ in 0..MOST_STEPS {
        let next = centred.t().dot(&centred.dot(&direction));
        let length = next.dot(&next).sqrt();
        if length == 0.0 {
            break;
        }
        let next = next / length;
        let change = (&next - &direction).mapv(f32::abs).sum();
        direction = next;
        if change < 1e-6 {
            break;
        }
    }
    let projections = centred.dot(&direction);
    let largest =
        projections.iter().fold(0.0_f32, |largest, &value| if value.abs() > largest.abs() { value } else { largest });
    let sign = if largest < 0.0 { -1.0 } else { 1.0 };
    (projections * sign).into_shape_with_order((height, width)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, arr2};

    use super::*;

    fn map(variant: Variant) -> Array2<f32> {
        let features = Array3::from_shape_vec((2, 1, 2), vec![1.0, 2.0, 3.0, 0.0]).unwrap();
        let gradients = Array3::from_shape_vec((2, 1, 2), vec![1.0, 3.0, -2.0, 0.0]).unwrap();
        variant.map(&features.view(), &gradients.view())
    }

    #[test]
    fn feature_maps_are_weighted_as_the_papers_say_and_rectified() {
        // Weights 2 and -1: [2 - 3, 4 - 0], of which the first is negative.
        assert_eq!(map(Variant::GradCam), arr2(&[[0.0, 4.0]]));
        assert_eq!(map(Variant::HiResCam), arr2(&[[0.0, 6.0]]));
        assert_eq!(map(Variant::LayerCam), arr2(&[[1.0, 6.0]]));
        // Weights (1 + 6) / 3 and -6 / 3.
        let expected = arr2(&[[0.0, 14.0 / 3.0]]);
        assert!((map(Variant::XGradCam) - expected).iter().all(|d| d.abs() < 1e-5));
        // Weight 1 / (2 + 3) + 27 / (18 + 81) of the first channel, none of the second.
        let weight = 1.0 / 5.0 + 27.0 / 99.0;
        let expected = arr2(&[[weight, 2.0 * weight]]);
        assert!((map(Variant::GradCamPlusPlus) - expected).iter().all(|d| d.abs() < 1e-5));
    }

    #[test]
    fn the_first_component_is_the_direction_of_most_spread() {
        // Along channel 1, of mean 6, the positions spread most; channel 0 is noise.
        let features = Array3::from_shape_vec((2, 1, 3), vec![0.1, 0.0, 0.1, 5.0, 1.0, 12.0]).unwrap();
        let map = Variant::EigenCam.map(&features.view(), &features.view());
        assert!((map - arr2(&[[0.0, 0.0, 6.0]])).iter().all(|d| d.abs() < 0.1));
        let constant = Array3::from_elem((2, 1, 3), 1.0);
        assert!(Variant::EigenCam.map(&constant.view(), &constant.view()).iter().all(|value| value.is_finite()));
    }

    #[test]
    fn the_command_line_and_http_have_the_same_names() {
        for variant in <Variant as clap::ValueEnum>::value_variants() {
            let http = serde_json::to_value(variant).unwrap();
            assert_eq!(http, clap::ValueEnum::to_possible_value(variant).unwrap().get_name());
        }
        let from_json = serde_json::from_value::<Variant>("grad-cam++".into()).unwrap();
        let from_flag = <Variant as clap::ValueEnum>::from_str("grad-cam++", false).unwrap();
        assert_eq!([from_json, from_flag], [Variant::GradCamPlusPlus; 2]);
    }
}
