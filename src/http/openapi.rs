//! The document that describes this interface.

use utoipa::{OpenApi, openapi};

/// What the document says besides the routes, which describe themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Glassbox",
        description = "Shows why an image classifier said what it said: send a picture, get classes, maps and overlays.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "explanations", description = "Where in a picture a class was seen"),
        (name = "jobs", description = "Long work that goes on without its client"),
        (name = "models", description = "What is served"),
        (name = "operations", description = "For whoever runs the service")
    )
)]
struct Document;

/// The document before its routes are added.
pub(super) fn document() -> openapi::OpenApi {
    Document::openapi()
}
