//! The body of a call: JSON, whatever its content type says, within the bounds of uploads.

use std::sync::Arc;

use axum::{extract::FromRequest, extract::Request};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    error::{Error, Result, excerpt},
    http::{
        App, Problem, json_options,
        options::Pairs,
        upload::{check_options, collect, in_time, malformed},
    },
};

/// A body, held in memory.
#[derive(Debug)]
pub(super) struct Body {
    /// The bytes as sent.
    pub bytes: Bytes,
    /// Gives room for another upload when dropped.
    _room: OwnedSemaphorePermit,
}

impl FromRequest<Arc<App>> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let room = app.make_room()?;
        let limit = app.config().server.body_limit;
        let bytes = in_time(app, collect(request.into_body(), limit)).await?;
        Ok(Self { bytes, _room: room })
    }
}

/// `json` as `T`; a 400 says where it is not one.
pub(super) fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| not_understood(&error))
}

/// The `parameters` of a call as options.
pub(super) fn options(parameters: Option<&RawValue>) -> Result<Pairs> {
    let Some(parameters) = parameters else { return Ok(Pairs::new()) };
    check_options(parameters.get().len())?;
    json_options::from_json(serde_json::from_str(parameters.get()).map_err(|error| not_understood(&error))?)
}

fn not_understood(error: &serde_json::Error) -> Error {
    let reason = error.to_string();
    malformed("malformed_json", format!("the body is not understood: {}", excerpt(&reason)))
}
