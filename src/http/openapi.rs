//! The document that describes this interface.

use utoipa::{
    OpenApi,
    openapi::{
        self, SecurityRequirement,
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
    },
};

/// What the document says besides the routes, which describe themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Glassbox",
        description = "Shows why an image classifier said what it said: send a picture, get classes, maps and overlays. Where the operator asks for API \
            keys, every call but those about the service's health needs one: without it the answer is 401, 403 if the key does not allow \
            the call, 429 if it calls too often.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/", description = "The server that this document is from")),
    tags(
        (name = "explanations", description = "Where in a picture a class was seen"),
        (name = "kserve", description = "KServe's protocols, V1 and V2 (the Open Inference Protocol)"),
        (name = "jobs", description = "Long work that goes on without its client"),
        (name = "models", description = "What is served"),
        (name = "operations", description = "For whoever runs the service")
    )
)]
struct Document;

/// The document before its routes are added.
pub(super) fn document() -> openapi::OpenApi {
    let mut document = Document::openapi();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key")));
    let mut components = document.components.take().unwrap_or_default();
    components.add_security_scheme(BEARER, bearer);
    components.add_security_scheme(HEADER, header);
    document.components = Some(components);
    let none: [&str; 0] = [];
    // No key is needed unless the settings name a file of them.
    document.security = Some(vec![
        SecurityRequirement::default(),
        SecurityRequirement::new(BEARER, none),
        SecurityRequirement::new(HEADER, none),
    ]);
    document
}

/// The names of the two ways to send an API key.
const BEARER: &str = "bearer";
const HEADER: &str = "api_key";
