//! Stopping work whose answer nobody waits for.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use ort::session::RunOptions;

use crate::error::{Error, Kind, Result};

/// A switch, shared by whoever waits and whoever works, that stops the work: between two runs, and inside a run between two kernels.
#[derive(Clone, Default)]
pub struct Cancellation(Arc<State>);

#[derive(Default)]
struct State {
    cancelled: AtomicBool,
    running: Mutex<Option<Arc<RunOptions>>>,
}

impl Cancellation {
    /// Stops the work; it ends with an error of kind [`Kind::Cancelled`].
    pub fn cancel(&self) {
        let running = self.running();
        self.0.cancelled.store(true, Ordering::SeqCst);
        if let Some(run) = running.as_ref()
            && let Err(error) = run.terminate()
        {
            tracing::warn!(%error, "a cancelled run could not be stopped");
        }
    }

    /// An error once the work is cancelled; long loops ask between their steps.
    pub fn check(&self) -> Result<()> {
        if self.0.cancelled.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Cancelled, "cancelled", "the work was cancelled"));
        }
        Ok(())
    }

    /// Calls `work` with run options that [`Cancellation::cancel`] terminates.
    pub(super) fn during<T>(&self, work: impl FnOnce(&RunOptions) -> Result<T>) -> Result<T> {
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
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
