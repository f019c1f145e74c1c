//! The workers: each takes one job after the other and sees it through.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, task::JoinHandle, time::MissedTickBehavior};
use tracing::{Instrument, Span};

use super::{
    Failure, Jobs, Shown, Task,
    store::{Claim, Lease, Outcome},
};
use crate::{
    config::Images,
    error::{Kind, Result},
    explain::Files,
    model::Models,
    runtime::{Cancellation, Workers, joined},
    trace,
};

/// How often a job's lease is renewed, its progress told, and whether it is still wanted asked.
const BEAT: Duration = Duration::from_millis(500);

/// How often a worker without a job looks for one that came in elsewhere.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often jobs that nobody works on any more, or that are too old, are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// How long after a failure of the store it is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a job has come to, until it is kept: the newest of each name.
#[derive(Default)]
struct Growing {
    shown: Mutex<BTreeMap<String, Shown>>,
    grown: Notify,
}

impl Growing {
    fn show(&self, shown: Shown) {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).insert(shown.name(), shown);
        self.grown.notify_one();
    }

    fn take(&self) -> impl Iterator<Item = Shown> {
        std::mem::take(&mut *self.shown.lock().unwrap_or_else(PoisonError::into_inner)).into_values()
    }
}

impl Jobs {
    /// Works on jobs until [`Jobs::stop`] is called, and then gives back what is not finished.
    ///
    /// The runs of the jobs take turns with those of other callers of `runs`.
    pub async fn work(self: Arc<Self>, models: Arc<Models>, limits: Images, runs: Workers) {
        match self.store.check().await {
            Ok(()) => tracing::info!(workers = self.settings.concurrency, "jobs are taken"),
            Err(error) => tracing::warn!("{error}"),
        }
        let workers: Vec<JoinHandle<()>> = (0..self.settings.concurrency)
            .map(|_| tokio::spawn(Arc::clone(&self).take_jobs(Arc::clone(&models), limits.clone(), runs.clone())))
            .collect();
        self.tidy().await;
        for worker in workers {
            if let Err(error) = worker.await {
                tracing::error!(%error, "a worker of jobs failed");
            }
        }
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(self.settings.lease.max(1))
    }

    /// Ends what nobody works on, and throws away what is too old, until told to stop.
    async fn tidy(&self) {
        let ttl = Duration::from_secs(self.settings.ttl);
        loop {
            tokio::select! {
                () = self.stopped() => return,
                () = tokio::time::sleep(TIDY_EVERY) => {}
            }
            let tidied = async {
                self.store.give_up().await?;
                self.store.expire(ttl).await
            };
            if let Err(error) = tidied.await {
                tracing::debug!("{error}");
            }
        }
    }

    async fn take_jobs(self: Arc<Self>, models: Arc<Models>, limits: Images, runs: Workers) {
        let mut failing = false;
        while !*self.stopping.borrow() {
            let pause = match self.store.claim(&self.worker, self.lease()).await {
                Ok(Some(claim)) => {
                    let span = tracing::info_span!("job", job = %claim.id);
                    if let Some(parent) = &claim.traceparent {
                        trace::continue_from(&span, parent);
                    }
                    self.see_through(claim, &models, &limits, Cancellation::taking_turns(&runs)).instrument(span).await;
                    continue;
                }
                Ok(None) => {
                    failing = false;
                    LOOK_EVERY
                }
                Err(error) => {
                    // Once for each time that the store goes away.
                    if !failing {
                        tracing::warn!("{error}");
                    }
                    failing = true;
                    RETRY_AFTER
                }
            };
            tokio::select! {
                () = self.arrived.notified() => {}
                () = self.stopped() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Does what `claim` says, and ends it.
    async fn see_through(&self, claim: Claim, models: &Arc<Models>, limits: &Images, cancellation: Cancellation) {
        tracing::info!(job = %claim.id, attempt = claim.attempt, "a job begins");
        self.running().insert(claim.id.clone(), cancellation.clone());
        let (growing, work) = match self.begin(&claim, models, limits, &cancellation).await {
            Ok(begun) => begun,
            Err(error) => {
                tracing::warn!(job = %claim.id, "a job's picture cannot be read: {error}");
                self.running().remove(&claim.id);
                let _ = self.store.release(&claim).await;
                tokio::time::sleep(RETRY_AFTER).await;
                return;
            }
        };
        let (done, held) = self.watch(&claim, work, &growing, &cancellation).await;
        self.running().remove(&claim.id);
        let outcome = match done {
            _ if !held => None,
            Ok(files) => Some(Outcome::Succeeded(files)),
            Err(error) if error.kind != Kind::Cancelled => Some(Outcome::Failed(Failure::of(&error, &claim.id))),
            Err(_) if *self.stopping.borrow() => None,
            Err(_) => Some(Outcome::Cancelled),
        };
        match outcome {
            Some(outcome) => self.end(&claim, outcome).await,
            None if held => {
                if let Err(error) = self.store.release(&claim).await {
                    tracing::warn!(job = %claim.id, "{error}");
                }
            }
            None => tracing::warn!(job = %claim.id, "a job was taken up by another worker"),
        }
    }

    /// Begins the work on a thread of its own.
    async fn begin(
        &self,
        claim: &Claim,
        models: &Arc<Models>,
        limits: &Images,
        cancellation: &Cancellation,
    ) -> Result<(Arc<Growing>, JoinHandle<Result<Files>>)> {
        let picture = self.store.input(&claim.id).await?;
        let growing = Arc::<Growing>::default();
        let (models, limits, cancellation) = (Arc::clone(models), limits.clone(), cancellation.clone());
        let (task, onto) = (claim.task.clone(), Arc::clone(&growing));
        let work = move || {
            Task::from_json(&task)?.run(&models, &picture, &limits, &mut |shown| onto.show(shown), &cancellation)
        };
        let span = Span::current();
        Ok((growing, tokio::task::spawn_blocking(move || span.in_scope(work))))
    }

    /// What the work comes to, and whether the job is still this worker's: renews the lease until the work ends, and cancels it when
    /// it is not wanted any more.
    async fn watch(
        &self,
        claim: &Claim,
        mut work: JoinHandle<Result<Files>>,
        growing: &Growing,
        cancellation: &Cancellation,
    ) -> (Result<Files>, bool) {
        let mut held = true;
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                () = self.stopped(), if cancellation.check().is_ok() => cancellation.cancel(),
                _ = beat.tick() => {
                    match self.store.renew(claim, self.lease(), cancellation.progress()).await {
                        Ok(Lease::Held) => {}
                        Ok(Lease::Cancelled) => cancellation.cancel(),
                        Ok(Lease::Lost) => {
                            held = false;
                            cancellation.cancel();
                        }
                        // While the store is away, no other worker can take the job either.
                        Err(error) => tracing::debug!(job = %claim.id, "{error}"),
                    }
                }
                () = growing.grown.notified() => {
                    for shown in growing.take() {
                        if let Err(error) = self.store.show(claim, &shown).await {
                            tracing::debug!(job = %claim.id, "{error}");
                        }
                    }
                }
            }
        };
        let done = joined(done);
        // A short job ends before its first beat, and its last step is part of what it tells.
        if held && let Err(error) = self.store.renew(claim, self.lease(), cancellation.progress()).await {
            tracing::debug!(job = %claim.id, "{error}");
        }
        (done, held)
    }

    /// Ends the job of `claim`; as long as the store is away, and this process is not asked to stop, again and again.
    async fn end(&self, claim: &Claim, outcome: Outcome) {
        loop {
            match self.store.finish(claim, &outcome).await {
                Ok(true) => tracing::info!(job = %claim.id, status = outcome.status().name(), "a job ends"),
                Ok(false) => tracing::warn!(job = %claim.id, "a job was taken up by another worker"),
                Err(error) if *self.stopping.borrow() => {
                    tracing::warn!(job = %claim.id, "a job's end is not kept: {error}");
                }
                Err(error) => {
                    tracing::warn!(job = %claim.id, "a job's end cannot be kept yet: {error}");
                    tokio::select! {
                        () = self.stopped() => {}
                        () = tokio::time::sleep(RETRY_AFTER) => {}
                    }
                    continue;
                }
            }
            return;
        }
    }
}
