//! `glassbox check`

use std::path::{Path, PathBuf};

use clap::Args;

use super::files::print;
use crate::{
    config::Config,
    error::{Error, Kind, Result},
    explain,
    model::Models,
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
        let name = self.model.to_string_lossy();
        let model = if self.model.is_dir() || self.is_path() {
            Models::load_directory(config, self.directory())
        } else {
            Models::load_one(config, &name)
        };
        let (check, failure) = match model {
            Ok(model) => (explain::Check::of(&model), None),
            Err(error) if error.kind == Kind::Broken => (explain::Check::failed(&name, &error), Some(error)),
            // It is not about the model: there is none of this name, or no ONNX Runtime.
            Err(error) => return Err(error),
        };
        if self.json {
            let json = serde_json::to_string_pretty(&check).map_err(|error| Error::internal(error.to_string()))?;
            print(format!("{json}\n").as_bytes())?;
        } else if failure.is_none() {
            print(check.to_string().as_bytes())?;
        }
        match (failure, check.problem) {
            (Some(error), _) => Err(error),
            (None, Some(problem)) => {
                Err(Error::setup("broken_model", format!("model `{}` cannot be served: {problem}", check.model)))
            }
            (None, None) => Ok(()),
        }
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
