//! Who asks, what its headers say, and until when it waits.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};

use super::{
    deadline::Deadline,
    keys::{Key, Scope},
};
use crate::error::Result;

/// Who a request comes from.
#[derive(Debug)]
pub(super) struct Caller {
    /// The request's headers.
    pub headers: HeaderMap,
    /// When the request must be answered.
    pub deadline: Deadline,
    /// The API key, where one is needed.
    key: Option<Arc<Key>>,
}

impl Caller {
    /// The caller of the request with these `parts`.
    pub fn of(parts: &Parts) -> Self {
        let deadline = parts.extensions.get().copied().unwrap_or_else(Deadline::none);
        Self { headers: parts.headers.clone(), deadline, key: parts.extensions.get().cloned() }
    }

    /// The name whose jobs these are; empty where everyone may see all.
    pub fn owner(&self) -> &str {
        self.key.as_ref().map_or("", |key| &key.name)
    }

    /// A 403 if the key does not allow what `scope` says.
    pub fn check(&self, scope: Scope) -> Result<()> {
        self.key.as_ref().map_or(Ok(()), |key| key.check(scope))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
