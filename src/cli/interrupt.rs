//! Ctrl-C.

use tokio::{runtime::Runtime, signal};

use crate::{
    error::{Error, Result},
    runtime::Cancellation,
};

/// Does `work`, which Ctrl-C cancels.
pub(super) fn until_interrupted<T>(work: impl FnOnce(&Cancellation) -> Result<T>) -> Result<T> {
    let runtime = Runtime::new()
        .map_err(|error| Error::setup("no_threads", format!("the async runtime cannot be started: {error}")))?;
    let cancellation = Cancellation::default();
    let cancelled = cancellation.clone();
    runtime.spawn(async move {
        if signal::ctrl_c().await.is_ok() {
            cancelled.cancel();
        }
    });
    let outcome = work(&cancellation);
    runtime.shutdown_background();
    outcome
}
