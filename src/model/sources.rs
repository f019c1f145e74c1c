//! Where models come from: the binary, and the directory of models.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use bytes::Bytes;

use super::{Files, Model, directory::is_model_name, inference::Inferences, manifest::Manifest};
use crate::{
    config::Config,
    error::{Error, Result},
    onnx::Graph,
    runtime::{Runtime, Weights},
};

/// The name of the model inside the binary.
const BUILT_IN: &str = "vgg16-caltech101";

/// Where a model comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// The binary.
    BuiltIn,
    /// A directory with a `model.onnx`.
    Directory(PathBuf),
    /// A directory whose name no address can hold.
    Unaddressable,
}

/// When the files of a model were last written, and how long its `model.onnx` is: another stamp, other files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The bytes of `model.onnx`.
    pub length: u64,
    written: Vec<Option<SystemTime>>,
}

impl Source {
    /// The stamp of the files as they are now.
    pub fn stamp(&self) -> Stamp {
        let Self::Directory(directory) = self else { return Stamp::default() };
        let file = |name: &str| fs::metadata(directory.join(name)).ok();
        let written = ["model.onnx", "model.toml", "labels.txt"].map(|name| file(name)?.modified().ok());
        Stamp { length: file("model.onnx").map_or(0, |file| file.len()), written: written.to_vec() }
    }
}

/// All models that there are, by name; one in `models.dir` takes the place of a built-in of its name.
pub(super) fn sources(config: &Config) -> Result<BTreeMap<String, Source>> {
    let mut sources = BTreeMap::from([(BUILT_IN.to_owned(), Source::BuiltIn)]);
    sources.extend(directories(&config.models.dir)?);
    if let Some((name, directory)) = &config.models.mounted {
        let source = if is_model_name(name) { Source::Directory(directory.clone()) } else { Source::Unaddressable };
        sources.insert(name.clone(), source);
    }
    Ok(sources)
}

/// Reads the model that `inferences` are about; an error says what keeps it from being served.
pub(super) fn read(
    source: &Source,
    config: &Config,
    runtime: &Runtime,
    inferences: &mut Inferences<'_>,
) -> Result<Model> {
    let files = match source {
        Source::BuiltIn => built_in()?,
        Source::Directory(directory) => read_directory(directory)?,
        Source::Unaddressable => {
            let message = "its directory needs a name of letters, digits, `_` and `-`";
            return Err(Error::setup("invalid_model_name", message));
        }
    };
    let model = Model::understand(files, runtime, Weights::new(&config.models.cache_dir), inferences)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_model_is_served_under_the_name_that_the_command_line_gives() {
        let mut config = Config::default();
        config.models.dir = "/nowhere".into();
        config.models.mounted = Some(("mine".into(), "/mnt/models".into()));
        let sources = sources(&config).unwrap();
        assert!(matches!(&sources["mine"], Source::Directory(path) if path == Path::new("/mnt/models")));
        assert!(matches!(sources[BUILT_IN], Source::BuiltIn));
        config.models.mounted = Some(("no/name".into(), "/mnt/models".into()));
        assert!(matches!(super::sources(&config).unwrap()["no/name"], Source::Unaddressable));
    }
}
