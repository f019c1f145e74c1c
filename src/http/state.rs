//! What all handlers share.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde::Deserialize;

use super::Problem;
use crate::{
    config::Config,
    error::{Error, Kind, Result},
    model::{Model, Models},
    runtime::{Cancellation, Workers},
};

/// The service: its settings, its models once they are loaded, and its workers.
#[derive(Debug)]
pub struct App {
    config: Config,
    models: OnceLock<Models>,
    workers: Workers,
}

impl App {
    /// A service that is not ready yet: [`App::load`] brings the models.
    pub fn new(config: Config) -> Self {
        let workers = Workers::new(config.runtime.sessions, config.server.queue);
        Self { config, models: OnceLock::new(), workers }
    }

    /// Loads the models, which takes a while; from then on the service is ready.
    pub fn load(&self) -> Result<()> {
        let models = Models::load(&self.config)?;
        // A second load finds the models in place and changes nothing.
        let _ = self.models.set(models);
        Ok(())
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The models; 503 while they are loading.
    pub fn models(&self) -> Result<&Models> {
        self.models
            .get()
            .ok_or_else(|| Error::new(Kind::Busy, "not_ready", "the models are still loading; try again in a moment"))
    }

    /// Runs `work` on a worker, within the time that a request may take.
    ///
    /// Giving up, for lack of time or of a client, cancels the work.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancellation) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let limit = Duration::from_secs(self.config.server.request_timeout);
        tokio::time::timeout(limit, self.workers.run(work)).await.unwrap_or_else(|_| {
            let message = format!("the answer took more than {} seconds; ask for less, or try again", limit.as_secs());
            Err(Error::new(Kind::Deadline, "deadline_exceeded", message))
        })
    }
}

/// The model that the path names; 404 when there is no such model.
#[derive(Debug)]
pub struct Served(pub Arc<Model>);

/// The name of a model in a path.
#[derive(Debug, Deserialize)]
struct ModelPath {
    model: String,
}

impl FromRequestParts<Arc<App>> for Served {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = Path::<ModelPath>::from_request_parts(parts, app).await;
        let Path(path) = path.map_err(|rejection| Problem::for_status(rejection.status()))?;
        Ok(Self(app.models()?.get(&path.model)?))
    }
}
