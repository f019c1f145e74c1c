//! `glassbox models`

use clap::Args;

use super::files::print;
use crate::{
    config::Config,
    error::Result,
    model::{Entry, Models},
};

/// Lists the models
#[derive(Debug, Args)]
pub(super) struct ListModels {}

impl ListModels {
    #[allow(clippy::unused_self)] // like all commands
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let models = Models::open(config, |_| Ok(()))?;
        models.examine();
        let width = models.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let line = |(name, entry): (&str, Entry)| match entry {
            Entry::Ready(model) => format!("{name:width$}  {}\n", model.title()),
            Entry::Idle(known) => format!("{name:width$}  {}\n", known.map_or_else(String::new, |known| known.title)),
            Entry::Broken(error, _) => format!("{name:width$}  cannot be served: {error}\n"),
        };
        print(models.iter().map(line).collect::<Vec<_>>().concat().as_bytes())
    }
}
