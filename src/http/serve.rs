//! Listening, and stopping when asked to.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, signal, sync::oneshot};

use super::{App, listen::listen, router};
use crate::{
    config::Config,
    error::{Error, Result},
};

/// How long a stop waits for jobs to be given back.
const GIVING_BACK: Duration = Duration::from_secs(5);

/// Listens on `server.listen` and serves until the process is asked to stop (SIGINT or SIGTERM).
///
/// The address is open while the models load, so that `/healthz` and `/readyz` can tell.
pub async fn serve(config: Config) -> Result<()> {
    let address = config.server.listen.clone();
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        let advice = "name another address with --listen or server.listen";
        Error::setup("cannot_listen", format!("cannot listen on `{address}`: {error}; {advice}"))
    })?;
    let app = Arc::new(App::new(config));
    app.jobs().check_settings()?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "listening");
    }
    let loading = load(Arc::clone(&app));
    let stop = stop_signal()?;
    let serving = run(listener, app, stop);
    tokio::pin!(serving);
    tokio::select! {
        // Asked to stop before all is loaded.
        outcome = &mut serving => outcome,
        loaded = loading => {
            loaded?;
            serving.await
        }
    }
}

/// Serves on `listener` until `stop` is done and the requests in progress are answered.
///
/// A client that does not finish its request in the time that one may take is not waited for any longer.
pub async fn run(listener: TcpListener, app: Arc<App>, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let settings = app.config().server.clone();
    let (stopping, stopped) = oneshot::channel();
    let router = router(Arc::clone(&app))?;
    let jobs = {
        let app = Arc::clone(&app);
        tokio::spawn(async move { app.work_on_jobs().await })
    };
    let listening = listen(listener, router, &settings, async move {
        stop.await;
        app.jobs().stop();
        // Nobody listens once the server has ended.
        let _ = stopping.send(());
    });
    let patience = async {
        match stopped.await {
            Ok(()) => tokio::time::sleep(Duration::from_secs(settings.request_timeout)).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = listening => {}
        () = patience => tracing::warn!("some requests took too long to be waited for"),
    }
    // What is not finished is given back, so that another process takes it up at once.
    let _ = tokio::time::timeout(GIVING_BACK, jobs).await;
    Ok(())
}

async fn load(app: Arc<App>) -> Result<()> {
    let loaded = tokio::task::spawn_blocking(move || app.load()).await;
    loaded.map_err(|error| Error::internal(format!("loading the models failed: {error}")))??;
    Ok(())
}

/// Done when SIGINT or SIGTERM arrives.
fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())
        .map_err(|error| Error::setup("no_signals", format!("cannot listen for SIGTERM: {error}")))?;
    Ok(async move {
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: no new requests; those in progress are finished");
    })
}
