//! What all handlers share.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use metrics::gauge;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SetOnce};

use super::{Access, Problem};
use crate::{
    config::Config,
    error::{Error, Kind, Result},
    explain,
    jobs::Jobs,
    model::{Model, Models},
    runtime::{Cancellation, Workers},
};

/// The service: its settings, its models once they are loaded, and its workers.
#[derive(Debug)]
pub struct App {
    config: Config,
    models: SetOnce<Arc<Models>>,
    workers: Workers,
    jobs: Arc<Jobs>,
    /// Room for the uploads that are held in memory: as many as may run and wait, so that they are bounded too.
    uploads: Arc<Semaphore>,
    /// Who may call; an error where the keys cannot be used.
    access: Result<Option<Access>>,
    /// The turn to load a model.
    loading: Arc<Semaphore>,
}

impl App {
    /// A service that is not ready yet: [`App::load`] brings the models.
    pub fn new(config: Config) -> Self {
        let (sessions, queue) = (config.runtime.sessions.max(1), config.server.queue);
        let uploads = Arc::new(Semaphore::new(sessions.saturating_add(queue).min(Semaphore::MAX_PERMITS)));
        let jobs = Arc::new(Jobs::new(&config.jobs));
        let access = Access::new(&config.auth);
        Self {
            config,
            access,
            models: SetOnce::new(),
            workers: Workers::new(sessions, queue),
            jobs,
            uploads,
            loading: Arc::new(Semaphore::new(1)),
        }
    }

    /// Loads the default model, which takes a while, and is ready from then on; then looks at the others.
    ///
    /// A broken model is an error only if it is the default one.
    pub fn load(&self) -> Result<()> {
        let models = Models::open(&self.config, explain::warm_up)?;
        let default = &self.config.models.default;
        models.get(default).map_err(|error| Error::setup(error.code, format!("models.default: {error}")))?;
        // A second load finds the models in place and changes nothing.
        let _ = self.models.set(Arc::new(models));
        tracing::info!("ready");
        self.models()?.examine();
        Ok(())
    }

    /// The model called `name`, loaded if need be.
    pub(super) async fn model(self: &Arc<Self>, name: &str) -> Result<Arc<Model>> {
        match self.models()?.at_hand(name)? {
            Some(model) => Ok(model),
            None => self.loaded(name.to_owned()).await,
        }
    }

    /// Loads the model called `name`. The turn to do so is given back when that is done, also if nobody waits for it any more: so there
    /// is never more than one thread that loads.
    async fn loaded(self: &Arc<Self>, name: String) -> Result<Arc<Model>> {
        let turn = Arc::clone(&self.loading).acquire_owned().await;
        let turn = turn.map_err(|error| Error::internal(error.to_string()))?;
        let app = Arc::clone(self);
        let loaded = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            app.models()?.get(&name)
        });
        loaded.await.map_err(|error| Error::internal(format!("loading a model failed: {error}")))?
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The models; 503 while they are loading.
    pub fn models(&self) -> Result<&Models> {
        self.models
            .get()
            .map(AsRef::as_ref)
            .ok_or_else(|| Error::new(Kind::Busy, "not_ready", "the models are still loading; try again in a moment"))
    }

    /// Who may call, if not everyone may; an error for the operator if `auth.keys_file` cannot be used.
    pub fn access(&self) -> Result<Option<&Access>> {
        self.access.as_ref().map(Option::as_ref).map_err(Clone::clone)
    }

    /// An error while the models are loading, or when this process is asked to stop.
    pub(super) fn check_ready(&self) -> Result<()> {
        if self.jobs.is_stopped() {
            return Err(Error::new(Kind::Busy, "stopping", "the server is stopping; ask another"));
        }
        self.models().map(drop)
    }

    /// The jobs.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Sets the measures of the workers, as they are now.
    pub(super) fn measure(&self) {
        gauge!("glassbox_queue_waiting").set(self.workers.waiting() as f64);
        gauge!("glassbox_sessions").set(self.workers.sessions() as f64);
        gauge!("glassbox_sessions_busy").set(self.workers.busy() as f64);
    }

    /// Works on jobs from when the models are loaded until the jobs are stopped.
    pub(super) async fn work_on_jobs(&self) {
        tokio::select! {
            models = self.models.wait() => {
                let (images, runs) = (self.config.images.clone(), self.workers.clone());
                Arc::clone(&self.jobs).work(Arc::clone(models), images, runs).await;
            }
            () = self.jobs.stopped() => {}
        }
    }

    /// Releases programs that were not used for `runtime.release_after`, for ever.
    pub(super) async fn release_idle_programs(&self) {
        let models = self.models.wait().await;
        let age = Duration::from_secs(self.config.runtime.release_after);
        if age.is_zero() {
            return std::future::pending().await;
        }
        let mut look = tokio::time::interval((age / 4).clamp(Duration::from_secs(1), Duration::from_mins(1)));
        loop {
            look.tick().await;
            let models = Arc::clone(models);
            // One that panics has released what came before it.
            let _ = tokio::task::spawn_blocking(move || models.release_idle(age)).await;
        }
    }

    /// Room for one more upload until it is dropped; 503 when there is none.
    pub(super) fn make_room(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.uploads).try_acquire_owned().map_err(|_| {
            let message = "as many uploads are in progress as the server takes; try again in a moment";
            Error::new(Kind::Busy, "busy", message)
        })
    }

    /// Runs `work` on a worker.
    ///
    /// Giving up, at a request's deadline or for lack of a client, cancels the work.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancellation) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.workers.run(work).await
    }
}

/// The model that the path names; 404 when there is no such model, 503 when it is broken.
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
        Ok(Self(app.model(&path.model).await?))
    }
}
