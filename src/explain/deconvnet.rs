//! The deconvolutional network of Zeiler and Fergus.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Explanation, Reduce, Technique, input_gradient};
use crate::{
    autodiff::Rule,
    error::Result,
    model::{ClassRef, Model, Picture},
    runtime::Cancellation,
};

/// The gradient of the class's logit, where each `ReLU` passes back what is positive, whatever its input was.
///
/// Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013: dx = dy * [dy > 0].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct Deconvnet {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    pub class: Vec<ClassRef>,
    /// How the colour channels become one map.
    #[arg(long, value_enum, default_value_t)]
    pub reduce: Reduce,
}

impl Technique for Deconvnet {
    const NAME: &'static str = "deconvnet";
    type Findings = Explanation;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation> {
        input_gradient::explain(Self::NAME, Rule::Deconvnet, (&self.class, self.reduce), (model, picture), cancellation)
    }
}
