//! W3C trace context (<https://www.w3.org/TR/trace-context/>): taken from whoever calls, and handed on.
//!
//! All of it does nothing unless traces are sent somewhere (`telemetry.otlp_endpoint`).

use std::collections::HashMap;

use opentelemetry::{propagation::TextMapPropagator, trace::TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The name under which a context travels.
pub const TRACEPARENT: &str = "traceparent";

/// Makes `span` part of the trace that `traceparent` names; one that is not well formed is none.
pub fn continue_from(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    // An error says that no traces are made.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}

/// The context of `span` for whoever goes on with its trace; `None` where no traces are made.
pub fn traceparent(span: &Span) -> Option<String> {
    let context = span.context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.remove(TRACEPARENT)
}
