//! `glassbox models`

use std::sync::Arc;

use clap::Args;

use super::files::print;
use crate::{
    config::Config,
    error::Result,
    model::{Model, Models},
};

/// Lists the models
#[derive(Debug, Args)]
pub(super) struct ListModels {}

impl ListModels {
    #[allow(clippy::unused_self)] // like all commands
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let models = Models::load(config)?;
        let width = models.iter().map(|model| model.name().len()).max().unwrap_or(0);
        let line = |model: &Arc<Model>| format!("{:width$}  {}\n", model.name(), model.title());
        print(models.iter().map(line).collect::<Vec<_>>().concat().as_bytes())
    }
}
