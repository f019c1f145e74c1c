//! `glassbox activation-maximization`

use std::path::PathBuf;

use clap::Args;

use super::{files, interrupt};
use crate::{
    config::Config,
    error::Result,
    explain::{self, Step},
    model::Models,
};

/// Makes a picture that a class or a filter answers to as strongly as can be
#[derive(Debug, Args)]
#[group(skip)] // its name is that of the options'
pub(super) struct ActivationMaximization {
    /// The model; by default the one that models.default names
    #[arg(long)]
    model: Option<String>,
    /// Where the answer goes: a file whose name ends in .png, .json or .npy; without it, JSON goes to the standard output
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    technique: explain::ActivationMaximization,
}

impl ActivationMaximization {
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let format = files::format(self.file.as_deref())?;
        let model = Models::load_one(config, self.model.as_deref().unwrap_or(&config.models.default))?;
        let bar = interrupt::bar(", activation {msg}");
        let progress = &mut |step: Step<'_>| bar.set_message(format!("{:.2}", step.value));
        let maximum =
            interrupt::until_interrupted(&bar, |cancellation| self.technique.maximize(&model, progress, cancellation));
        files::write(self.file.as_deref(), &maximum?.write(format)?.bytes)
    }
}
