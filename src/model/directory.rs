//! A model's directory while it is filled: a model is seen once `model.onnx` is there, so that comes last.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::Labels;
use crate::error::{Error, Result};

/// A directory that one process fills.
#[derive(Debug)]
pub(super) struct ModelDirectory {
    path: PathBuf,
    /// Where the system can lock directories, no other process fills this one as long as the file is open.
    _lock: Option<File>,
}

impl ModelDirectory {
    /// Makes the directory `path`, and locks it; an error if its name cannot be a model's, or another process is filling it.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !is_model_name(&name) {
            let message = format!("`{}` must end in a name of letters, digits, `_` and `-`", path.display());
            return Err(Error::setup("invalid_model_name", message));
        }
        fs::create_dir_all(path).map_err(|error| cannot_write(path, &error))?;
        let lock = File::open(path).ok();
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            let message = format!("another process is filling `{}`: wait for it, or stop it", path.display());
            return Err(Error::setup("model_directory_in_use", message));
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The path of the file `name` in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether the model is there.
    pub fn has_model(&self) -> bool {
        self.file("model.onnx").exists()
    }

    /// The labels in `labels.txt`, if that is there.
    pub fn labels(&self) -> Result<Option<Labels>> {
        let path = self.file("labels.txt");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Labels::parse(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::setup("labels_unreadable", format!("{} cannot be read: {error}", path.display()))),
        }
    }

    /// Writes `model.toml` and, if there are any, `labels.txt`. Files that are there stay, unless they are to be replaced; then labels
    /// of another model go even where there are none for this one.
    pub fn describe(&self, manifest: &str, labels: Option<&Labels>, replace: bool) -> Result<()> {
        let labels = labels.map(|labels| labels.iter().collect::<Vec<_>>().join("\n") + "\n");
        for (name, text) in [("labels.txt", labels.as_deref()), ("model.toml", Some(manifest))] {
            let there = self.file(name).exists();
            match text {
                Some(text) if replace || !there => self.write(name, text.as_bytes())?,
                None if replace && there => {
                    fs::remove_file(self.file(name)).map_err(|error| cannot_write(&self.file(name), &error))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes the file `name`, which appears when it is complete.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let unfinished = self.file(&format!("{name}.new"));
        fs::write(&unfinished, content).map_err(|error| cannot_write(&unfinished, &error))?;
        self.place(&unfinished, name)
    }

    /// Makes the complete file `from` the file `name` of the model.
    pub fn place(&self, from: &Path, name: &str) -> Result<()> {
        let to = self.file(name);
        let synced = File::open(from).and_then(|file| file.sync_all());
        synced.and_then(|()| fs::rename(from, &to)).map_err(|error| cannot_write(&to, &error))
    }

    /// Removes the directory if nothing is in it.
    pub fn remove_if_empty(self) {
        // It is not empty where somebody keeps files in it, which is no error.
        let _ = fs::remove_dir(&self.path);
    }
}

/// Whether `name` can stand in an address.
pub(super) fn is_model_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// An error about a file that cannot be written.
pub(super) fn cannot_write(path: &Path, error: &io::Error) -> Error {
    Error::setup("cannot_write", format!("`{}` cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_wrote_stays_unless_it_is_to_be_replaced() {
        let models = tempfile::tempdir().unwrap();
        let path = models.path().join("net");
        let directory = ModelDirectory::open(&path).unwrap();
        fs::write(path.join("model.toml"), "mine").unwrap();
        let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
        directory.describe("theirs", Some(&Labels::parse("a\nb")), false).unwrap();
        assert_eq!((read("model.toml").as_str(), read("labels.txt").as_str()), ("mine", "a\nb\n"));
        directory.describe("theirs", None, true).unwrap();
        assert_eq!((read("model.toml").as_str(), fs::read_dir(&path).unwrap().count()), ("theirs", 1));
    }

    #[test]
    fn one_process_fills_a_directory_and_its_name_is_a_models() {
        let models = tempfile::tempdir().unwrap();
        let first = ModelDirectory::open(&models.path().join("net")).unwrap();
        let error = ModelDirectory::open(&models.path().join("net")).unwrap_err();
        assert_eq!(error.code, "model_directory_in_use");
        first.remove_if_empty();
        assert!(!models.path().join("net").exists());
        assert_eq!(ModelDirectory::open(&models.path().join("my net")).unwrap_err().code, "invalid_model_name");
        assert_eq!(ModelDirectory::open(Path::new("..")).unwrap_err().code, "invalid_model_name");
    }
}
