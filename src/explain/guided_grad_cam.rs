//! Guided Grad-CAM: guided backpropagation's detail, where Grad-CAM looks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Explanation, OneRun, Reduce, Technique,
    class_activation::{Variant, class_activation_maps},
    input_gradient::feature_maps,
    one_run,
};
use crate::{
    autodiff::Rule,
    error::Result,
    imaging::upsample,
    model::{Answer, ClassRef, Model, Picture, Question},
    runtime::Cancellation,
};

/// Guided backpropagation times Grad-CAM enlarged to the model's input.
///
/// Selvaraju et al., "Grad-CAM", 2016, section 3.2; both gradients come from one forward pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct GuidedGradCam {
    /// The class to explain, by label or index; repeat it for several maps. By default the likeliest class.
    #[arg(long)]
    #[schema(max_items = 16)]
    pub class: Vec<ClassRef>,
    /// The layer whose feature maps Grad-CAM weights; by default the last before the classifier.
    #[arg(long)]
    pub layer: Option<String>,
    /// How the colour channels become one map.
    #[arg(long, value_enum, default_value_t)]
    pub reduce: Reduce,
}

impl Technique for GuidedGradCam {
    const NAME: &'static str = "guided-grad-cam";
    type Findings = Explanation;

    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation> {
        one_run::explain(self, model, picture, cancellation)
    }

    fn one_run(&self) -> Option<&dyn OneRun> {
        Some(self)
    }
}

impl OneRun for GuidedGradCam {
    fn classes(&self) -> &[ClassRef] {
        &self.class
    }

    fn question(&self, model: &Model) -> Result<Question> {
        let layer = model.feature_layer(self.layer.as_deref())?;
        Ok(Question {
            gradients: vec![(Rule::Standard, layer.output.clone()), (Rule::Guided, model.input().to_owned())],
            values: vec![layer.output.clone()],
        })
    }

    fn read(&self, model: &Model, answer: &Answer) -> Result<Explanation> {
        let layer = model.feature_layer(self.layer.as_deref())?;
        let guided = feature_maps(answer.gradient(Rule::Guided, model.input())?)?;
        let cams = class_activation_maps(answer, &layer.output, Variant::GradCam)?;
        let maps = guided
            .outer_iter()
            .zip(cams)
            .map(|(guided, cam)| {
                let (_, height, width) = guided.dim();
                self.reduce.apply(&guided * &upsample(&cam.view(), width, height))
            })
            .collect();
        Ok(Explanation::new(Self::NAME, Some(layer.name.clone()), model, answer, maps))
    }
}
