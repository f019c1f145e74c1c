//! `glassbox serve`

use std::{env, path::Path};

use clap::Args;

use crate::{
    config::{Config, Server},
    error::{Error, Result},
    http,
};

/// Serves the models over HTTP
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten, next_help_heading = "As KServe starts its containers")]
    kserve: KServe,
}

/// What `KServe` appends to the command of a predictor or an explainer, perhaps twice: the last counts.
#[derive(Debug, Args)]
struct KServe {
    /// The model to serve as the default: the one that the storage initializer put into /mnt/models, or one of `models.dir`
    #[arg(long = "model_name", value_name = "NAME", overrides_with = "model_name")]
    model_name: Option<String>,
    /// The port to listen on; so does the environment's PORT, where `server.listen` is as it was
    #[arg(long = "http_port", value_name = "PORT", overrides_with = "http_port")]
    http_port: Option<u16>,
    /// Not needed: an explainer asks its own copy of the model
    #[arg(long = "predictor_host", value_name = "HOST", overrides_with = "predictor_host")]
    predictor_host: Option<String>,
    /// Not needed: one process serves all; see `runtime.sessions`
    #[arg(long, value_name = "COUNT", overrides_with = "workers")]
    workers: Option<u32>,
}

/// Where `KServe`'s storage initializer puts a model.
const MOUNT: &str = "/mnt/models";

impl KServe {
    fn apply(self, config: &mut Config) -> Result<()> {
        if let Some(port) = self.http_port.map_or_else(|| port_of_environment(config), |port| Ok(Some(port)))? {
            config.server.listen = format!("0.0.0.0:{port}");
        }
        if let Some(host) = self.predictor_host {
            tracing::debug!(host, "the predictor is not asked: this process has the model itself");
        }
        if let Some(workers) = self.workers {
            tracing::debug!(workers, "one process serves all");
        }
        if let Some(name) = self.model_name {
            if Path::new(MOUNT).join("model.onnx").is_file() {
                config.models.mounted = Some((name.clone(), MOUNT.into()));
            }
            config.models.default = name;
        }
        Ok(())
    }
}

/// The port that Knative names, unless the settings name another address.
fn port_of_environment(config: &Config) -> Result<Option<u16>> {
    let Ok(port) = env::var("PORT") else { return Ok(None) };
    if config.server.listen != Server::default().listen {
        return Ok(None);
    }
    let port = port.parse().map_err(|_| {
        Error::setup("invalid_port", format!("PORT is `{port}`: set it to a number up to 65535, or unset it"))
    })?;
    Ok(Some(port))
}

impl Serve {
    pub(super) fn run(self, mut config: Config) -> Result<()> {
        self.kserve.apply(&mut config)?;
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
