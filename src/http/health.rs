//! Whether the process lives, and whether it can answer.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, Problem};

/// The state of the service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok` or `ready`.
    #[schema(examples("ok"))]
    status: &'static str,
}

/// Whether the process lives
///
/// Always 200: a service that answers lives.
#[utoipa::path(get, path = "/healthz", tag = "operations", responses((status = 200, description = "It does", body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the models are loaded
///
/// 503 until they are, and when the service is asked to stop; send no requests then.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    responses(
        (status = 200, description = "They are", body = Health),
        (status = 503, description = "They are loading, or the service stops", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Health>, Problem> {
    app.check_ready()?;
    Ok(Json(Health { status: "ready" }))
}
