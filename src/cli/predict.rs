//! `glassbox predict`

use clap::Args;

use super::{files::print, picture::PictureArgs};
use crate::{
    config::Config,
    error::Result,
    explain::{self, Prediction},
    runtime::Cancellation,
};

/// Prints the likeliest classes of a picture
#[derive(Debug, Args)]
#[group(skip)] // its name is that of the options'
pub(super) struct Predict {
    #[command(flatten)]
    picture: PictureArgs,
    #[command(flatten)]
    predict: explain::Predict,
}

impl Predict {
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let cancellation = Cancellation::default();
        let predict = |model: &_, picture: &_| self.predict.predict(model, picture, &cancellation);
        let report = self.picture.report(config, &cancellation, predict)?;
        let line = |p: &Prediction| format!("{:6.2} %  {} ({})\n", p.probability * 100.0, p.label, p.index);
        print(report.findings().predictions.iter().map(line).collect::<Vec<_>>().concat().as_bytes())
    }
}
