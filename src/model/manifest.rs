//! `model.toml`: what the graph cannot say about itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{conventions::Conventions, inference::Inferences, preprocessing};
use crate::{
    error::{Error, Result},
    onnx::Layer,
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
    /// Which of the graph's outputs gives the classes' scores.
    pub output: OutputSection,
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
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LabelsSection {
    /// The file's name beside `model.toml`; by default `labels.txt`, if there is one.
    pub file: Option<String>,
}

/// Which of the graph's outputs gives the classes' scores.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OutputSection {
    /// The output's name; by default it is told from the outputs' shapes and names.
    pub name: Option<String>,
}

impl Manifest {
    /// Reads the file; without one, everything has its default.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        toml::from_str(text.unwrap_or_default())
            .map_err(|error| Error::setup("invalid_manifest", format!("its model.toml cannot be used: {error}")))
    }

    /// The height and width of pictures: those that the file fixes, else as stated, else as `conventions` have them.
    ///
    /// An error where the file and the statement contradict each other.
    pub fn size(
        &self,
        fixed: [Option<usize>; 2],
        conventions: &Conventions,
        inferences: &mut Inferences<'_>,
    ) -> Result<[usize; 2]> {
        let stated = self.preprocessing.as_ref().and_then(preprocessing::Section::size);
        let size = match (stated, fixed) {
            (Some(stated), _) => stated,
            (None, [Some(height), Some(width)]) => [height, width],
            (None, [Some(side), None] | [None, Some(side)]) => {
                inferences.note("size", format!("{side}x{side}"), "the file leaves one side of its input open");
                [side; 2]
            }
            (None, [None, None]) => {
                let side = conventions.side;
                inferences.note(
                    "size",
                    format!("{side}x{side}"),
                    "the file leaves the size of its input open; most such models take this",
                );
                [side; 2]
            }
        };
        if fixed.iter().zip(size).any(|(fixed, side)| fixed.is_some_and(|fixed| fixed != side)) {
            let text = |side: Option<usize>| side.map_or("any".to_owned(), |side| side.to_string());
            let ([height, width], [fixed_height, fixed_width]) = (size, fixed.map(text));
            let message = format!(
                "it takes pictures of {fixed_width}x{fixed_height}, but `size` in model.toml says {width}x{height}"
            );
            return Err(Error::setup("size_does_not_fit", message));
        }
        Ok(size)
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
