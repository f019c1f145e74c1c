//! The models there are: the built-in one, and those in the models directory.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{Files, Model, directory::is_model_name, manifest::Manifest};
use crate::{
    config::Config,
    error::{Error, Kind, Result, excerpt, nearest, quoted},
    onnx::Graph,
    runtime::{Runtime, Weights},
};

/// The name of the model inside the binary.
const BUILT_IN: &str = "vgg16-caltech101";

/// The models by name.
#[derive(Debug)]
pub struct Models {
    models: BTreeMap<String, Entry>,
}

/// Whether a model can be served.
#[derive(Debug)]
pub enum Entry {
    /// It is.
    Ready(Arc<Model>),
    /// It cannot be, and why.
    Broken(Error),
}

/// Where a model comes from.
enum Source {
    BuiltIn,
    Directory(PathBuf),
    /// A directory whose name no address can hold.
    Unaddressable,
}

impl Models {
    /// Loads ONNX Runtime, the built-in model, and every model in `models.dir`; one there takes the place of a built-in of its name.
    ///
    /// A model that cannot be loaded is there as a broken one, and does not stop the others.
    pub fn load(config: &Config) -> Result<Self> {
        let runtime = Runtime::load(&config.runtime)?;
        let models = sources(config)?.into_iter().map(|(name, source)| {
            let entry = match read(&name, &source, config, &runtime) {
                Ok(model) => Entry::Ready(Arc::new(model)),
                Err(error) => Entry::broken(&name, error),
            };
            (name, entry)
        });
        Ok(Self { models: models.collect() })
    }

    /// Loads ONNX Runtime and the model called `name`, and no other.
    pub fn load_one(config: &Config, name: &str) -> Result<Model> {
        let sources = sources(config)?;
        let source = sources.get(name).ok_or_else(|| unknown(name, &sources))?;
        let runtime = Runtime::load(&config.runtime)?;
        read(name, source, config, &runtime).map_err(|error| cannot_be_served(name, &error))
    }

    /// Loads ONNX Runtime and the model in `directory`, wherever that is.
    pub fn load_directory(config: &Config, directory: &Path) -> Result<Model> {
        let name =
            directory.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let name = name.unwrap_or_else(|| directory.display().to_string());
        let source = Source::Directory(directory.to_owned());
        let runtime = Runtime::load(&config.runtime)?;
        read(&name, &source, config, &runtime).map_err(|error| cannot_be_served(&name, &error))
    }

    /// Tries each model out; one that `run` fails with is a broken one from then on.
    pub fn try_out(&mut self, run: impl Fn(&Model) -> Result<()>) {
        for (name, entry) in &mut self.models {
            if let Entry::Ready(model) = entry
                && let Err(error) = run(model)
            {
                *entry = Entry::broken(name, error);
            }
        }
    }

    /// The model called `name`; a 404 with near names if there is none, a 503 with the reason if it is broken.
    pub fn get(&self, name: &str) -> Result<Arc<Model>> {
        match self.models.get(name).ok_or_else(|| unknown(name, &self.models))? {
            Entry::Ready(model) => Ok(Arc::clone(model)),
            Entry::Broken(error) => Err(cannot_be_served(name, error)),
        }
    }

    /// All models, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.models.iter().map(|(name, state)| (name.as_str(), state))
    }
}

impl Entry {
    /// A broken model, of which the log is told.
    fn broken(name: &str, error: Error) -> Self {
        tracing::warn!(model = name, code = error.code, "cannot be served: {error}");
        Self::Broken(error)
    }
}

fn cannot_be_served(name: &str, error: &Error) -> Error {
    Error::new(Kind::Broken, "broken_model", format!("model `{name}` cannot be served: {error}"))
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
    sources.extend(directories(&config.models.dir)?);
    Ok(sources)
}

/// Reads a model; an error says what keeps it from being served.
fn read(name: &str, source: &Source, config: &Config, runtime: &Runtime) -> Result<Model> {
    let files = match source {
        Source::BuiltIn => built_in()?,
        Source::Directory(directory) => read_directory(directory)?,
        Source::Unaddressable => {
            let message = "its directory needs a name of letters, digits, `_` and `-`";
            return Err(Error::setup("invalid_model_name", message));
        }
    };
    let model = Model::new(name, files, runtime, Weights::new(&config.models.cache_dir))?;
    Ok(model.incremental(config.occlusion.incremental))
}

fn built_in() -> Result<Files> {
    Ok(Files {
        graph: Graph::read(Bytes::from_static(include_bytes!("../../models/vgg16-caltech101/model.onnx")))?,
        manifest: Some(include_str!("../../models/vgg16-caltech101/model.toml").to_owned()),
        labels: Some(include_str!("../../models/vgg16-caltech101/labels.txt").to_owned()),
    })
}

/// The subdirectories of `directory` that hold a `model.onnx`, by name; none if it does not exist.
fn directories(directory: &Path) -> Result<Vec<(String, Source)>> {
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
        let source = if is_model_name(&name) { Source::Directory(path) } else { Source::Unaddressable };
        found.push((name, source));
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
