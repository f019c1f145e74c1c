//! Who asks, what its headers say, and until when it waits.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};

use super::deadline::Deadline;

/// Who a request comes from.
#[derive(Debug)]
pub(super) struct Caller {
    /// The request's headers.
    pub headers: HeaderMap,
    /// When the request must be answered.
    pub deadline: Deadline,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let deadline = parts.extensions.get().copied().unwrap_or_else(Deadline::none);
        Ok(Self { headers: parts.headers.clone(), deadline })
    }
}
