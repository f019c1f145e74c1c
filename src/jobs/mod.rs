//! Long work: jobs that survive the request that asked for them, and the process that works on them.
//!
//! A job is a row of a store before its client hears of it. Workers, of this process and of others on the same store, claim
//! one job at a time for the length of a lease, which they renew while they work. When a process dies its leases run out, and its
//! jobs are taken up by whoever asks next. A claim is told from all later ones, so a worker that was only slow can neither end
//! a job that another has taken up nor end one twice. What begins three times without coming to an end fails.
//!
//! The queue is our own, on `sqlx`. apalis 1.0, the candidate, takes up the jobs of a worker that does not beat any more, but has
//! no way to cancel a job that another process works on, no key that makes a retried request the same job, and no fence
//! against a worker that wakes up late; all three would have been tables of ours beside its own.

mod job;
mod shown;
mod store;
mod task;
mod worker;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

pub use job::{Failure, Id, Job, Status};
pub use shown::Shown;
pub use store::{Listing, NewJob, Store};
pub use task::Task;

use crate::{config, error::Result, runtime::Cancellation};

/// How often a waiting request looks whether its job has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The jobs of this process: what it takes in, and what it works on.
#[derive(Debug)]
pub struct Jobs {
    settings: config::Jobs,
    store: Store,
    /// The name of this process among those that share the store.
    worker: String,
    /// Wakes a worker when a job comes in here; those that come in elsewhere are found by asking now and then.
    arrived: Notify,
    /// What is worked on here.
    running: Mutex<HashMap<Id, Cancellation>>,
    stopping: watch::Sender<bool>,
}

impl Jobs {
    /// The jobs that `settings` say; nothing is opened and nothing worked on yet.
    pub fn new(settings: &config::Jobs) -> Self {
        Self {
            settings: settings.clone(),
            store: Store::new(&settings.store),
            worker: Uuid::now_v7().simple().to_string(),
            arrived: Notify::new(),
            running: Mutex::default(),
            stopping: watch::Sender::new(false),
        }
    }

    /// An error for the operator if `jobs.store` cannot be one, whatever state it is in.
    pub fn check_settings(&self) -> Result<()> {
        store::address(&self.settings.store).map(drop)
    }

    /// Where jobs are kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Takes a job in, and returns when it is on the disk; the one of the same key, if there is one.
    pub async fn submit(&self, new: &NewJob<'_>) -> Result<Id> {
        let id = self.store.insert(new, self.settings.queue).await?;
        self.arrived.notify_one();
        Ok(id)
    }

    /// The job called `id` when it has ended, or as it is after `patience`.
    pub async fn wait(&self, id: &Id, patience: Duration) -> Result<Job> {
        let start = Instant::now();
        loop {
            let job = self.store.get(id).await?;
            let rest = patience.saturating_sub(start.elapsed());
            if job.status.is_final() || rest.is_zero() {
                return Ok(job);
            }
            tokio::time::sleep(rest.min(LOOK_EVERY)).await;
        }
    }

    /// Cancels the job called `id`; one that another process works on stops when that process next renews its lease.
    pub async fn cancel(&self, id: &Id) -> Result<Job> {
        let job = self.store.cancel(id).await?;
        if let Some(running) = self.running().get(id).filter(|_| !job.status.is_final()) {
            running.cancel();
        }
        Ok(job)
    }

    /// Ends what is worked on here, so that others take it up.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether [`Jobs::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Done once [`Jobs::stop`] was called.
    pub async fn stopped(&self) {
        // The sender lives as long as `self`.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Id, Cancellation>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
