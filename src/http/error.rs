//! Errors as `application/problem+json` (RFC 9457).

use std::borrow::Cow;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Kind};

/// The media type of errors.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request failed: the body of every answer of 400 and above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: `code` says what kind of problem it is.
    #[serde(rename = "type")]
    #[schema(examples("about:blank"))]
    pub kind: &'static str,
    /// The status in words.
    #[schema(examples("Unprocessable Entity"))]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(examples(422))]
    pub status: u16,
    /// A stable name for programs.
    #[schema(examples("unknown_class"))]
    #[schema(value_type = String)]
    pub code: Cow<'static, str>,
    /// A sentence for people that says what to do.
    pub detail: String,
    /// The path that was asked for.
    #[schema(examples("/v1/models/vgg16-caltech101/predict"))]
    pub instance: String,
    /// The request's id, as in the header `x-request-id` and in the log.
    pub request_id: String,
    /// The seconds after which the same request may succeed, which the header `Retry-After` says.
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    /// The problem that `status` with a `code` and a sentence is, before it is known which request met it.
    pub(super) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code: code.into(),
            detail: detail.into(),
            instance: String::new(),
            request_id: String::new(),
            retry_after: None,
        }
    }

    /// The same problem, which may be gone after `seconds`.
    pub(super) fn after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The problem that an answer without one has, such as axum's own 404 and 405.
    pub(super) fn for_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(
                status,
                "unknown_route",
                "there is nothing at this address; /openapi.json lists what there is",
            ),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(status, "method_not_allowed", "this address has other methods: see the header Allow")
            }
            _ if status.is_server_error() => Self::internal(),
            _ => Self::new(status, "bad_request", "the request cannot be read"),
        }
    }

    /// A failure of the service, whose cause only the log tells.
    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service failed; its log tells why, under this request's id",
        )
    }

    /// The header and body of this problem, with the status and the other headers of `response`.
    pub(super) fn write(&self, response: Response) -> Response {
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        let body = serde_json::to_vec(self).unwrap_or_default();
        Response::from_parts(parts, body.into())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error.kind {
            Kind::Setup | Kind::Internal => {
                tracing::error!(code = error.code, "{}", error.message);
                Self::internal()
            }
            kind => {
                let retry_after = (kind == Kind::Busy).then_some(1);
                Self { retry_after, ..Self::new(status(kind), error.code, error.message) }
            }
        }
    }
}

/// The answer carries the problem as an extension: the outermost layer, which knows the request, writes the body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"glassbox\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The HTTP status of an error of `kind`.
pub(super) fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        // A cancelled request has nobody left to read its answer.
        Kind::Busy | Kind::Broken | Kind::Unavailable | Kind::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Kind::Deadline => StatusCode::GATEWAY_TIMEOUT,
        Kind::Setup | Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_of_failures_stay_in_the_log() {
        let problem = Problem::from(Error::internal("the secret path is /root"));
        assert_eq!(problem.status, 500);
        assert!(!problem.detail.contains("secret"));
    }

    #[test]
    fn a_full_queue_says_when_to_come_back() {
        let response = Problem::from(Error::new(Kind::Busy, "busy", "later")).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
