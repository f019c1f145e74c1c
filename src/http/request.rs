//! What happens around every request: an id, one line in the log, errors written out, panics caught.

use std::{
    any::Any,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;

use super::{Problem, unread::Unread};

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id taken from a client.
const LONGEST_ID: usize = 128;

/// Names the request, writes the body of an error, and logs one line.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", request_id = id);
    let (request, unread) = Unread::share(request);
    let mut response = next.run(request).instrument(span.clone()).await;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    // Whoever sent too slowly would not send the rest any faster.
    if refused && response.status() != StatusCode::REQUEST_TIMEOUT {
        unread.drain().await;
    }
    if let Some(mut problem) = problem(&mut response) {
        problem.instance.clone_from(&path);
        problem.request_id.clone_from(&id);
        response = problem.write(response);
        let entered = span.enter();
        tracing::debug!(code = problem.code, "{}", problem.detail);
        drop(entered);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    log(method.as_str(), &path, response.status().as_u16(), start, &id);
    response
}

/// What a panic answers: the handler's own thread printed its message to the log.
#[allow(clippy::needless_pass_by_value)] // tower-http gives it away
pub(super) fn on_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    tracing::error!("a handler panicked: {message}");
    Problem::internal().into_response()
}

fn problem(response: &mut Response) -> Option<Problem> {
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    failed.then(|| response.extensions_mut().remove::<Problem>().unwrap_or_else(|| Problem::for_status(status)))
}

fn log(method: &str, path: &str, status: u16, start: Instant, request_id: &str) {
    let latency_ms = start.elapsed().as_secs_f64() * 1e3;
    if status >= 500 {
        tracing::warn!(method, path, status, latency_ms, request_id, "answered");
    } else {
        tracing::info!(method, path, status, latency_ms, request_id, "answered");
    }
}

/// The client's id where it is short and plain, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    given
        .filter(|id| !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map_or_else(new_id, str::to_owned)
}

/// The moment the process began, then a counter: unique among restarts and within a process.
fn new_id() -> String {
    static START: LazyLock<u64> =
        LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64));
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!("{:016x}-{:08x}", *START, COUNTER.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(given).unwrap());
        request_id(&headers)
    }

    #[test]
    fn a_sane_id_is_kept_and_another_replaced() {
        assert_eq!(id_for(b"trace-42"), "trace-42");
        assert_ne!(id_for(b"two words"), "two words");
        assert_ne!(id_for(b""), "");
        assert!(id_for(&[b'a'; 129]).len() < 129);
        assert_ne!(id_for(b"\xff"), "\u{ff}");
        assert_ne!(new_id(), new_id());
    }
}
