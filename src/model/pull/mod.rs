//! Fetching a published model into the models directory, so that a half-fetched or a false one is never served.

mod connection;
mod part;
mod published;
mod transfer;

use std::path::Path;

pub use connection::Connection;
pub use published::Published;

use part::{Part, sha256_of};

use super::directory::ModelDirectory;
use crate::error::{Error, Result};

/// What [`Published::pull`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// The file was fetched.
    Fetched,
    /// The file was there.
    AlreadyThere,
}

impl Published {
    /// Fetches the model into the subdirectory of `models` of its name, from the first of `urls` that has the file.
    ///
    /// Nothing happens if the file is there, unless `force` asks for it again. What has come stays when a transfer breaks off,
    /// and the next one continues it; size and digest are checked before `model.onnx` appears, after `labels.txt` and
    /// `model.toml`. An operator's own versions of these two stay, unless `force` replaces them. `progress` hears how many
    /// bytes are there.
    pub fn pull(
        &self,
        models: &Path,
        urls: &[String],
        force: bool,
        connection: &Connection,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Pulled> {
        let directory = ModelDirectory::open(&models.join(&self.name))?;
        if directory.has_model() && !force {
            self.check(&directory)?;
            directory.describe(&self.manifest, Some(&self.labels), false)?;
            return Ok(Pulled::AlreadyThere);
        }
        let path = directory.file("model.onnx.part");
        let mut part = Part::open(&path)?;
        progress(part.length());
        let completed = transfer::complete(&mut part, self, urls, connection, progress);
        if let Err(error) = completed {
            if part.length() == 0 {
                part.discard();
                directory.remove_if_empty();
            }
            return Err(error);
        }
        directory.describe(&self.manifest, Some(&self.labels), force)?;
        directory.place(&path, "model.onnx")?;
        part.forget_origin();
        Ok(Pulled::Fetched)
    }

    /// An error unless the model in `directory` is this one.
    fn check(&self, directory: &ModelDirectory) -> Result<()> {
        let path = directory.file("model.onnx");
        let unreadable = |error| Error::setup("model_unreadable", format!("`{}`: {error}", path.display()));
        let length = path.metadata().map_err(unreadable)?.len();
        if length == self.size && sha256_of(&path).map_err(unreadable)? == self.sha256 {
            return Ok(());
        }
        let message = format!(
            "`{}` is another file than `{}`; --force replaces it, its labels and model.toml",
            path.display(),
            self.file
        );
        Err(Error::setup("another_model_there", message))
    }
}
