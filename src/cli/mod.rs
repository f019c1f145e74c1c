//! The command line: reads flags and settings, then leaves the work to the rooms below.

mod activation_maximization;
mod check;
mod explain;
mod files;
mod health;
mod import;
mod interrupt;
mod key;
mod log;
mod models;
mod openapi;
mod picture;
mod predict;
mod pull;
mod serve;
mod summary;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    config::Config,
    error::{Error, Result},
};

/// Shows why an image classifier said what it said
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// The settings file; by default `config.toml` in the working directory, if there is one
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A directory with one subdirectory per model
    #[arg(long, global = true, value_name = "DIR")]
    models: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Health(health::Health),
    Predict(predict::Predict),
    Explain(explain::Explain),
    ActivationMaximization(activation_maximization::ActivationMaximization),
    Models(models::ListModels),
    Check(check::Check),
    Summary(summary::Summary),
    Pull(pull::Pull),
    Import(import::Import),
    Key(key::Key),
    Openapi(openapi::Openapi),
}

impl Command {
    /// Whether the command makes the models directory where there is none.
    fn makes_models(&self) -> bool {
        matches!(self, Self::Pull(_) | Self::Import(_))
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let matches = taking_negative_numbers(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `command`, where a number below 0 is a value rather than an unknown flag: what is wrong with it is said by what takes it.
fn taking_negative_numbers(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|argument| {
        let takes_values = argument.get_action().takes_values();
        if takes_values { argument.allow_negative_numbers(true) } else { argument }
    });
    command.mut_subcommands(taking_negative_numbers)
}

fn run(cli: Cli) -> Result<()> {
    // The document describes the interface, whatever the settings of this machine are.
    if let Command::Openapi(openapi) = &cli.command {
        return openapi.run();
    }
    let mut config = Config::load(cli.config.as_deref(), environment())?;
    // Asked every few seconds, beside a service: it has no log and no traces of its own.
    if let Command::Health(health) = &cli.command {
        return health.run(&config);
    }
    if let Some(directory) = cli.models {
        if !directory.is_dir() && !cli.command.makes_models() {
            let message = format!("--models names `{}`, which is no directory", directory.display());
            return Err(Error::setup("no_such_directory", message));
        }
        config.models.dir = directory;
    }
    let _log = log::start(&config)?;
    match cli.command {
        Command::Serve(serve) => serve.run(config),
        Command::Health(health) => health.run(&config),
        Command::Predict(predict) => predict.run(&config),
        Command::Explain(explain) => explain.run(&config),
        Command::ActivationMaximization(maximization) => maximization.run(&config),
        Command::Models(models) => models.run(&config),
        Command::Check(check) => check.run(&config),
        Command::Summary(summary) => summary.run(&config),
        Command::Pull(pull) => pull.run(&config),
        Command::Import(import) => import.run(&config),
        Command::Key(key) => key.run(),
        Command::Openapi(openapi) => openapi.run(),
    }
}

/// The variables of the environment; one that is not text is no setting.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        taking_negative_numbers(Cli::command()).debug_assert();
    }
}
