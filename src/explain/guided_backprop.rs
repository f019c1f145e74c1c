//! Guided backpropagation: a gradient that only positive evidence passes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Explanation, Reduce, Technique, input_gradient};
use crate::{
    autodiff::Rule,
    error::Result,
    model::{ClassRef, Model, Picture},
    runtime::Cancellation,
};

/// The gradient of the class's logit, where each `ReLU` passes back only what is positive, at inputs that were positive.
///
/// Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity", 2014: dx = dy * [dy > 0] * [x > 0]. It draws
/// sharp pictures, but shows edges more than the class (Adebayo et al., "Sanity Checks for Saliency Maps", 2018).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct GuidedBackprop {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    pub class: Vec<ClassRef>,
    /// How the colour channels become one map.
    #[arg(long, value_enum, default_value_t)]
    pub reduce: Reduce,
}

impl Technique for GuidedBackprop {
    const NAME: &'static str = "guided-backprop";
    type Findings = Explanation;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation> {
        input_gradient::explain(Self::NAME, Rule::Guided, (&self.class, self.reduce), (model, picture), cancellation)
    }
}
