//! The techniques: options in, [`Explanation`] out, one file each.

mod explanation;

use serde::{Serialize, de::DeserializeOwned};

pub use explanation::{Explanation, Map, Prediction, Scored};

use crate::{
    error::Result,
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
