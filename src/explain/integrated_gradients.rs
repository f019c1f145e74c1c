//! Integrated gradients: what each pixel adds to the class on the way from a baseline to the picture.

use std::f64::consts::PI;

use ndarray::{Array3, Array4, ArrayD, Axis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Completeness, Explanation, Reduce, Technique, input_gradient};
use crate::{
    autodiff::Rule,
    error::Result,
    model::{Answer, ClassRef, Model, Picture, Question},
    runtime::Cancellation,
};

/// The gradient of the class's logit, integrated on the straight way from a baseline to the picture, times that way.
///
/// Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", 2017: `(x - x') * integral of d logit / d x at
/// x' + t (x - x') for t from 0 to 1`, by Gauss-Legendre quadrature. The attributions of all pixels and channels sum to
/// the difference of the logits; how far they miss it is the completeness error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct IntegratedGradients {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    #[schema(max_items = 16)]
    pub class: Vec<ClassRef>,
    /// How the colour channels become one map.
    #[arg(long, value_enum, default_value_t)]
    pub reduce: Reduce,
    /// At how many places on the way the gradient is taken.
    #[arg(long, default_value_t = IntegratedGradients::default().steps)]
    #[schema(minimum = 1, maximum = 500)]
    pub steps: usize,
    /// Where the way begins.
    #[arg(long, value_enum, default_value_t)]
    pub baseline: Baseline,
}

impl Default for IntegratedGradients {
    fn default() -> Self {
        Self { class: Vec::new(), reduce: Reduce::default(), steps: 50, baseline: Baseline::default() }
    }
}

/// The picture without information that integrated gradients begin at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Baseline {
    /// A black picture.
    #[default]
    Black,
    /// A grey picture.
    Gray,
    /// A white picture.
    White,
}

impl Baseline {
    /// The colour of every pixel.
    fn colour(self) -> [u8; 3] {
        match self {
            Self::Black => [0; 3],
            Self::Gray => [128; 3],
            Self::White => [255; 3],
        }
    }
}

impl Technique for IntegratedGradients {
    const NAME: &'static str = "integrated-gradients";
    type Findings = Explanation;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation> {
        let classes = model.resolve(&self.class)?;
        let baseline = model.preprocessing().uniform(self.baseline.colour());
        let answer = model.ask(&Question::default(), &picture.input, &classes, cancellation)?;
        let classes: Vec<_> = answer.classes.iter().copied().map(Some).collect();
        let before = model.ask(&Question::default(), &baseline, &classes, cancellation)?;

        let difference = &picture.input - &baseline;
        let integral = integrate(model, &baseline, &difference, (&classes, self.steps), cancellation)?;
        let way = difference.index_axis(Axis(0), 0);
        let attributions: Vec<Array3<f32>> =
            input_gradient::feature_maps(&integral)?.outer_iter().map(|gradient| &gradient * &way).collect();

        let completeness = attributions.iter().zip(&answer.classes).map(|(attribution, &class)| {
            Completeness::new(attribution.sum(), logit(&answer, class) - logit(&before, class))
        });
        let completeness: Vec<_> = completeness.collect();
        let maps = attributions.into_iter().map(|attribution| self.reduce.apply(attribution)).collect();
        let mut explanation = Explanation::new(Self::NAME, None, model, &answer, maps);
        for (map, completeness) in explanation.maps.iter_mut().zip(completeness) {
            map.completeness = Some(completeness);
        }
        Ok(explanation)
    }

    fn trial(_: &Model) -> Self {
        Self { steps: 1, ..Self::default() }
    }
}

fn logit(answer: &Answer, class: usize) -> f32 {
    answer.logits.get([0, class].as_slice()).copied().unwrap_or_default()
}

/// The integral of the gradients [K, C, H, W] of `classes` from `start` to `start + difference`, in `steps` places.
fn integrate(
    model: &Model,
    start: &Array4<f32>,
    difference: &Array4<f32>,
    (classes, steps): (&[Option<usize>], usize),
    cancellation: &Cancellation,
) -> Result<ArrayD<f32>> {
    let question = input_gradient::question(model, Rule::Standard);
    let mut integral: Option<ArrayD<f32>> = None;
    for (index, (place, weight)) in gauss_legendre(steps).into_iter().enumerate() {
        let input = start + &(difference * place as f32);
        let answer = model.ask(&question, &input, classes, cancellation)?;
        let gradients = answer.gradient(Rule::Standard, model.input())?;
        match &mut integral {
            None => integral = Some(gradients * weight as f32),
            Some(integral) => integral.scaled_add(weight as f32, gradients),
        }
        cancellation.report(index + 1, steps);
    }
    Ok(integral.unwrap_or_default())
}

/// The places in [0, 1] and the weights of Gauss-Legendre quadrature with `count` places, exact for polynomials up to degree
/// `2 count - 1`.
///
/// Each place is a root of the Legendre polynomial, found by Newton's method.
fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    let root = |index: usize| {
        let mut x = (PI * (index as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..20 {
            let (value, derivative) = legendre(count, x);
            slope = derivative;
            x -= value / derivative;
        }
        ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..count).map(root).collect()
}

/// The Legendre polynomial of `degree`, at least 1, and its derivative at `x`, by the three-term recurrence.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=degree {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, degree as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadrature_is_exact_for_polynomials() {
        for count in [1, 2, 5, 50, 500] {
            let places = gauss_legendre(count);
            let integral = |power: i32| places.iter().map(|(x, w)| w * x.powi(power)).sum::<f64>();
            for power in 0..(2 * count as i32).min(40) {
                let error = (integral(power) - 1.0 / f64::from(power + 1)).abs();
                assert!(error < 1e-12, "{count} places, degree {power}: {error}");
            }
        }
    }
}
