//! `GET /` and `/playground/...`: the page to try everything in a browser, from files in this binary.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    Json,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Problem;

/// What the page may do: use what this service gives, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
struct File {
    media_type: &'static str,
    bytes: &'static [u8],
    /// A quoted digest of the bytes.
    tag: HeaderValue,
}

/// The files by their names.
static FILES: LazyLock<BTreeMap<&'static str, File>> = LazyLock::new(|| {
    let file = |&(name, bytes): &(&'static str, &'static [u8])| (name, File::new(name, bytes));
    EMBEDDED.iter().map(file).collect()
});

/// The names and bytes of files in `src/http/playground`.
macro_rules! embed {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("playground/", $name)))),*]
    };
}

const EMBEDDED: &[(&str, &[u8])] = embed![
    "api.js",
    "curl.js",
    "divider.js",
    "dom.js",
    "events.js",
    "explanations.js",
    "filter-view.js",
    "gallery.js",
    "help.js",
    "icon.svg",
    "imagine.js",
    "index.html",
    "job-view.js",
    "key.js",
    "layer-view.js",
    "layers.js",
    "look.js",
    "main.js",
    "map-view.js",
    "maps.js",
    "maximization.js",
    "network.css",
    "network.js",
    "npy.js",
    "panels.css",
    "picture.js",
    "predictions.js",
    "problem.js",
    "reader.js",
    "saving.js",
    "scale-bar.js",
    "stack.js",
    "state.js",
    "style.css",
    "summary-table.js",
    "tabs.js",
    "technique-options.js",
    "technique-panel.js",
    "techniques.js",
    "theme.js",
    "tile.js",
    "gallery/butterfly.webp",
    "gallery/ketch.webp",
    "gallery/pyramid.webp",
    "gallery/soccer-ball.webp",
    "gallery/stop-sign.webp",
    "gallery/sunflower.webp",
    "gallery/umbrella.webp",
    "gallery/yin-yang.webp",
];

impl File {
    fn new(name: &str, bytes: &'static [u8]) -> Self {
        let media_type = match name.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("webp") => "image/webp",
            _ => "application/octet-stream",
        };
        let digest: String = Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let tag = HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { media_type, bytes, tag }
    }
}

/// The page itself; to whoever does not ask for a page, as clients of `KServe`'s protocol V1 do, that the service lives.
pub(super) async fn page(headers: HeaderMap) -> Response {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut response = if accepted.any(|value| value.contains("text/html")) {
        answer("index.html", &headers)
    } else {
        Json(json!({"status": "alive"})).into_response()
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// One of the page's files.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(&name, &headers)
}

/// The file called `name`, or 304 where the client has it as it is.
fn answer(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = FILES.get(name) else { return Problem::for_status(StatusCode::NOT_FOUND).into_response() };
    let mut response = if is_known(headers, &file.tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type))], file.bytes).into_response()
    };
    let own = [
        (header::ETAG, file.tag.clone()),
        // Asked for again each time, which costs nothing while the binary is the same.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    response.headers_mut().extend(own);
    response
}

/// Whether `If-None-Match` (RFC 9110, section 13.1.2) has `tag`.
fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let named = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = named.flat_map(|value| value.split(',')).map(|tag| tag.trim().trim_start_matches("W/"));
    tags.any(|known| known == "*" || known.as_bytes() == tag.as_bytes())
}
