//! `GET /v1/models/{model}/filters`

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};

use super::{
    App, Problem, Served,
    accept::negotiate,
    explain::negotiated,
    options::{self, FormatOption, read_with_format},
    schema::File,
};
use crate::{
    error::Error,
    explain::{Filters, FiltersShown, Format},
};

/// The filters of convolutions
///
/// As numbers, or as a titled grid of pictures. Without options the article's figure: of the first convolution of each block
/// the first filter's first channel. With `layer` that layer's filters (the first 64), with `filter` as well the channels of one
/// filter; with `color=true` the first layer's filters in RGB.
#[utoipa::path(
    get,
    path = "/v1/models/{model}/filters",
    tag = "models",
    params(("model" = String, Path, description = "The model's name", example = "vgg16-caltech101"), Filters, FormatOption),
    responses(
        (status = 200, description = "The filters.", content(
            (FiltersShown = "application/json"),
            (File = "image/png"),
            (File = "application/x-npy")
        )),
        (status = 404, description = "There is no such model.", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "None of the media types in `Accept` can be made.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "There is no such layer, filter or channel, or an option or its value cannot be used.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The models are loading, the queue is full, or the model is broken.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn filters(
    State(app): State<Arc<App>>,
    Served(model): Served,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    const FORMATS: [Format; 3] = [Format::Json, Format::Png, Format::Npy];
    let pairs = options::from_query(&query.unwrap_or_default())?;
    let (wanted, format) = read_with_format::<Filters>(&pairs)?;
    let format = format.map_or_else(|| negotiate(&headers, &FORMATS), Ok)?;
    let work = app.run(move |_| {
        let shown = wanted.show(&model)?;
        match format {
            Format::Json => serde_json::to_vec(&shown).map_err(|error| Error::internal(error.to_string())),
            Format::Png => shown.to_png(),
            Format::Npy => shown.to_npy(),
        }
    });
    Ok(negotiated(work.await?, format.media_type()))
}
