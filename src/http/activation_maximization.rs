//! `POST /v1/models/{model}/activation-maximization`: a picture made up rather than explained.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response, routing::post};
use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{HttpMethod, path::Paths},
};
use utoipa_axum::router::UtoipaMethodRouter;

use super::{
    App, Caller, Problem, Served, Wishes,
    accept::negotiate,
    accepted::Accepted,
    explain::respond,
    operation::{Cause, nullable, operation, responses, without_defaults},
    options::{FormatOption, read_with_format},
    schema::{self, Schemas},
};
use crate::{
    error::Result,
    explain::{ActivationMaximization, Format, Maximum},
    jobs::Task,
};

/// What the answer can be written as, the favourite first.
const FORMATS: [Format; 3] = [Format::Json, Format::Png, Format::Npy];

/// The ways in which the call can fail.
const CAUSES: [Cause; 10] = [
    (StatusCode::BAD_REQUEST, "malformed_json", "The body or the query is not well formed"),
    (StatusCode::NOT_FOUND, "unknown_model", "There is no such model"),
    (StatusCode::NOT_ACCEPTABLE, "not_acceptable", "None of the media types in `Accept` can be made"),
    (StatusCode::REQUEST_TIMEOUT, "slow_upload", "The body took too long to arrive"),
    (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is larger than options are"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body is neither JSON nor a form"),
    (
        StatusCode::UNPROCESSABLE_ENTITY,
        "missing_target",
        "Nothing to maximise is named, or an option or its value cannot be used",
    ),
    (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The service failed"),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "The queue is full or the models are loading: try again after the seconds in `Retry-After`. Or the model is broken",
    ),
    (StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", "The steps took too long: ask for fewer `iterations`"),
];

/// The address of activation maximization.
pub(super) fn route() -> Result<UtoipaMethodRouter<Arc<App>>> {
    let mut options = schema::options::<ActivationMaximization>()?;
    options.extend(schema::options::<FormatOption>()?);
    let object =
        |options: &Schemas| json!({"schema": {"type": "object", "properties": options, "additionalProperties": false}});
    let form = object(&without_defaults(&options));
    let body = json!({
        "description": "The options, which may also stand in the query.",
        "content": {
            "application/json": object(&nullable(&without_defaults(&options))),
            "multipart/form-data": form, "application/x-www-form-urlencoded": form
        }
    });
    let operation = operation(
        ActivationMaximization::NAME,
        &schema::text::<ActivationMaximization>()?,
        &options,
        &body,
        &responses(&CAUSES, &answer()),
        true,
    )?;
    let mut schemas = vec![(Maximum::name().into_owned(), Maximum::schema())];
    Maximum::schemas(&mut schemas);
    let mut paths = Paths::new();
    let path = format!("/v1/models/{{model}}/{}", ActivationMaximization::NAME);
    paths.add_path_operation(path, vec![HttpMethod::Post], operation);
    Ok((schemas, paths, post(maximize)))
}

/// The media types of the answer, with their schemas.
fn answer() -> Schemas {
    let content = |format: Format| match format {
        Format::Json => json!({"schema": {"$ref": format!("#/components/schemas/{}", Maximum::name())}}),
        Format::Png | Format::Npy => json!({"schema": {"type": "string", "format": "binary"}}),
    };
    FORMATS.into_iter().map(|format| (format.media_type().to_owned(), content(format))).collect()
}

async fn maximize(
    State(app): State<Arc<App>>,
    Served(model): Served,
    caller: Caller,
    Wishes(options): Wishes,
) -> Result<Response, Problem> {
    let (technique, format) = read_with_format::<ActivationMaximization>(&options)?;
    let format = format.map_or_else(|| negotiate(&caller.headers, &FORMATS), Ok)?;
    if let Some(job) = Accepted::asked(&caller, format)? {
        return job.answer(&app, &Task::maximize(model.name(), technique), None).await;
    }
    let work = app.run(move |cancellation| technique.maximize(&model, &mut |_| (), cancellation)?.write(format));
    Ok(respond(work.await?, format))
}
