//! A picture and the model that looks at it, as commands name them.

use std::{fs, path::PathBuf};

use clap::Args;

use crate::{
    config::Config,
    error::{Error, Result},
    explain::Report,
    model::{Model, Models, Picture},
    runtime::Cancellation,
};

/// What a command looks at, and with which model.
#[derive(Debug, Args)]
pub(super) struct PictureArgs {
    /// The picture: JPEG, PNG, GIF, WebP or BMP
    #[arg(value_name = "PICTURE")]
    picture: PathBuf,
    /// The model; by default the one that models.default names
    #[arg(long)]
    model: Option<String>,
}

impl PictureArgs {
    /// Reads the picture, and lets `run` look at it with the model.
    pub fn report<F: serde::Serialize>(
        &self,
        config: &Config,
        cancellation: &Cancellation,
        run: impl FnOnce(&Model, &Picture) -> Result<F>,
    ) -> Result<Report<F>> {
        let file = fs::read(&self.picture).map_err(|error| {
            Error::setup("picture_unreadable", format!("{} cannot be read: {error}", self.picture.display()))
        })?;
        let model = Models::load_one(config, self.model.as_deref().unwrap_or(&config.models.default))?;
        Report::new(&model, &file, &config.images, cancellation, |picture| run(&model, picture))
    }
}
