//! Guided backpropagation: a gradient that only positive evidence passes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Explanation, OneRun, Reduce, Technique, input_gradient, one_run};
use crate::{
    autodiff::Rule,
    error::Result,
    model::{Answer, ClassRef, Model, Picture, Question},
    runtime::Cancellation,
};

/// The gradient of the class's logit, where each `ReLU` passes back only what is positive, at inputs that were positive.
///
/// Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity", 2014: `dx = dy * [dy > 0] * [x > 0]`. It draws
/// sharp pictures, but shows edges more than the class (Adebayo et al., "Sanity Checks for Saliency Maps", 2018).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct GuidedBackprop {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    #[schema(max_items = 16)]
    pub class: Vec<ClassRef>,
    /// How the colour channels become one map.
    #[arg(long, value_enum, default_value_t)]
    pub reduce: Reduce,
}

impl Technique for GuidedBackprop {
    const NAME: &'static str = "guided-backprop";
    type Findings = Explanation;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation> {
        one_run::explain(self, model, picture, cancellation)
    }

    fn one_run(&self) -> Option<&dyn OneRun> {
        Some(self)
    }
}

impl OneRun for GuidedBackprop {
    fn classes(&self) -> &[ClassRef] {
        &self.class
    }

    fn question(&self, model: &Model) -> Result<Question> {
        Ok(input_gradient::question(model, Rule::Guided))
    }

    fn read(&self, model: &Model, answer: &Answer) -> Result<Explanation> {
        let maps = input_gradient::maps(model, answer, Rule::Guided, self.reduce)?;
        Ok(Explanation::new(Self::NAME, None, model, answer, maps))
    }
}
