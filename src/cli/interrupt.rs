//! Ctrl-C, and how far work has come.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{runtime::Runtime, signal};

use crate::{
    error::{Error, Result},
    runtime::Cancellation,
};

/// How often the bar is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// Does `work`, which Ctrl-C cancels, under a bar that shows the steps it tells of.
pub(super) fn until_interrupted<T>(bar: &ProgressBar, work: impl FnOnce(&Cancellation) -> Result<T>) -> Result<T> {
    let runtime = Runtime::new()
        .map_err(|error| Error::setup("no_threads", format!("the async runtime cannot be started: {error}")))?;
    let cancellation = Cancellation::default();
    let cancelled = cancellation.clone();
    runtime.spawn(async move {
        if signal::ctrl_c().await.is_ok() {
            cancelled.cancel();
        }
    });
    runtime.spawn(draw(bar.clone(), cancellation.clone()));
    let outcome = work(&cancellation);
    runtime.shutdown_background();
    bar.finish_and_clear();
    outcome
}

/// A bar with the steps and the time left; `message` stands between. It is drawn on a terminal only.
pub(super) fn bar(message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}}{message}, {{eta}} left"));
    // No bar is shown before there are steps.
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn draw(bar: ProgressBar, cancellation: Cancellation) {
    let mut drawing = tokio::time::interval(DRAW_EVERY);
    loop {
        drawing.tick().await;
        let progress = cancellation.progress();
        if progress.steps > 0 {
            bar.set_length(progress.steps as u64);
            bar.set_position(progress.step as u64);
        }
    }
}
