//! `glassbox openapi`

use clap::Args;

use super::files::print;
use crate::{
    error::{Error, Result},
    http,
};

/// Prints the `OpenAPI` document of the HTTP interface
#[derive(Debug, Args)]
pub(super) struct Openapi {}

impl Openapi {
    #[allow(clippy::unused_self)] // like all commands
    pub(super) fn run(&self) -> Result<()> {
        let document = http::openapi()?.to_pretty_json().map_err(|error| Error::internal(error.to_string()))?;
        print(format!("{document}\n").as_bytes())
    }
}
