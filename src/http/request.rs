//! What happens around every request: an id, one line in the log, errors written out, panics caught.

use std::{
    any::Any,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{App, Problem, kserve, metrics::Labels, refusals::Refusals, unread::Unread};
use crate::trace;

/// The header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that names a request's span to its client (<https://w3c.github.io/trace-context/#traceresponse-header>).
const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// The longest request id taken from a client.
const LONGEST_ID: usize = 128;

/// The calls that there was no room for.
static REFUSALS: Refusals = Refusals::new();

/// Names the request, writes the body of an error, and logs one line.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut line = LogLine::of(&request, &app);
    let span = span(&request, &line);
    let (request, unread) = Unread::share(request);
    let mut response = next.run(request).instrument(span.clone()).await;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    // Whoever sent too slowly would not send the rest any faster.
    if refused && response.status() != StatusCode::REQUEST_TIMEOUT {
        // Nobody waits for that: the client reads its answer while it still sends.
        tokio::spawn(unread.drain());
    }
    if let Some(mut problem) = problem(&mut response) {
        problem.instance.clone_from(&line.path);
        problem.request_id.clone_from(&line.id);
        line.busy = problem.code == "busy";
        let write = if kserve::owns(&line.path) { kserve::write } else { Problem::write };
        response = write(&problem, response);
        let entered = span.enter();
        tracing::debug!(code = &*problem.code, "{}", problem.detail);
        drop(entered);
    }
    if let Ok(id) = HeaderValue::from_str(&line.id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(context) = trace::traceparent(&span).and_then(|context| HeaderValue::from_str(&context).ok()) {
        response.headers_mut().insert(TRACERESPONSE, context);
    }
    span.set_attribute("http.response.status_code", i64::from(response.status().as_u16()));
    line.status = Some(response.status());
    response
}

/// The span of a request, which goes on with its client's trace.
fn span(request: &Request, line: &LogLine) -> Span {
    let name = format!("{} {}", line.method, line.labels.route());
    let span = tracing::info_span!("request", request_id = line.id, otel.name = name, otel.kind = "server");
    if let Some(context) = request.headers().get(trace::TRACEPARENT).and_then(|context| context.to_str().ok()) {
        trace::continue_from(&span, context);
    }
    span
}

/// What a panic answers: the handler's own thread printed its message to the log.
#[allow(clippy::needless_pass_by_value)] // tower-http gives it away
pub(super) fn on_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    metrics::counter!("glassbox_panics_total").increment(1);
    tracing::error!("a handler panicked: {message}");
    Problem::internal().into_response()
}

fn problem(response: &mut Response) -> Option<Problem> {
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    failed.then(|| response.extensions_mut().remove::<Problem>().unwrap_or_else(|| Problem::for_status(status)))
}

/// The one line that the log has for a request, and its place in the measures, both written when it is dropped: with the status of the
/// answer, or without one if the client left before it. Requests that there was no room for share a line.
struct LogLine {
    start: Instant,
    id: String,
    method: Method,
    path: String,
    labels: Labels,
    status: Option<StatusCode>,
    /// Whether it was refused because there was no room for it.
    busy: bool,
}

impl LogLine {
    fn of(request: &Request, app: &App) -> Self {
        Self {
            start: Instant::now(),
            id: request_id(request.headers()),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            labels: Labels::of(request, app),
            status: None,
            busy: false,
        }
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let Self { start, id: request_id, method, path, labels, status, busy } = self;
        labels.record(*status, start.elapsed());
        if *busy {
            if let Some(refused) = REFUSALS.add(Instant::now()) {
                tracing::warn!(refused, "there are more calls than can wait");
            }
            tracing::debug!(method = method.as_str(), path, request_id, "refused");
            return;
        }
        let (method, latency_ms) = (method.as_str(), start.elapsed().as_secs_f64() * 1e3);
        match status.map(|status| status.as_u16()) {
            None => tracing::info!(method, path, latency_ms, request_id, "the client left"),
            Some(status @ 500..) => tracing::warn!(method, path, status, latency_ms, request_id, "answered"),
            Some(status) => tracing::info!(method, path, status, latency_ms, request_id, "answered"),
        }
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
    use std::{io, sync::Mutex, time::Duration};

    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt;
    use tracing::Level;

    use super::*;
    use crate::{
        config::Config,
        error::{Error, Kind},
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the log says of a call of `path` that the client waits for if `patient`.
    fn logged(path: &str, patient: bool) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(Level::INFO).with_ansi(false);
        let subscriber = subscriber.with_writer(move || writer.clone()).finish();
        let service = Arc::new(App::new(Config::default()));
        let app = Router::new()
            .route("/quick", get(|| async { "done" }))
            .route("/slow", get(std::future::pending::<&str>))
            .route(
                "/full",
                get(async || Problem::from(Error::new(Kind::Busy, "busy", "there is no room")).into_response()),
            )
            .layer(from_fn_with_state(service, observe));
        let request = Request::get(path).header(REQUEST_ID, "trace-42").body(Body::empty()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let answer = async { tokio::time::timeout(Duration::ZERO, app.oneshot(request)).await };
            assert_eq!(runtime.block_on(answer).is_ok(), patient);
        });
        let lines = lines.0.lock().unwrap().clone();
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn each_request_has_its_line_in_the_log_also_when_the_client_leaves() {
        let answered = logged("/quick", true);
        assert!(answered.contains("answered") && answered.contains("status=200"), "{answered}");
        let left = logged("/slow", false);
        assert!(left.contains("the client left") && left.contains("/slow") && left.contains("trace-42"), "{left}");
    }

    #[test]
    fn a_request_that_there_is_no_room_for_has_no_line_of_its_own() {
        let refused = logged("/full", true);
        assert!(!refused.contains("answered") && !refused.contains("trace-42"), "{refused}");
    }

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
