//! A close look at one model, also at one that cannot be served.

use std::path::Path;

use super::{
    Finding, Inference, Model,
    catalog::unknown,
    inference::Inferences,
    sources::{Source, read, sources},
};
use crate::{
    config::Config,
    error::{Error, Result},
    runtime::Runtime,
};

/// What was understood of a model's files, and the model if it can be served.
#[derive(Debug)]
pub struct Examination {
    /// The model's name.
    pub name: String,
    /// What was found, in the order in which it was; where there is no model, up to what is wrong.
    pub findings: Vec<Finding>,
    /// What of it no file says.
    pub inferences: Vec<Inference>,
    /// The model, or what keeps it from being served.
    pub outcome: Result<Model>,
}

impl Examination {
    /// Loads ONNX Runtime and the model called `name`, and no other; an error if one of them is not there.
    pub fn of_model(config: &Config, name: &str) -> Result<Self> {
        let sources = sources(config)?;
        let source = sources.get(name).ok_or_else(|| unknown(name, &sources))?;
        Self::of(config, name, source)
    }

    /// Loads ONNX Runtime and the model in `directory`, wherever that is; an error if one of them is not there.
    pub fn of_directory(config: &Config, directory: &Path) -> Result<Self> {
        if !directory.join("model.onnx").is_file() {
            let message = format!("there is no model: cannot read {}", directory.join("model.onnx").display());
            return Err(Error::setup("no_such_model", message));
        }
        let name =
            directory.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let name = name.unwrap_or_else(|| directory.display().to_string());
        Self::of(config, &name, &Source::Directory(directory.to_owned()))
    }

    fn of(config: &Config, name: &str, source: &Source) -> Result<Self> {
        let runtime = Runtime::load(&config.runtime)?;
        let mut inferences = Inferences::about(name);
        let outcome = read(source, config, &runtime, &mut inferences);
        let (findings, inferences) = inferences.into_lists();
        Ok(Self { name: name.to_owned(), findings, inferences, outcome })
    }
}
