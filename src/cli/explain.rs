//! `glassbox explain`

use std::{fmt::Debug, mem, path::PathBuf};

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand, error::ErrorKind};

use super::{
    files,
    interrupt::{bar, until_interrupted},
    picture::PictureArgs,
};
use crate::{
    config::Config,
    error::Result,
    explain::{Technique, Visitor, check_bounds, visit_techniques},
    imaging::Style,
};

/// Explains what a model saw in a picture
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(subcommand)]
    technique: Chosen,
}

impl Explain {
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        self.technique.0.run(config)
    }
}

/// The technique that was chosen, with its options: there is a subcommand for each.
#[derive(Debug)]
struct Chosen(Box<dyn Run>);

trait Run: Debug {
    fn run(&self, config: &Config) -> Result<()>;
}

#[derive(Debug, Args)]
struct Call<T: Technique> {
    #[command(flatten)]
    picture: PictureArgs,
    /// Where the answer goes: a file whose name ends in .png, .json or .npy; without it, JSON goes to the standard output
    #[arg(short = 'o', long = "out", value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten, next_help_heading = "Pictures")]
    style: Style,
    // The last one's doc comment is what the command says of itself.
    #[command(flatten)]
    technique: T,
}

impl<T: Technique> Run for Call<T> {
    fn run(&self, config: &Config) -> Result<()> {
        let format = files::format(self.file.as_deref())?;
        check_bounds(&self.technique)?;
        let written = until_interrupted(&bar(""), |cancellation| {
            let explain = |model: &_, picture: &_| self.technique.explain(model, picture, cancellation);
            let report = self.picture.report(config, cancellation, explain)?;
            report.write(format, &self.style, cancellation)
        });
        files::write(self.file.as_deref(), &written?.bytes)
    }
}

impl Subcommand for Chosen {
    fn augment_subcommands(command: Command) -> Command {
        struct Commands(Command);
        impl Visitor for Commands {
            fn visit<T: Technique>(&mut self) {
                let technique = Call::<T>::augment_args(Command::new(T::NAME));
                self.0 = mem::take(&mut self.0).subcommand(technique);
            }
        }
        let mut commands = Commands(command.subcommand_required(true).arg_required_else_help(true));
        visit_techniques(&mut commands);
        commands.0
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        crate::explain::technique_names().contains(&name)
    }
}

impl FromArgMatches for Chosen {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        struct Find<'a> {
            name: &'a str,
            matches: &'a ArgMatches,
            found: Result<Chosen, clap::Error>,
        }
        impl Visitor for Find<'_> {
            fn visit<T: Technique>(&mut self) {
                if self.name == T::NAME {
                    self.found = Call::<T>::from_arg_matches(self.matches).map(|call| Chosen(Box::new(call)));
                }
            }
        }
        let missing = || clap::Error::new(ErrorKind::MissingSubcommand);
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let mut find = Find { name, matches, found: Err(missing()) };
        visit_techniques(&mut find);
        find.found
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
