//! The addresses: one definition for the router and for the document that describes it.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, header},
    middleware,
    response::Redirect,
    routing::{get, post},
};
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{
    App, Problem, activation_maximization, explain, explain_all, filters, health, layers, models, openapi::document,
    predict, request, summary,
};
use crate::{
    config::Server,
    error::{Error, Result},
};

/// The whole service as a router; an error when an origin in `server.cors_origins` is not one.
pub fn router(app: Arc<App>) -> Result<Router> {
    let (addresses, document) = addresses()?.split_for_parts();
    let server = &app.config().server;
    let cors = cors(server)?;
    let limit = DefaultBodyLimit::max(server.body_limit);
    let router = addresses
        .with_state(app)
        .merge(swagger(document))
        .fallback(async || Problem::for_status(axum::http::StatusCode::NOT_FOUND))
        .layer(limit)
        .layer(CatchPanicLayer::custom(request::on_panic));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    Ok(router.layer(middleware::from_fn(request::observe)))
}

/// The `OpenAPI` document of the service.
pub fn openapi() -> Result<OpenApi> {
    Ok(addresses()?.into_openapi())
}

fn addresses() -> Result<OpenApiRouter<Arc<App>>> {
    let router = OpenApiRouter::with_openapi(document())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(models::list))
        .routes(routes!(models::show))
        .routes(routes!(summary::summary))
        .routes(routes!(layers::list))
        .routes(routes!(layers::show))
        .routes(routes!(layers::weights))
        .routes(routes!(filters::filters))
        .routes(predict::route()?)
        .routes(explain_all::route()?)
        .routes(activation_maximization::route()?)
        .route("/v1/models/{model}/explain/{technique}", post(explain::unknown))
        .route("/", get(async || Redirect::temporary("/docs/")));
    Ok(explain::routes()?.into_iter().fold(router, OpenApiRouter::routes))
}

/// The document as pages; without the validator of `swagger-ui`'s makers, which would be told of the service.
fn swagger(document: OpenApi) -> SwaggerUi {
    SwaggerUi::new("/docs").url("/openapi.json", document).config(Config::default().validator_url("none"))
}

/// What browsers of other origins may do; nothing by default.
fn cors(server: &Server) -> Result<Option<CorsLayer>> {
    if server.cors_origins.is_empty() {
        return Ok(None);
    }
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::ACCEPT, request::REQUEST_ID])
        .expose_headers([request::REQUEST_ID, HeaderName::from_static("server-timing"), header::RETRY_AFTER]);
    if server.cors_origins.iter().any(|origin| origin == "*") {
        return Ok(Some(layer.allow_origin(tower_http::cors::Any)));
    }
    let origins: Result<Vec<HeaderValue>> = server.cors_origins.iter().map(|origin| header_value(origin)).collect();
    Ok(Some(layer.allow_origin(origins?)))
}

fn header_value(origin: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(origin).map_err(|_| {
        Error::setup(
            "invalid_origin",
            format!("`{origin}` in server.cors_origins is no origin such as https://example.org"),
        )
    })
}
