//! `GET /v1/models/{model}/summary`

use axum::{
    Json,
    extract::RawQuery,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Problem, Served, accept::best, explain::negotiated, options};
use crate::onnx::Summary;

/// The media types of a summary, the favourite first.
const TYPES: [&str; 2] = ["application/json", "text/plain; charset=utf-8"];

/// How a summary is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SummaryFormat {
    /// Numbers as JSON.
    Json,
    /// Keras' table.
    Text,
}

/// The option that stands in for the header `Accept`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct SummaryOptions {
    /// The representation of the answer; stronger than the header `Accept`.
    #[param(inline)]
    format: Option<SummaryFormat>,
}

/// A model's layers, as Keras' `model.summary()`
///
/// The layers in the order of computation with the shapes that they give and their parameters, and the totals: as JSON, or as
/// Keras' table in text.
#[utoipa::path(
    get,
    path = "/v1/models/{model}/summary",
    tag = "models",
    params(("model" = String, Path, description = "The model's name", example = "vgg16-caltech101"), SummaryOptions),
    responses(
        (status = 200, description = "The summary.", content(
            (Summary = "application/json"),
            (String = "text/plain", example = "Model: \"vgg16-caltech101\"")
        )),
        (status = 404, description = "There is no such model.", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "None of the media types in `Accept` can be made.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "An option or its value cannot be used.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The models are loading, or this one is broken.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn summary(
    Served(model): Served,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let SummaryOptions { format } = options::read(&options::from_query(&query.unwrap_or_default())?)?;
    let index = match format {
        Some(SummaryFormat::Json) => 0,
        Some(SummaryFormat::Text) => 1,
        None => best(&headers, &["application/json", "text/plain"])?,
    };
    let summary = model.summary();
    let body = if index == 0 { Json(summary).into_response() } else { summary.to_string().into_response() };
    Ok(negotiated(body, TYPES[index]))
}
