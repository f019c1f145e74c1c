//! Weights kept in files beside the model.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::proto::StringStringEntryProto;
use super::{Error, Result};

/// Where an initializer's elements are, when they are not in the model's own file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalData {
    /// The file, relative to the model's directory.
    pub location: String,
    /// The first byte.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// Maps a file into memory; an error if it is none, or cannot be read.
pub fn map_file(path: &Path) -> Result<Bytes> {
    let failed = |error: std::io::Error| Error::File { path: path.display().to_string(), reason: error.to_string() };
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Error::File { path: path.display().to_string(), reason: "it is not a file".to_owned() });
    }
    // SAFETY: the map is read-only. A model's files are replaced by renaming, not rewritten in place, while a server reads them;
    // this is the assumption ONNX Runtime makes too when it maps external weights.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
    Ok(Bytes::from_owner(map))
}

/// The files beside a model, each mapped once.
pub(super) struct Directory {
    path: Option<PathBuf>,
    files: HashMap<String, Bytes>,
}

impl Directory {
    /// The directory `path`, or nowhere for a model that came without one.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, files: HashMap::new() }
    }

    /// The bytes that `entries` point to; `length` is what the tensor's shape asks for.
    pub(super) fn read(&mut self, tensor: &str, entries: &[StringStringEntryProto], length: usize) -> Result<Bytes> {
        let entry = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
        let location = entry("location").ok_or_else(|| Error::Invalid(format!("weight `{tensor}` names no file")))?;
        let number = |key: &str| {
            let invalid = |_| Error::Invalid(format!("weight `{tensor}` has an {key} that is not a number"));
            entry(key).map(|value| value.parse::<usize>().map_err(invalid)).transpose()
        };
        let (offset, stated) = (number("offset")?.unwrap_or(0), number("length")?);
        if stated.is_some_and(|stated| stated != length) {
            return Err(Error::Invalid(format!(
                "weight `{tensor}` needs {length} bytes, but `{location}` is said to hold another number"
            )));
        }
        let file = self.file(tensor, location)?;
        match offset.checked_add(length) {
            Some(end) if end <= file.len() => Ok(file.slice(offset..end)),
            _ => Err(Error::Invalid(format!("weight `{tensor}` lies beyond the end of `{location}`"))),
        }
    }

    fn file(&mut self, tensor: &str, location: &str) -> Result<Bytes> {
        if let Some(file) = self.files.get(location) {
            return Ok(file.clone());
        }
        let directory = self.path.as_ref().ok_or_else(|| {
            Error::Unsupported(format!(
                "weight `{tensor}` is in the file `{location}`; give the model as a file with `{location}` beside it"
            ))
        })?;
        let file = map_file(&inside(directory, location)?)?;
        self.files.insert(location.to_owned(), file.clone());
        Ok(file)
    }
}

/// The path of `location` in `directory`; an error if it leads out of it, by `..` or through a symbolic link.
fn inside(directory: &Path, location: &str) -> Result<PathBuf> {
    let outside = || Error::Invalid(format!("the weight file `{location}` lies outside the model's directory"));
    let relative = Path::new(location);
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(outside());
    }
    let resolve = |path: &Path| {
        path.canonicalize().map_err(|error| Error::File { path: path.display().to_string(), reason: error.to_string() })
    };
    let path = resolve(&directory.join(relative))?;
    if path.starts_with(resolve(directory)?) { Ok(path) } else { Err(outside()) }
}
