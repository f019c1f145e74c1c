//! Colour maps from the literature, by their usual names.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How numbers become colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ColorMap {
    /// Blue to red through green, as in most Grad-CAM figures.
    Jet,
}
