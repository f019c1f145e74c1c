//! `glassbox key`

use clap::Args;

use crate::{
    error::Result,
    http::{Scope, make_key},
};

/// Makes an API key: prints it, and its line for the file that `auth.keys_file` names
#[derive(Debug, Args)]
pub(super) struct Key {
    /// Whose key it is: keys of one name share their jobs
    name: String,
    /// What it allows: explain, jobs, metrics
    #[arg(long, value_delimiter = ',', value_name = "SCOPES", default_values = ["explain", "jobs"])]
    scopes: Vec<Scope>,
}

impl Key {
    pub(super) fn run(&self) -> Result<()> {
        let (key, line) = make_key(&self.name, &self.scopes)?;
        println!("the key, which is kept nowhere: {key}");
        println!("its line for auth.keys_file:    {line}");
        Ok(())
    }
}
