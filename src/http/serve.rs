//! Listening, and stopping when asked to.

use std::{sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::{Access, App, listen::listen, metrics, router};
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
    reload_keys(Arc::clone(&app))?;
    let (asked, insisted) = stop_signals()?;
    let stop = wind_down(Arc::clone(&app), asked);
    let serving = run(listener, app, stop);
    tokio::pin!(serving, insisted);
    tokio::select! {
        // Asked to stop before all is loaded.
        outcome = &mut serving => return outcome,
        _ = &mut insisted => return Ok(()),
        loaded = loading => loaded?,
    }
    tokio::select! {
        outcome = serving => outcome,
        _ = insisted => Ok(()),
    }
}

/// Done when the listener is to be closed: for some time after SIGTERM, requests are still taken that the gateway sends before it
/// notices that `/readyz` fails.
async fn wind_down(app: Arc<App>, asked: oneshot::Receiver<SignalKind>) {
    let signal = asked.await;
    app.jobs().stop();
    if signal == Ok(SignalKind::terminate()) {
        tokio::time::sleep(Duration::from_secs(app.config().server.drain_delay)).await;
    }
}

/// Serves on `listener` until `stop` is done and the requests in progress are answered.
///
/// A client that does not finish its request in the time that one may take is not waited for any longer.
pub async fn run(listener: TcpListener, app: Arc<App>, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let settings = app.config().server.clone();
    let (stopping, stopped) = oneshot::channel();
    metrics::record()?;
    let router = router(Arc::clone(&app))?;
    let jobs = {
        let app = Arc::clone(&app);
        tokio::spawn(async move { app.work_on_jobs().await })
    };
    let stopped_app = Arc::clone(&app);
    let listening = listen(listener, router, &settings, async move {
        stop.await;
        stopped_app.jobs().stop();
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
        () = app.release_idle_programs() => {}
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

/// The first SIGINT or SIGTERM, and the second.
fn stop_signals() -> Result<(oneshot::Receiver<SignalKind>, oneshot::Receiver<SignalKind>)> {
    let mut terminate = listen_for(SignalKind::terminate())?;
    let mut interrupt = listen_for(SignalKind::interrupt())?;
    let (ask, asked) = oneshot::channel();
    let (insist, insisted) = oneshot::channel();
    tokio::spawn(async move {
        let says = ["stopping: requests in progress are finished; a second signal stops at once", "stopped at once"];
        for (tell, message) in [ask, insist].into_iter().zip(says) {
            let signal = tokio::select! {
                _ = terminate.recv() => SignalKind::terminate(),
                _ = interrupt.recv() => SignalKind::interrupt(),
            };
            tracing::info!("{message}");
            // Nobody listens any more once the server has ended.
            let _ = tell.send(signal);
        }
    });
    Ok((asked, insisted))
}

/// Reads the API keys again at each SIGHUP.
fn reload_keys(app: Arc<App>) -> Result<()> {
    let mut hangup = listen_for(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let reloaded = app.access().and_then(|access| access.map_or(Ok(()), Access::reload));
            if let Err(error) = reloaded {
                tracing::error!("the API keys stay as they are: {error}");
            }
        }
    });
    Ok(())
}

fn listen_for(kind: SignalKind) -> Result<Signal> {
    signal(kind).map_err(|error| Error::setup("no_signals", format!("cannot listen for signals: {error}")))
}
