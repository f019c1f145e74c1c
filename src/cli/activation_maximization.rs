//! `glassbox activation-maximization`

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

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
        let bar = ProgressBar::new(0).with_style(style());
        let progress = &mut |step: Step| {
            bar.set_length(step.steps as u64);
            bar.set_message(format!("{:.2}", step.value));
            bar.set_position(step.step as u64);
        };
        let maximum =
            interrupt::until_interrupted(|cancellation| self.technique.maximize(&model, progress, cancellation));
        bar.finish_and_clear();
        files::write(self.file.as_deref(), &maximum?.write(format)?.bytes)
    }
}

/// The bar, the steps, and the activation so far.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len}, activation {msg}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
