//! Guided Grad-CAM: guided backpropagation's detail, where Grad-CAM looks.

use ndarray::Axis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Explanation, Reduce, Technique, grad_cam::class_activation_maps, input_gradient::per_class};
use crate::{
    autodiff::Rule,
    error::Result,
    imaging::upsample,
    model::{ClassRef, Model, Picture, Question},
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
    pub class: Vec<ClassRef>,
    /// The layer whose feature maps Grad-CAM weights; by default the last convolution.
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
        let classes = model.resolve(&self.class)?;
        let layer = model.feature_layer(self.layer.as_deref())?;
        let question = Question {
            gradients: vec![(Rule::Standard, layer.output.clone()), (Rule::Guided, model.input().to_owned())],
            values: vec![layer.output.clone()],
        };
        let mut answer = model.ask(&question, &picture.input, &classes, cancellation)?;
        let gradients = answer.take_gradient(Rule::Standard, &layer.output)?;
        let guided = per_class(answer.take_gradient(Rule::Guided, model.input())?)?;
        let cams = class_activation_maps(answer.take_value(&layer.output)?, gradients)?;
        let maps = guided
            .zip(cams)
            .map(|(guided, cam)| {
                let (height, width) = (guided.len_of(Axis(1)), guided.len_of(Axis(2)));
                self.reduce.apply(guided * &upsample(&cam.view(), width, height))
            })
            .collect();
        Ok(Explanation::new(Self::NAME, Some(layer.name.clone()), model, &answer, maps))
    }
}
