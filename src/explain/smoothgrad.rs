//! SmoothGrad: the gradient, averaged over noisy copies of the picture.

use ndarray::{Array4, ArrayD};
use rand::{SeedableRng, rngs::ChaCha8Rng};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Explanation, Reduce, Technique, input_gradient};
use crate::{
    autodiff::Rule,
    error::Result,
    model::{Answer, ClassRef, Model, Picture, Question},
    runtime::Cancellation,
};

/// The mean gradient of the class's logit over copies of the picture with Gaussian noise, which takes the grain out of saliency.
///
/// Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017. It takes as many runs as samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct SmoothGrad {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    #[schema(max_items = 16)]
    pub class: Vec<ClassRef>,
    /// How the colour channels become one map.
    #[arg(long, value_enum, default_value_t)]
    pub reduce: Reduce,
    /// How many noisy copies are averaged.
    #[arg(long, default_value_t = SmoothGrad::default().samples)]
    #[schema(minimum = 1, maximum = 500)]
    pub samples: usize,
    /// The noise's standard deviation as a share of the input's range, largest minus smallest value.
    #[arg(long, default_value_t = SmoothGrad::default().noise)]
    #[schema(minimum = 0, maximum = 1)]
    pub noise: f32,
    /// What the noise is drawn from: equal seeds give equal maps.
    #[arg(long, default_value_t)]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub seed: u64,
}

impl Default for SmoothGrad {
    fn default() -> Self {
        Self { class: Vec::new(), reduce: Reduce::default(), samples: 50, noise: 0.15, seed: 0 }
    }
}

impl Technique for SmoothGrad {
    const NAME: &'static str = "smoothgrad";
    type Findings = Explanation;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation> {
        let classes = model.resolve(&self.class)?;
        let clean = model.ask(&Question::default(), &picture.input, &classes, cancellation)?;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let deviation = self.noise * range(&picture.input);
        let noise = std::iter::repeat_with(|| {
            picture.input.mapv(|_| deviation * Distribution::<f32>::sample(&StandardNormal, &mut random))
        });
        let gradients = mean_gradients(model, &clean, &picture.input, (noise, self.samples), cancellation)?;
        let gradients = input_gradient::feature_maps(&gradients)?;
        let maps = gradients.outer_iter().map(|gradient| self.reduce.apply(gradient.to_owned())).collect();
        Ok(Explanation::new(Self::NAME, None, model, &clean, maps))
    }

    fn trial(_: &Model) -> Self {
        Self { samples: 1, ..Self::default() }
    }
}

fn range(input: &Array4<f32>) -> f32 {
    let fold = |start, of: fn(f32, f32) -> f32| input.iter().copied().fold(start, of);
    fold(f32::NEG_INFINITY, f32::max) - fold(f32::INFINITY, f32::min)
}

/// The mean over `count` of all `noise` of the gradients [K, C, H, W] at `input + noise`, of the classes of the `clean` picture.
fn mean_gradients(
    model: &Model,
    clean: &Answer,
    input: &Array4<f32>,
    (noise, count): (impl Iterator<Item = Array4<f32>>, usize),
    cancellation: &Cancellation,
) -> Result<ArrayD<f32>> {
    let classes: Vec<_> = clean.classes.iter().copied().map(Some).collect();
    let question = input_gradient::question(model, Rule::Standard);
    let mut sum = None;
    for (index, noise) in noise.take(count).enumerate() {
        let answer = model.ask(&question, &(input + &noise), &classes, cancellation)?;
        let gradients = answer.gradient(Rule::Standard, model.input())?;
        sum = Some(match sum {
            None => gradients.clone(),
            Some(sum) => sum + gradients,
        });
        cancellation.report(index + 1, count);
    }
    Ok(sum.unwrap_or_default() / count as f32)
}

#[cfg(test)]
#[path = "smoothgrad_tests.rs"]
mod tests;
