//! A served model: manifest, labels, preprocessing, named layers and its compiled programs.

mod class;
mod preprocessing;

use std::{collections::BTreeMap, sync::Arc};

pub use class::{ClassRef, Labels};
use ndarray::Array4;
pub use preprocessing::Preprocessing;

use crate::{
    config::Config,
    error::Result,
    imaging::{Region, RgbImage},
};

/// The served models by name.
#[derive(Debug)]
pub struct Models {
    models: BTreeMap<String, Arc<Model>>,
}

impl Models {
    /// Loads ONNX Runtime, the embedded default model, and every model in `models.dir`.
    pub fn load(_config: &Config) -> Result<Self> {
        todo!()
    }

    /// The model called `name`, or a 404 with near names.
    pub fn get(&self, _name: &str) -> Result<Arc<Model>> {
        todo!()
    }

    /// All models, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }
}

/// One served model.
#[derive(Debug)]
pub struct Model {
    name: String,
    title: String,
    preprocessing: Preprocessing,
    labels: Labels,
}

impl Model {
    /// The model's name in addresses.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model's name for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// How a picture becomes the model's input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// What the classes are called.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The names of the layers, input first.
    pub fn layer_names(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }
}

/// An uploaded picture, made ready for one model.
#[derive(Debug)]
pub struct Picture {
    /// The upright picture as uploaded.
    pub photo: RgbImage,
    /// The part of it that the model sees.
    pub seen: Region,
    /// What the model gets, [1, 3, H, W].
    pub input: Array4<f32>,
}
