//! The addresses: one definition for the router and for the document that describes it.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, Method, Uri, header},
    middleware,
    routing::{get, post},
};
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{
    App, Problem,
    accepted::IDEMPOTENCY_KEY,
    access::{self, X_API_KEY},
    activation_maximization, colormaps,
    deadline::{self, X_REQUEST_TIMEOUT},
    events, explain, explain_all, filters, health, jobs, kserve, layers, metrics, models,
    openapi::document,
    outcomes, playground, predict,
    prefer::{PREFER, PREFERENCE_APPLIED},
    request, security,
    shed::shed,
    summary,
};
use crate::{
    config::Server,
    error::{Error, Result},
};

/// The whole service as a router; an error when an origin in `server.cors_origins` is not one, or the API keys cannot be used.
pub fn router(app: Arc<App>) -> Result<Router> {
    let (addresses, document) = described()?;
    let fallback = async || Problem::for_status(axum::http::StatusCode::NOT_FOUND);
    guarded(addresses.with_state(Arc::clone(&app)).merge(swagger(document)).fallback(fallback), app)
}

/// `routes` with what goes around every request, the last layer outermost.
fn guarded(routes: Router, app: Arc<App>) -> Result<Router> {
    app.access()?;
    let server = &app.config().server;
    let cors = cors(server)?;
    let router = routes
        .layer(middleware::from_fn(kserve::refuse_methods))
        .layer(DefaultBodyLimit::max(server.body_limit))
        .layer(CatchPanicLayer::custom(request::on_panic))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), deadline::keep))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), access::check))
        .layer(middleware::from_fn(shed));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    Ok(router
        .layer(middleware::from_fn(security::headers))
        .layer(middleware::from_fn_with_state(app, request::observe)))
}

/// The `OpenAPI` document of the service.
pub fn openapi() -> Result<OpenApi> {
    Ok(described()?.1)
}

/// The routes, and the document that describes them.
fn described() -> Result<(Router<Arc<App>>, OpenApi)> {
    let (routes, mut document) = addresses()?.split_for_parts();
    outcomes::complete(&mut document)?;
    Ok((routes, document))
}

fn addresses() -> Result<OpenApiRouter<Arc<App>>> {
    let router = OpenApiRouter::with_openapi(document())
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(models::list))
        .routes(routes!(models::show))
        .routes(routes!(summary::summary))
        .routes(routes!(layers::list))
        .routes(routes!(layers::show))
        .routes(routes!(layers::weights))
        .routes(routes!(filters::filters))
        .routes(routes!(colormaps::list))
        .routes(predict::route()?)
        .routes(explain_all::route()?)
        .routes(activation_maximization::route()?)
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show, jobs::cancel))
        .routes(routes!(jobs::result))
        .routes(routes!(events::events))
        .route("/v1/models/{model}/explain/{technique}", post(explain::unknown))
        .merge(kserve::addresses())
        .route("/", get(playground::page))
        .route("/playground/{*file}", get(playground::file));
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
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::AUTHORIZATION,
            X_API_KEY,
            request::REQUEST_ID,
            PREFER,
            IDEMPOTENCY_KEY,
            X_REQUEST_TIMEOUT,
        ])
        .expose_headers([
            request::REQUEST_ID,
            HeaderName::from_static("server-timing"),
            header::RETRY_AFTER,
            header::LOCATION,
            header::LINK,
            PREFERENCE_APPLIED,
        ]);
    let named = server.cors_origins.iter().filter(|origin| *origin != "*");
    let origins = named.map(|named| origin(named)).collect::<Result<Vec<HeaderValue>>>()?;
    if origins.len() < server.cors_origins.len() {
        return Ok(Some(layer.allow_origin(tower_http::cors::Any)));
    }
    Ok(Some(layer.allow_origin(origins)))
}

/// `text` as browsers send an origin (RFC 6454, section 6.2): `scheme://host`, or `scheme://host:port`, in lower case.
fn origin(text: &str) -> Result<HeaderValue> {
    let parts = text.parse::<Uri>().ok().map(Uri::into_parts);
    let is_origin = parts.is_some_and(|parts| match (parts.scheme, parts.authority) {
        (Some(scheme), Some(authority)) => {
            let port = authority.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
            // Browsers know no wildcards within an origin.
            let host = authority.host().to_lowercase();
            format!("{scheme}://{host}{port}") == text && !host.is_empty() && !host.contains('*')
        }
        _ => false,
    });
    HeaderValue::from_str(text).ok().filter(|_| is_origin).ok_or_else(|| {
        let message = format!(
            "`{text}` in server.cors_origins is no origin: write `*`, or scheme, host and port as browsers send them, such as \
             https://example.org or http://localhost:3000"
        );
        Error::setup("invalid_origin", message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tokio::net::TcpListener;

    use super::*;
    use crate::{config::Config, http::listen::listen};

    async fn panics() -> &'static str {
        panic!("the secret is /root")
    }

    #[tokio::test]
    async fn a_panic_is_a_500_without_details_is_counted_and_ends_nothing() {
        metrics::record().unwrap();
        let app = Arc::new(App::new(Config::default()));
        let worker = Arc::clone(&app);
        let worker_panics = || async move {
            let outcome: Result<()> = worker.run(|_| panic!("the secret is /root")).await;
            outcome.map_err(Problem::from)
        };
        let routes: Router = Router::new()
            .route("/panic", get(panics))
            .route("/worker", get(worker_panics))
            .route("/metrics", get(metrics::metrics).with_state(Arc::clone(&app)));
        let router = guarded(routes, app).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { listen(listener, router, &Server::default(), std::future::pending()).await });
        let read = async |path: &str| reqwest::get(format!("http://{address}{path}")).await.unwrap();
        for path in ["/panic", "/worker"] {
            let response = read(path).await;
            assert_eq!(response.status(), 500);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            let text = response.text().await.unwrap();
            assert!(!text.contains("secret"), "{text}");
            let problem: Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&problem["code"], &problem["instance"]), (&"internal".into(), &path.into()), "{problem}");
        }
        let measures = read("/metrics").await.text().await.unwrap();
        let panics = measures.lines().find_map(|line| line.strip_prefix("glassbox_panics_total ")).unwrap();
        assert!(panics.parse::<u64>().unwrap() >= 2, "{measures}");
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        for good in ["https://example.org", "http://localhost:3000", "http://[::1]:8080", "tauri://localhost"] {
            assert_eq!(origin(good).unwrap(), good);
        }
        for bad in [
            "example.org",
            "https://example.org/",
            "https://example.org/app",
            "https://Example.org",
            "https://",
            "null",
            "",
            "https://a.example, https://b.example",
            "https://user@example.org",
            "https://example.org:port",
            "https://*.example.org",
            "https://exa mple.org",
        ] {
            assert_eq!(origin(bad).map_err(|error| error.code), Err("invalid_origin"), "{bad}");
        }
    }

    #[test]
    fn a_star_does_not_hide_what_is_no_origin() {
        let cors = |origins: &[&str]| {
            let cors_origins = origins.iter().map(ToString::to_string).collect();
            cors(&Server { cors_origins, ..Server::default() }).map(|layer| layer.is_some())
        };
        assert_eq!(cors(&[]), Ok(false));
        assert_eq!(cors(&["*"]), Ok(true));
        assert_eq!(cors(&["*", "nonsense"]).unwrap_err().code, "invalid_origin");
    }
}
