//! Taking in connections: so many at once, none for ever, and to their end when the server stops.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulConnection, GracefulShutdown},
};
use metrics::gauge;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower::ServiceExt;

use super::{
    connection::{Connection, Patience, Requests},
    shed::Crowded,
};
use crate::config::Server;

/// How many connections beyond `server.connections` are told that they are too many.
const RESERVE: usize = 64;

/// The most bytes that a request's head may take; more is a 431.
const MOST_HEAD: usize = 64 << 10;

/// How long nothing is accepted after the system would not give a connection, for want of file descriptors most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until `stop` is done and the requests in progress are answered.
pub(super) async fn listen(listener: TcpListener, router: Router, settings: &Server, stop: impl Future<Output = ()>) {
    let rooms = Arc::new(Semaphore::new(settings.connections.saturating_add(RESERVE).min(Semaphore::MAX_PERMITS)));
    let served = Arc::new(Semaphore::new(settings.connections.min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let room = Arc::clone(&rooms).acquire_owned().await;
            (accept(&listener).await, room)
        };
        let (stream, room) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let place = Arc::clone(&served).try_acquire_owned().ok();
        let connection = graceful.watch(connection(stream, router.clone(), settings, place.is_none()));
        tokio::spawn(async move {
            let _held = (room, place, Counted::new());
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// Counts a connection for as long as it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        gauge!("glassbox_connections").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!("glassbox_connections").decrement(1.0);
    }
}

/// The next connection. What the client did to it before is no news; that the system gives none is.
async fn accept(listener: &TcpListener) -> TcpStream {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The requests of a connection, one after the other; of a `crowded` one, the first alone.
fn connection(
    stream: TcpStream,
    router: Router,
    settings: &Server,
    crowded: bool,
) -> impl GracefulConnection<Error = hyper::Error> + use<> {
    // Answers are written whole: waiting to fill a packet would only delay their ends.
    let _ = stream.set_nodelay(true);
    let patience = Patience {
        head: Duration::from_secs(settings.header_timeout),
        write: Duration::from_secs(settings.write_timeout),
    };
    let requests = Requests::default();
    let stream = Connection::new(stream, patience, requests.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let begun = requests.begin();
        let mut request = request.map(Body::new);
        if crowded {
            request.extensions_mut().insert(Crowded);
        }
        let answer = router.clone().oneshot(request);
        async move {
            let answer: Result<_, Infallible> = answer.await;
            drop(begun);
            answer
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(settings.keep_alive))
        .max_buf_size(MOST_HEAD)
        .keep_alive(!crowded)
        .serve_connection(TokioIo::new(stream), service)
}
