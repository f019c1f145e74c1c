//! `glassbox models`

use clap::Args;

use super::files::print;
use crate::{config::Config, error::Result, model::Models};

/// Lists the models
#[derive(Debug, Args)]
pub(super) struct ListModels {}

impl ListModels {
    #[allow(clippy::unused_self)] // like all commands
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let models = Models::load(config)?;
        let width = models.iter().map(|model| model.name().len()).max().unwrap_or(0);
        let text: String = models.iter().map(|model| format!("{:width$}  {}\n", model.name(), model.title())).collect();
        print(text.as_bytes())
    }
}
