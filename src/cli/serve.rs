//! `glassbox serve`

use clap::Args;

use crate::{
    config::Config,
    error::{Error, Result},
    http,
};

/// Serves the models over HTTP
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Serve {
    pub(super) fn run(self, mut config: Config) -> Result<()> {
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|error| Error::setup("no_threads", format!("the async runtime cannot be started: {error}")))?;
        let outcome = runtime.block_on(http::serve(config));
        // Work that was given up may still end its last kernel: do not wait for it.
        runtime.shutdown_background();
        outcome
    }
}
