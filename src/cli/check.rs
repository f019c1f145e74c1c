//! `glassbox check`

use std::path::{Path, PathBuf};

use clap::Args;

use super::files::print;
use crate::{
    config::Config,
    error::{Error, Result},
    explain,
    model::Examination,
};

/// Says what was understood of a model, and what works with it
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The model: a directory with a model.onnx, or a name
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let examination = if self.model.is_dir() || self.is_path() {
            Examination::of_directory(config, self.directory())
        } else {
            Examination::of_model(config, &self.model.to_string_lossy())
        };
        let check = explain::Check::of(&examination?);
        let text = if self.json {
            let json = serde_json::to_string_pretty(&check).map_err(|error| Error::internal(error.to_string()))?;
            format!("{json}\n")
        } else {
            check.to_string()
        };
        print(text.as_bytes())?;
        check.problem.map_or(Ok(()), |problem| {
            Err(Error::setup("broken_model", format!("model `{}` cannot be served: {problem}", check.model)))
        })
    }

    /// Whether a path is meant, and not a name.
    fn is_path(&self) -> bool {
        self.model.components().count() > 1 || self.model.extension().is_some()
    }

    /// The model's directory, also where its file is named.
    fn directory(&self) -> &Path {
        match self.model.parent() {
            Some(parent) if self.model.ends_with("model.onnx") => parent,
            _ => &self.model,
        }
    }
}
