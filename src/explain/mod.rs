//! The techniques: options in, [`Explanation`] out, one file each.

mod deconvnet;
mod explanation;
mod grad_cam;
mod guided_backprop;
mod guided_grad_cam;
mod input_gradient;
mod predict;
mod predictions;
mod saliency;

use serde::{Serialize, de::DeserializeOwned};

pub use deconvnet::Deconvnet;
pub use explanation::{Explanation, Map, Prediction, Scored, Values};
pub use grad_cam::GradCam;
pub use guided_backprop::GuidedBackprop;
pub use guided_grad_cam::GuidedGradCam;
pub use input_gradient::Reduce;
pub use predict::{Predict, Top};
pub use saliency::Saliency;

use crate::{
    error::Result,
    imaging::RgbImage,
    model::{Model, Picture},
    runtime::Cancellation,
};

/// A technique's options, which are also its query string, form, JSON body, OpenAPI schema and command-line flags.
pub trait Technique: Serialize + DeserializeOwned + Default + Send + 'static {
    /// The name in addresses and on the command line.
    const NAME: &'static str;

    /// Explains `picture` as `model` sees it.
    fn explain(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Explanation>;
}

/// Compiles what `predict` and the default technique, Grad-CAM, need, and runs both once, so that the first request finds them ready.
pub fn warm_up(model: &Model) -> Result<()> {
    let (width, height) = (model.preprocessing().width() as u32, model.preprocessing().height() as u32);
    let picture = model.prepare(RgbImage::new(width, height));
    let cancellation = Cancellation::default();
    Predict::default().predict(model, &picture, &cancellation)?;
    GradCam::default().explain(model, &picture, &cancellation).map(drop)
}
