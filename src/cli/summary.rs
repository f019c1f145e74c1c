//! `glassbox summary`

use clap::Args;

use super::files::print;
use crate::{config::Config, error::Result, model::Models};

/// Prints a model's layers and parameters, as Keras' `model.summary()`
#[derive(Debug, Args)]
pub(super) struct Summary {
    /// The model; by default the one that models.default names
    #[arg(long)]
    model: Option<String>,
}

impl Summary {
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let model = Models::load_one(config, self.model.as_deref().unwrap_or(&config.models.default))?;
        print(model.summary().to_string().as_bytes())
    }
}
