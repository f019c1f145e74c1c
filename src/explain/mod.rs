//! The techniques: options in, [`Explanation`] out, one file each.

mod activation_maximization;
mod bounds;
mod check;
mod class_activation;
mod combined;
mod deconvnet;
mod drawing;
mod explanation;
mod filters;
mod grad_cam;
mod guided_backprop;
mod guided_grad_cam;
mod input_gradient;
mod instance;
mod integrated_gradients;
mod layer_outputs;
mod layer_weights;
mod occlusion;
mod one_run;
mod predict;
mod predictions;
mod report;
mod saliency;
mod smoothgrad;

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

pub use activation_maximization::{ActivationMaximization, Drawing, Losses, Maximum, Recipe, Step};
pub use bounds::check_bounds;
pub use check::{Check, Tried, Understood};
pub use class_activation::Variant;
pub use combined::{Combination, Explainer, Found, SoFar, Watcher, explain_all, explainer};
pub use deconvnet::Deconvnet;
pub use drawing::Backdrop;
pub use explanation::{Completeness, Explanation, Map, Prediction, Scored, Values};
pub use filters::{Filters, FiltersShown, ShownFilter};
pub use grad_cam::GradCam;
pub use guided_backprop::GuidedBackprop;
pub use guided_grad_cam::GuidedGradCam;
pub use input_gradient::Reduce;
pub use instance::{Instance, Scores};
pub use integrated_gradients::{Baseline, IntegratedGradients};
pub use layer_outputs::{Channels, FeatureMap, LayerMaps, LayerOutputs, LayerOutputsFound};
pub use layer_weights::{AxisOrder, Histogram, LayerWeights, Statistics, Weights};
pub use occlusion::{Fill, Occluded, Occlusion, OcclusionMaps, Placement, Quantity};
pub use one_run::OneRun;
pub use predict::{Predict, Predictions, Top};
pub use report::{Dimensions, Files, Format, Report, Timing, Written, write_all};
pub use saliency::Saliency;
pub use smoothgrad::SmoothGrad;

use crate::{
    error::{Error, Result},
    imaging::RgbImage,
    model::{Model, Picture},
    runtime::Cancellation,
};

/// A technique's options, which are also its query string, form, JSON body, OpenAPI schema and command-line flags.
pub trait Technique: Serialize + DeserializeOwned + Default + Debug + ToSchema + clap::Args + Send + 'static {
    /// The name in addresses and on the command line.
    const NAME: &'static str;

    /// What it finds.
    type Findings: Findings + Into<Found>;

    /// Explains `picture` as `model` sees it.
    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Self::Findings>;

    /// As [`Technique::explain`], and gives what is found so far to `growing`, now and then, where that says something already;
    /// what shows most is found first, though it may take longer.
    fn explain_growing(
        &self,
        model: &Model,
        picture: &Picture,
        _: &mut dyn FnMut(Self::Findings),
        cancellation: &Cancellation,
    ) -> Result<Self::Findings> {
        self.explain(model, picture, cancellation)
    }

    /// This technique as one that can share its run of the model, if it can.
    fn one_run(&self) -> Option<&dyn OneRun> {
        None
    }

    /// The options of least work for `model` with which it still does all that it does by default.
    fn trial(_: &Model) -> Self {
        Self::default()
    }
}

/// What a technique finds: numbers that JSON shows as they are, and that can be drawn.
pub trait Findings: Serialize + ToSchema + Send + 'static {
    /// The findings drawn over `backdrop`, as a PNG file.
    fn to_png(&self, backdrop: Backdrop<'_>) -> Result<Vec<u8>>;

    /// The findings as one `NumPy` array file.
    fn to_npy(&self) -> Result<Vec<u8>>;
}

/// Something to do with each technique, such as giving it an address.
pub trait Visitor {
    /// Does it with `T`.
    fn visit<T: Technique>(&mut self);
}

/// Shows all techniques to `visitor`: the one list of them.
pub fn visit_techniques(visitor: &mut impl Visitor) {
    visitor.visit::<Saliency>();
    visitor.visit::<GuidedBackprop>();
    visitor.visit::<Deconvnet>();
    visitor.visit::<SmoothGrad>();
    visitor.visit::<IntegratedGradients>();
    visitor.visit::<GradCam>();
    visitor.visit::<GuidedGradCam>();
    visitor.visit::<Occlusion>();
    visitor.visit::<LayerOutputs>();
}

/// The names of all techniques.
pub fn technique_names() -> Vec<&'static str> {
    struct Names(Vec<&'static str>);
    impl Visitor for Names {
        fn visit<T: Technique>(&mut self) {
            self.0.push(T::NAME);
        }
    }
    let mut names = Names(Vec::new());
    visit_techniques(&mut names);
    names.0
}

/// Compiles what `predict` and the default technique, Grad-CAM, need, and runs both once, so that the first request finds
/// them ready.
///
/// A model that cannot be differentiated, or has no convolution, still predicts: the log says so.
pub fn warm_up(model: &Model) -> Result<()> {
    let (width, height) = (model.preprocessing().width() as u32, model.preprocessing().height() as u32);
    let picture = model.prepare(RgbImage::new(width, height));
    let cancellation = Cancellation::default();
    Predict::default()
        .predict(model, &picture, &cancellation)
        .map_err(|error| Error { message: format!("it cannot be run: {error}"), ..error })?;
    if let Err(error) = GradCam::default().explain(model, &picture, &cancellation) {
        tracing::warn!(model = model.name(), %error, "Grad-CAM cannot explain this model");
    }
    Ok(())
}
