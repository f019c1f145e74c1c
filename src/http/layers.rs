//! `GET /v1/models/{model}/layers`, `/layers/{layer}` and `/layers/{layer}/weights`

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App, Problem, Served,
    accept::negotiate,
    explain::negotiated,
    options::{self, read_with_format},
    schema::File,
};
use crate::{
    error::{Error, Kind, Result},
    explain::{Format, LayerWeights, Weights},
    model::Model,
    onnx::{Layer, LayerConfig},
};

/// A model's layers.
#[derive(Debug, Serialize, ToSchema)]
pub struct LayerList {
    /// In the order of computation, the input first.
    layers: Vec<LayerConfig>,
}

/// The name of a layer in a path.
#[derive(Debug, Deserialize)]
pub(super) struct LayerPath {
    layer: String,
}

/// The layer that the path names; a 404 that names near ones.
fn named<'m>(model: &'m Model, path: &LayerPath) -> Result<&'m Layer> {
    model.layer(&path.layer).map_err(|error| Error { kind: Kind::NotFound, ..error })
}

/// A model's layers
///
/// With their settings in Keras' terms.
#[utoipa::path(
    get,
    path = "/v1/models/{model}/layers",
    operation_id = "layers",
    tag = "models",
    params(("model" = String, Path, description = "The model's name", example = "vgg16-caltech101")),
    responses(
        (status = 200, description = "The layers.", body = LayerList),
        (status = 404, description = "There is no such model.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The models are loading, or this one is broken.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(Served(model): Served) -> Json<LayerList> {
    Json(LayerList { layers: model.summary().layers })
}

/// A layer
///
/// Its settings in Keras' terms: filters, kernel size, strides, padding, activation, parameters and shapes.
#[utoipa::path(
    get,
    path = "/v1/models/{model}/layers/{layer}",
    operation_id = "layer",
    tag = "models",
    params(
        ("model" = String, Path, description = "The model's name", example = "vgg16-caltech101"),
        ("layer" = String, Path, description = "The layer's name", example = "block5_conv1")
    ),
    responses(
        (status = 200, description = "The layer.", body = LayerConfig),
        (status = 404, description = "There is no such model or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The models are loading, or this one is broken.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn show(Served(model): Served, Path(path): Path<LayerPath>) -> Result<Json<LayerConfig>, Problem> {
    Ok(Json(model.layer_config(named(&model, &path)?)))
}

/// A layer's weights
///
/// Statistics and a histogram of each parameter as JSON, or one parameter (`tensor=`) as a NumPy file, in Keras' order of axes
/// by default: [H, W, in, out] for a convolution's kernel, [in, out] for a dense layer's. After a `Flatten`, a dense layer's rows
/// go by height, width and channel, since Keras flattens the channels last.
#[utoipa::path(
    get,
    path = "/v1/models/{model}/layers/{layer}/weights",
    tag = "models",
    params(
        ("model" = String, Path, description = "The model's name", example = "vgg16-caltech101"),
        ("layer" = String, Path, description = "The layer's name", example = "block1_conv1"),
        Weights,
        ("format" = Option<String>, Query, description = "The representation of the answer; stronger than the header `Accept`.",
            pattern = "^(json|npy)$")
    ),
    responses(
        (status = 200, description = "The weights.", content(
            (LayerWeights = "application/json"),
            (File = "application/x-npy")
        )),
        (status = 404, description = "There is no such model or layer.", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "None of the media types in `Accept` can be made.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The layer has no weights, or an option or its value cannot be used.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The models are loading, the queue is full, or the model is broken.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn weights(
    State(app): State<Arc<App>>,
    Served(model): Served,
    Path(path): Path<LayerPath>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    const FORMATS: [Format; 2] = [Format::Json, Format::Npy];
    named(&model, &path)?;
    let pairs = options::from_query(&query.unwrap_or_default())?;
    let (wanted, format) = read_with_format::<Weights>(&pairs)?;
    let format = options::offered(format, &FORMATS)?.map_or_else(|| negotiate(&headers, &FORMATS), Ok)?;
    let work = app.run(move |_| {
        let layer = named(&model, &path)?;
        match format {
            Format::Npy => wanted.npy(&model, layer),
            _ => serde_json::to_vec(&wanted.statistics(&model, layer)?)
                .map_err(|error| Error::internal(error.to_string())),
        }
    });
    Ok(negotiated(work.await?, format.media_type()))
}
