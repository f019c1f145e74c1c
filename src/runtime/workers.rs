//! A bounded queue in front of a bounded number of workers, so that a run never blocks the async threads.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinError,
};
use tracing::{Instrument, Span};

use super::Cancellation;
use crate::error::{Error, Kind, Result};

/// How often work that waits for its turn looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The workers: `sessions` at once, `queue` more waiting, the rest refused.
#[derive(Debug, Clone)]
pub struct Workers {
    sessions: usize,
    slots: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    queue: usize,
}

impl Workers {
    /// `sessions` workers (at least one) with room for `queue` waiting callers.
    pub fn new(sessions: usize, queue: usize) -> Self {
        let sessions = sessions.max(1);
        Self { sessions, slots: Arc::new(Semaphore::new(sessions)), waiting: Arc::default(), queue }
    }

    /// Runs `work` on a worker thread when one is free.
    ///
    /// Dropping the future cancels the work: while it waits it leaves the queue, while it runs its [`Cancellation`] is set.
    /// An error of kind [`Kind::Busy`] when the queue is full, [`Kind::Internal`] when `work` panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancellation) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let start = Instant::now();
        let slot = self.slot().instrument(tracing::info_span!("queue")).await?;
        metrics::histogram!("glassbox_queue_seconds").record(start.elapsed());
        let cancellation = Cancellation::default();
        let guard = CancelOnDrop(cancellation.clone());
        let span = Span::current();
        let outcome = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            span.in_scope(|| work(&cancellation))
        })
        .await;
        drop(guard);
        joined(outcome)
    }

    /// How many callers wait for a worker.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// How many workers are at work.
    pub fn busy(&self) -> usize {
        self.sessions - self.slots.available_permits().min(self.sessions)
    }

    /// How many workers there are.
    pub fn sessions(&self) -> usize {
        self.sessions
    }

    /// A worker's place, after a wait in the queue if need be.
    async fn slot(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let _place = self.join_queue()?;
        Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Error::internal("the workers are closed"))
    }

    /// Waits until a worker is free, behind those who wait already, and takes its place until the turn is dropped.
    ///
    /// For work that has no place in the queue and no worker for itself; it blocks the thread, which must be one of tokio's for blocking
    /// work. An error of kind [`Kind::Cancelled`] when `cancellation` is set meanwhile.
    pub(super) fn wait_for_turn(&self, cancellation: &Cancellation) -> Result<OwnedSemaphorePermit> {
        Handle::current().block_on(async {
            let mut turn = pin!(Arc::clone(&self.slots).acquire_owned());
            loop {
                cancellation.check()?;
                if let Ok(turn) = tokio::time::timeout(LOOK_EVERY, &mut turn).await {
                    return turn.map_err(|_| Error::internal("the workers are closed"));
                }
            }
        })
    }

    fn join_queue(&self) -> Result<Place> {
        let place = Place(Arc::clone(&self.waiting));
        if self.waiting.fetch_add(1, Ordering::SeqCst) >= self.queue {
            return Err(Error::new(
                Kind::Busy,
                "busy",
                format!("{} requests are waiting already; try again in a moment", self.queue),
            ));
        }
        Ok(place)
    }
}

/// What work on a thread of its own came to: a panic is counted, and a failure of the service.
pub fn joined<T>(outcome: Result<Result<T>, JoinError>) -> Result<T> {
    outcome.unwrap_or_else(|error| {
        if error.is_panic() {
            metrics::counter!("glassbox_panics_total").increment(1);
        }
        Err(Error::internal(format!("a worker failed: {error}")))
    })
}

/// A place in the queue, given up when dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct CancelOnDrop(Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_and_room_is_made_again() {
        let workers = Workers::new(1, 1);
        let (release, wait) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let workers = workers.clone();
            async move { workers.run(move |_| Ok(wait.recv())).await }
        });
        while workers.slots.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = tokio::spawn({
            let workers = workers.clone();
            async move { workers.run(|_| Ok(2)).await }
        });
        while workers.waiting.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(workers.run(|_| Ok(3)).await.unwrap_err().kind, Kind::Busy);
        release.send(()).unwrap();
        assert!(first.await.unwrap().is_ok());
        assert_eq!(second.await.unwrap(), Ok(2));
        assert_eq!(workers.run(|_| Ok(4)).await, Ok(4));
    }

    #[tokio::test]
    async fn dropping_the_future_cancels_the_work() {
        let workers = Workers::new(1, 0);
        let (started, begun) = mpsc::channel();
        let (ended, end) = mpsc::channel();
        let task = tokio::spawn(async move {
            workers
                .run(move |cancellation| {
                    started.send(()).unwrap();
                    while cancellation.check().is_ok() {
                        std::thread::yield_now();
                    }
                    ended.send(()).unwrap();
                    Ok(())
                })
                .await
        });
        tokio::task::spawn_blocking(move || begun.recv()).await.unwrap().unwrap();
        task.abort();
        tokio::task::spawn_blocking(move || end.recv()).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn long_work_takes_turns_with_callers() {
        let workers = Workers::new(1, 1);
        let long = Cancellation::taking_turns(&workers);
        let turn = |long: &Cancellation| {
            let (long, part) = (long.clone(), long.part(0, 2));
            tokio::task::spawn_blocking(move || part.during(|_| Ok(long.check().is_ok())))
        };
        assert_eq!(turn(&long).await.unwrap(), Ok(true));

        let (release, wait) = mpsc::channel::<()>();
        let call = tokio::spawn({
            let workers = workers.clone();
            async move { workers.run(move |_| Ok(wait.recv())).await }
        });
        while workers.slots.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting = turn(&long);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!waiting.is_finished());
        release.send(()).unwrap();
        assert!(call.await.unwrap().is_ok());
        assert_eq!(waiting.await.unwrap(), Ok(true));

        // One that is not wanted any more leaves, though no worker is free.
        let _held = Arc::clone(&workers.slots).acquire_owned().await.unwrap();
        let waiting = turn(&long);
        long.cancel();
        assert_eq!(waiting.await.unwrap().unwrap_err().kind, Kind::Cancelled);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_frees_the_worker() {
        let workers = Workers::new(1, 0);
        assert_eq!(workers.run::<()>(|_| panic!("boom")).await.unwrap_err().kind, Kind::Internal);
        assert_eq!(workers.run(|_| Ok(1)).await, Ok(1));
    }
}
