//! `KServe`'s protocols, V1 and V2 (the Open Inference Protocol), so that this service can be a predictor or an explainer there.
//!
//! <https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol>,
//! <https://github.com/kserve/open-inference-protocol>

mod body;
mod described;
mod numbers;
mod v1;
mod v2;

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(super) use described::{describe, refusal};

use super::{App, Problem};

/// The most pictures in a request.
const MOST_INSTANCES: usize = 64;

/// The route of protocol V1.
const V1: &str = "/v1/models/{model}";

#[derive(OpenApi)]
#[openapi(paths(v1::predict, v1::explain))]
struct Described;

/// The addresses of both protocols.
pub(super) fn addresses() -> OpenApiRouter<Arc<App>> {
    // A path with a capture that ends in `:predict` is none for axum, so the two calls of V1 are one route.
    let v1 = OpenApiRouter::with_openapi(Described::openapi()).route(V1, post(v1::call));
    v1.routes(routes!(v2::server))
        .routes(routes!(v2::live))
        .routes(routes!(v2::ready))
        .routes(routes!(v2::model))
        .routes(routes!(v2::model_ready))
        .routes(routes!(v2::infer))
        .route("/v2/", get(v2::server))
}

/// Whether errors at `path` are told as these protocols tell them.
pub(super) fn owns(path: &str) -> bool {
    let of_v1 = path.strip_prefix("/v1/models/").is_some_and(|rest| {
        let rest = rest.to_ascii_lowercase();
        !rest.contains('/') && (rest.contains(':') || rest.contains("%3a"))
    });
    of_v1 || path == "/v2" || path.starts_with("/v2/")
}

/// Refuses methods that a path does not have. A call of V1 and the model before its colon are one route, which has the methods of both.
pub(super) async fn refuse_methods(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let path = request.uri().path();
    let is_call = v1::is_call(path);
    // Under another verb there is nothing, whatever the method.
    if route == Some(V1) && (is_call || !owns(path)) {
        let allowed: &[Method] = if is_call { &[Method::POST] } else { &[Method::GET, Method::HEAD] };
        if !allowed.contains(request.method()) {
            let mut response = Problem::for_status(StatusCode::METHOD_NOT_ALLOWED).into_response();
            let allow = if is_call { "POST" } else { "GET,HEAD" };
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
            return response;
        }
    }
    next.run(request).await
}

/// The header and body of `problem`, with the other headers of `response`: what cannot be used is a 400 here.
pub(super) fn write(problem: &Problem, response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    if parts.status == StatusCode::UNPROCESSABLE_ENTITY {
        parts.status = StatusCode::BAD_REQUEST;
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    // KServe's client reads no other content type, nor one with parameters.
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(parts, json!({"error": problem.detail}).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::owns;

    #[test]
    fn the_protocols_own_their_paths_only() {
        for path in ["/v2", "/v2/models/a/infer", "/v1/models/a:predict", "/v1/models/a%3Aexplain", "/v1/models/a:b"] {
            assert!(owns(path), "{path}");
        }
        for path in ["/", "/v1/models", "/v1/models/a", "/v1/models/a/predict", "/v1/models/a/layers/x:0", "/v2x"] {
            assert!(!owns(path), "{path}");
        }
    }
}
