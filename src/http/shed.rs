//! Saying no at once where there are more connections than are served.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::Problem;
use crate::error::{Error, Kind};

/// Marks a request whose connection is one too many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowded;

/// What is answered however many connections there are.
const HEALTH: [&str; 4] = ["/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"];

/// Refuses requests of connections that are too many, but for those about the service's health.
pub(super) async fn shed(request: Request, next: Next) -> Response {
    let crowded = request.extensions().get::<Crowded>().is_some();
    if crowded && !HEALTH.contains(&request.uri().path()) {
        let message = "there are as many connections as the server takes; try again in a moment";
        return Problem::from(Error::new(Kind::Busy, "busy", message)).into_response();
    }
    next.run(request).await
}
