//! Grad-CAM and its variants: where a layer's feature maps speak for the class.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Explanation, OneRun, Technique, Values,
    class_activation::{Variant, class_activation_maps},
    one_run,
};
use crate::{
    autodiff::Rule,
    error::Result,
    model::{Answer, ClassRef, Model, Picture, Question},
    runtime::Cancellation,
};

/// The feature maps of a layer, weighted by how much each raises the class's logit, [H, W] of the layer.
///
/// Selvaraju et al., "Grad-CAM", 2016: `ReLU(sum over c of mean(d logit / d A_c) * A_c)`, or one of its variants.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct GradCam {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    #[schema(max_items = 16)]
    pub class: Vec<ClassRef>,
    /// The layer whose feature maps are weighted; by default the last before the classifier.
    #[arg(long)]
    pub layer: Option<String>,
    /// How the feature maps are weighted.
    #[arg(long, value_enum, default_value_t)]
    pub variant: Variant,
}

impl Technique for GradCam {
    const NAME: &'static str = "grad-cam";
    type Findings = Explanation;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation> {
        one_run::explain(self, model, picture, cancellation)
    }

    fn one_run(&self) -> Option<&dyn OneRun> {
        Some(self)
    }
}

impl OneRun for GradCam {
    fn classes(&self) -> &[ClassRef] {
        &self.class
    }

    fn question(&self, model: &Model) -> Result<Question> {
        let layer = model.feature_layer(self.layer.as_deref())?;
        let gradients =
            if self.variant.needs_gradient() { vec![(Rule::Standard, layer.output.clone())] } else { Vec::new() };
        Ok(Question { gradients, values: vec![layer.output.clone()] })
    }

    fn read(&self, model: &Model, answer: &Answer) -> Result<Explanation> {
        let layer = model.feature_layer(self.layer.as_deref())?;
        let maps = class_activation_maps(answer, &layer.output, self.variant)?;
        let maps = maps.into_iter().map(|map| Values(map.into_dyn())).collect();
        Ok(Explanation::new(Self::NAME, Some(layer.name.clone()), model, answer, maps))
    }
}
