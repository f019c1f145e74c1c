//! The models that are served: the built-in one, and those in the models directory.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{Files, Model, manifest::Manifest};
use crate::{
    config::Config,
    error::{Error, Kind, Result, excerpt, nearest, quoted},
    onnx::Graph,
    runtime::{Runtime, Weights},
};

/// The name of the model inside the binary.
const BUILT_IN: &str = "vgg16-caltech101";

/// The served models by name.
#[derive(Debug)]
pub struct Models {
    models: BTreeMap<String, Arc<Model>>,
}

/// Where a model comes from.
enum Source {
    BuiltIn,
    Directory(PathBuf),
}

impl Models {
    /// Loads ONNX Runtime, the built-in model, and every model in `models.dir`; one there takes the place of a built-in of its name.
    pub fn load(config: &Config) -> Result<Self> {
        let runtime = Runtime::load(&config.runtime)?;
        let models = sources(config)?.into_iter().map(|(name, source)| {
            let model = read(&name, &source, config, &runtime)?;
            Ok((name, Arc::new(model)))
        });
        Ok(Self { models: models.collect::<Result<_>>()? })
    }

    /// Loads ONNX Runtime and the model called `name`, and no other.
    pub fn load_one(config: &Config, name: &str) -> Result<Model> {
        let sources = sources(config)?;
        let source = sources.get(name).ok_or_else(|| unknown(name, &sources))?;
        read(name, source, config, &Runtime::load(&config.runtime)?)
    }

    /// The model called `name`; a 404 with near names if there is none.
    pub fn get(&self, name: &str) -> Result<Arc<Model>> {
        self.models.get(name).cloned().ok_or_else(|| unknown(name, &self.models))
    }

    /// All models, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }
}

fn unknown<T>(name: &str, models: &BTreeMap<String, T>) -> Error {
    let names = || models.keys().map(String::as_str);
    let near = nearest(name, names(), 3);
    let known = if near.is_empty() { names().collect() } else { near };
    let message = format!("there is no model `{}`; there is {}", excerpt(name), quoted(known));
    Error::new(Kind::NotFound, "unknown_model", message)
}

fn sources(config: &Config) -> Result<BTreeMap<String, Source>> {
    let mut sources = BTreeMap::from([(BUILT_IN.to_owned(), Source::BuiltIn)]);
    let directories = directories(&config.models.dir)?;
    sources.extend(directories.into_iter().map(|(name, directory)| (name, Source::Directory(directory))));
    Ok(sources)
}

fn read(name: &str, source: &Source, config: &Config, runtime: &Runtime) -> Result<Model> {
    let files = match source {
        Source::BuiltIn => built_in(),
        Source::Directory(directory) => read_directory(directory),
    };
    files
        .and_then(|files| Model::new(name, files, runtime, Weights::new(&config.models.cache_dir)))
        .map(|model| model.incremental(config.occlusion.incremental))
        .map_err(|error| Error { message: format!("model `{name}`: {error}"), ..error })
}

fn built_in() -> Result<Files> {
    Ok(Files {
        graph: Graph::read(Bytes::from_static(include_bytes!("../../models/vgg16-caltech101/model.onnx")))?,
        manifest: Some(include_str!("../../models/vgg16-caltech101/model.toml").to_owned()),
        labels: Some(include_str!("../../models/vgg16-caltech101/labels.txt").to_owned()),
    })
}

/// The subdirectories of `directory` that hold a `model.onnx`, by name; none if it does not exist.
fn directories(directory: &Path) -> Result<Vec<(String, PathBuf)>> {
    let unreadable = |error: io::Error| {
        Error::setup("models_unreadable", format!("models.dir {} cannot be read: {error}", directory.display()))
    };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if !path.join("model.onnx").is_file() {
            continue;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            let message = format!("the model directory `{name}` needs a name of letters, digits, `_` and `-`");
            return Err(Error::setup("invalid_model_name", message));
        }
        found.push((name, path));
    }
    Ok(found)
}

fn read_directory(directory: &Path) -> Result<Files> {
    let optional = |file: &str| match fs::read_to_string(directory.join(file)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::setup("model_unreadable", format!("{}: {error}", directory.join(file).display()))),
    };
    let manifest = optional("model.toml")?;
    let stated = Manifest::parse(manifest.as_deref())?.labels.file;
    let labels = optional(stated.as_deref().unwrap_or("labels.txt"))?;
    if let Some(file) = stated.filter(|_| labels.is_none()) {
        let message = format!("model.toml names the labels file `{file}`, which is not there");
        return Err(Error::setup("labels_missing", message));
    }
    Ok(Files { graph: Graph::read_file(&directory.join("model.onnx"))?, manifest, labels })
}
