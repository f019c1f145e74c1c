//! Stopping work whose answer nobody waits for, and telling how far it has come.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ort::session::RunOptions;

use super::Workers;
use crate::error::{Error, Kind, Result};

/// A switch, shared by whoever waits and whoever works, that stops the work: between two runs, and inside a run between two kernels.
///
/// On the same way back, the work tells how far it has come.
#[derive(Clone, Default)]
pub struct Cancellation {
    state: Arc<State>,
    /// The part of the whole work that is done with this handle.
    share: Share,
    /// Whose place each run takes; none where the work has a worker for itself.
    workers: Option<Workers>,
}

#[derive(Default)]
struct State {
    cancelled: AtomicBool,
    running: Mutex<Option<Arc<RunOptions>>>,
    progress: Mutex<Progress>,
}

/// How far work has come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// The share of the whole work that is done, 0 to 1.
    pub fraction: f64,
    /// The steps made of the part in progress.
    pub step: usize,
    /// The steps of that part in all; 0 while they are not known.
    pub steps: usize,
}

/// A part of the work: where it begins and how much it is, of 1.
#[derive(Clone, Copy)]
struct Share {
    start: f64,
    length: f64,
}

impl Default for Share {
    fn default() -> Self {
        Self { start: 0.0, length: 1.0 }
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cancelled = self.state.cancelled.load(Ordering::SeqCst);
        f.debug_struct("Cancellation")
            .field("cancelled", &cancelled)
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}

impl Cancellation {
    /// One of long work that has no worker for itself: each of its runs waits for its turn among the callers of `workers`.
    pub fn taking_turns(workers: &Workers) -> Self {
        Self { workers: Some(workers.clone()), ..Self::default() }
    }

    /// Stops the work; it ends with an error of kind [`Kind::Cancelled`].
    pub fn cancel(&self) {
        let running = self.running();
        self.state.cancelled.store(true, Ordering::SeqCst);
        if let Some(run) = running.as_ref()
            && let Err(error) = run.terminate()
        {
            tracing::warn!(%error, "a cancelled run could not be stopped");
        }
    }

    /// An error once the work is cancelled; long loops ask between their steps.
    pub fn check(&self) -> Result<()> {
        if self.state.cancelled.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Cancelled, "cancelled", "the work was cancelled"));
        }
        Ok(())
    }

    /// The same switch for the part `index` of `count` equal parts: what it reports counts as that much of the whole.
    #[must_use]
    pub fn part(&self, index: usize, count: usize) -> Self {
        let length = self.share.length / count.max(1) as f64;
        let share = Share { start: self.share.start + length * index as f64, length };
        Self { state: Arc::clone(&self.state), share, workers: self.workers.clone() }
    }

    /// Tells that `step` of `steps` steps are made.
    pub fn report(&self, step: usize, steps: usize) {
        let done = step as f64 / steps.max(1) as f64;
        let fraction = (self.share.start + self.share.length * done).min(1.0);
        *self.state.progress.lock().unwrap_or_else(PoisonError::into_inner) = Progress { fraction, step, steps };
    }

    /// How far the work has come, as it last told.
    pub fn progress(&self) -> Progress {
        *self.state.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `work`, when it is its turn, with run options that [`Cancellation::cancel`] terminates.
    pub(super) fn during<T>(&self, work: impl FnOnce(&RunOptions) -> Result<T>) -> Result<T> {
        let _turn = self.workers.as_ref().map(|workers| workers.wait_for_turn(self)).transpose()?;
        let options = Arc::new(RunOptions::new().map_err(super::ort_error)?);
        {
            // Set under the lock that `cancel` takes: either this sees the flag, or `cancel` sees the run.
            let mut running = self.running();
            self.check()?;
            *running = Some(Arc::clone(&options));
        }
        let result = work(&options);
        *self.running() = None;
        self.check()?;
        result
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Arc<RunOptions>>> {
        self.state.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_reports_its_share_of_the_whole_and_is_cancelled_with_it() {
        let whole = Cancellation::default();
        assert_eq!(whole.progress(), Progress::default());
        let quarter = whole.part(1, 2).part(0, 2);
        quarter.report(5, 10);
        assert_eq!(whole.progress(), Progress { fraction: 0.625, step: 5, steps: 10 });
        whole.report(3, 3);
        assert!((quarter.progress().fraction - 1.0).abs() < 1e-6);
        quarter.cancel();
        assert_eq!(whole.check().unwrap_err().kind, Kind::Cancelled);
    }
}
