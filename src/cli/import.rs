//! `glassbox import`

use std::{fs, path::PathBuf};

use clap::{Args, ValueEnum};

use super::files::print;
use crate::{
    config::Config,
    error::{Error, Result},
    model::{Labels, import_vgg16},
};

/// Makes a model of a network's weights, as torchvision, timm or Keras name them
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The network
    #[arg(long)]
    arch: Architecture,
    /// The weights, a safetensors file
    #[arg(value_name = "FILE")]
    weights: PathBuf,
    /// The model's directory; by default one called after the file, in the models directory
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// A file with a class's name a line; by default `ImageNet`'s names for 1,000 classes
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Replace what is there
    #[arg(long)]
    force: bool,
}

/// A network that is built from its weights alone.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Architecture {
    /// VGG16 without batch normalization, of any width and for any number of classes
    Vgg16,
}

impl Import {
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let output =
            self.output.clone().unwrap_or_else(|| config.models.dir.join(self.weights.file_stem().unwrap_or_default()));
        let labels = self.labels.as_ref().map(|file| {
            let text = fs::read_to_string(file);
            text.map(|text| Labels::parse(&text)).map_err(|error| {
                Error::setup("labels_unreadable", format!("{} cannot be read: {error}", file.display()))
            })
        });
        let imported = match self.arch {
            Architecture::Vgg16 => import_vgg16(&self.weights, &output, labels.transpose()?, self.force)?,
        };
        let line = format!(
            "{}: VGG16 named by {}, {} classes, pictures of {size}x{size}; see model.toml for its preprocessing\n",
            output.display(),
            imported.naming,
            imported.classes,
            size = imported.size,
        );
        print(line.as_bytes())
    }
}
