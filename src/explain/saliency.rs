//! Saliency: how strongly each pixel moves the class.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Explanation, Reduce, Technique, input_gradient};
use crate::{
    autodiff::Rule,
    error::Result,
    model::{ClassRef, Model, Picture},
    runtime::Cancellation,
};

/// The gradient of the class's logit with respect to the picture.
///
/// Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013, section 3.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct Saliency {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    pub class: Vec<ClassRef>,
    /// How the colour channels become one map.
    #[arg(long, value_enum, default_value_t)]
    pub reduce: Reduce,
}

impl Technique for Saliency {
    const NAME: &'static str = "saliency";
    type Findings = Explanation;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation> {
        input_gradient::explain(Self::NAME, Rule::Standard, (&self.class, self.reduce), (model, picture), cancellation)
    }
}
