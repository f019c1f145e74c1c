//! `GET /v1/colormaps`: what numbers are drawn in, for clients that draw maps themselves.

use axum::Json;
use clap::ValueEnum;
use serde::Serialize;
use utoipa::ToSchema;

use crate::imaging::ColorMap;

/// The colour maps there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct ColorMapList {
    /// In the order in which options name them.
    colormaps: Vec<ColorTable>,
}

/// A colour map as a table.
#[derive(Debug, Serialize, ToSchema)]
struct ColorTable {
    /// Its name in the option `colormap`.
    name: ColorMap,
    /// Whether its middle stands for zero.
    diverging: bool,
    /// [red, green, blue], 0 to 255, in 256 even steps from the lowest number to the highest.
    #[schema(example = json!([[0, 0, 127], [0, 0, 132]]))]
    colors: Vec<[u8; 3]>,
}

/// The colour maps
///
/// As tables of 256 colours, for clients that draw maps as the service does.
#[utoipa::path(
    get,
    path = "/v1/colormaps",
    operation_id = "colormaps",
    tag = "explanations",
    responses((status = 200, description = "The colour maps.", body = ColorMapList))
)]
pub(super) async fn list() -> Json<ColorMapList> {
    let table = |&name: &ColorMap| ColorTable { name, diverging: name.is_diverging(), colors: name.colors().to_vec() };
    Json(ColorMapList { colormaps: ColorMap::value_variants().iter().map(table).collect() })
}
