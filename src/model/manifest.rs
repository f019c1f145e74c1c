//! `model.toml`: what the graph cannot say about itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Preprocessing, preprocessing};
use crate::{
    error::{Error, Result},
    onnx::{Layer, Shape},
};

/// The file's content; every section may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Manifest {
    /// Where the model comes from.
    pub about: About,
    /// How a picture becomes the model's input.
    pub preprocessing: Option<preprocessing::Section>,
    /// The classes' names.
    pub labels: LabelsSection,
    /// New names for layers, by the name they have without this.
    pub layers: BTreeMap<String, String>,
}

/// Where a model comes from.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct About {
    /// The model's name for people.
    pub title: Option<String>,
    /// The licence of the weights.
    pub licence: Option<String>,
    /// Who made it and from what; for readers of the file.
    #[allow(dead_code)]
    pub source: Option<String>,
}

/// Which file names the classes.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LabelsSection {
    /// The file's name beside `model.toml`.
    pub file: String,
}

impl Default for LabelsSection {
    fn default() -> Self {
        Self { file: "labels.txt".into() }
    }
}

impl Manifest {
    /// Reads the file of `model`; without one, everything has its default.
    pub fn parse(model: &str, text: Option<&str>) -> Result<Self> {
        toml::from_str(text.unwrap_or_default())
            .map_err(|error| Error::setup("invalid_manifest", format!("model.toml of `{model}`: {error}")))
    }

    /// The preprocessing as stated, else torchvision's at the size that the input's `shape` [N, 3, H, W] says.
    pub fn preprocessing(&self, model: &str, shape: Option<&Shape>) -> Result<Preprocessing> {
        let side = |axis: usize| shape.and_then(|shape| shape.get(axis)?.size());
        let size = side(2).zip(side(3));
        let stated = self.preprocessing.clone().unwrap_or_else(|| {
            tracing::warn!(
                model,
                "no [preprocessing] in model.toml: assuming torchvision's (mode = \"torch\", resize = \"crop\")"
            );
            preprocessing::Section::torchvision()
        });
        let preprocessing = stated.resolve(size)?;
        match size {
            Some((height, width)) if (height, width) != (preprocessing.height(), preprocessing.width()) => {
                let message = format!(
                    "model `{model}` takes pictures of {width}x{height}, but its [preprocessing] says {}x{}",
                    preprocessing.width(),
                    preprocessing.height()
                );
                Err(Error::setup("size_does_not_fit", message))
            }
            _ => Ok(preprocessing),
        }
    }

    /// The layers under the names that `[layers]` gives them; an entry for a layer that does not exist is an error.
    pub fn rename(&self, mut layers: Vec<Layer>) -> Result<Vec<Layer>> {
        for (from, to) in &self.layers {
            let layer = layers.iter_mut().find(|layer| layer.name == *from).ok_or_else(|| {
                Error::setup("unknown_layer", format!("model.toml renames layer `{from}`, which does not exist"))
            })?;
            layer.name.clone_from(to);
        }
        Ok(layers)
    }
}
