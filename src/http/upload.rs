//! The picture and the options of a request, however they are sent.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    App, Problem,
    form::{Form, FormField},
    json_options,
    options::{self, Pairs},
};
use crate::error::{Error, Kind, Result, excerpt};

/// The most bytes that the options in a body may take, so that no body is mostly options.
pub(super) const MOST_OPTIONS: usize = 64 << 10;

/// An uploaded picture with the options that came with it, from the query and the body.
#[derive(Debug)]
pub struct Upload {
    /// The picture's file, as sent: not yet known to be one.
    pub picture: Bytes,
    /// The options, those of the query first.
    pub options: Pairs,
    /// Gives room for another upload when dropped.
    _room: OwnedSemaphorePermit,
}

/// How the body holds the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Raw,
    Form,
    Json,
}

impl FromRequest<Arc<App>> for Upload {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let room = app.make_room()?;
        let (picture, options) = in_time(app, read(request, app.config().server.body_limit)).await?;
        Ok(Self { picture, options, _room: room })
    }
}

/// What `reading` a body gives, if the body arrives in time; else a 408.
pub(super) async fn in_time<T>(app: &App, reading: impl Future<Output = Result<T>>) -> Result<T, Problem> {
    let seconds = app.config().server.body_timeout;
    let arrival = tokio::time::timeout(Duration::from_secs(seconds), reading).await;
    if let Ok(read) = arrival {
        return Ok(read?);
    }
    let detail = format!("the body took more than {seconds} s to arrive: send less");
    Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow_upload", detail))
}

async fn read(request: Request, limit: usize) -> Result<(Bytes, Pairs)> {
    let encoding = encoding(request.headers())?;
    let mut options = options::from_query(request.uri().query().unwrap_or_default())?;
    if announced_length(request.headers()) > limit as u64 {
        return Err(too_large(limit));
    }
    let (picture, more) = match encoding {
        Encoding::Raw => (collect(request.into_body(), limit).await?, Pairs::new()),
        Encoding::Json => {
            let body = collect(request.into_body(), limit).await?;
            let parsed = tokio::task::spawn_blocking(move || from_json(&body)).await;
            parsed.map_err(|error| Error::internal(error.to_string()))??
        }
        Encoding::Form => from_form(request, limit).await?,
    };
    options.extend(more);
    Ok((picture, options))
}

/// How the body is written, by its media type; none at all counts as bytes.
fn encoding(headers: &HeaderMap) -> Result<Encoding> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(Encoding::Raw) };
    let value = value.to_str().unwrap_or("an unreadable one");
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "multipart/form-data" => Ok(Encoding::Form),
        "application/json" => Ok(Encoding::Json),
        "application/octet-stream" => Ok(Encoding::Raw),
        essence if essence.starts_with("image/") => Ok(Encoding::Raw),
        _ => Err(Error::new(
            Kind::UnsupportedMedia,
            "unsupported_media_type",
            format!(
                "the content type is `{}`: send the picture as image/* or application/octet-stream, as the field `image` of \
                 multipart/form-data, or as base64 in application/json",
                excerpt(&essence)
            ),
        )),
    }
}

fn announced_length(headers: &HeaderMap) -> u64 {
    headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}

pub(super) fn too_large(limit: usize) -> Error {
    let message = format!("the body is larger than the {limit} bytes that this call takes: send less");
    Error::new(Kind::TooLarge, "body_too_large", message)
}

pub(super) fn malformed(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(Kind::Malformed, code, message)
}

/// The body, of which never more than `limit` bytes are kept.
pub(super) async fn collect(mut body: Body, limit: usize) -> Result<Bytes> {
    let mut collected = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| malformed("incomplete_body", "the body ended before its announced length"))?;
        let data = frame.into_data().unwrap_or_default();
        if collected.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected.into())
}

/// The field `image`, and all other fields as options.
async fn from_form(request: Request, limit: usize) -> Result<(Bytes, Pairs)> {
    let mut form = Form::open(request, limit).await?;
    let mut picture = None;
    let mut options = Pairs::new();
    while let Some(field) = form.next().await? {
        match field {
            FormField::Option(name, value) => options.push((name, value)),
            FormField::Image(image) => {
                if picture.replace(image.bytes().await?).is_some() {
                    return Err(malformed(
                        "duplicate_image",
                        "there are two fields `image`: send one picture a request",
                    ));
                }
            }
        }
    }
    let picture = picture.ok_or_else(|| {
        malformed("missing_image", "there is no field `image`: send the picture in a form field of that name")
    })?;
    Ok((picture, options))
}

/// Refuses options that take too many bytes.
pub(super) fn check_options(size: usize) -> Result<()> {
    if size > MOST_OPTIONS {
        let message = format!("the options take more than {MOST_OPTIONS} bytes: the picture belongs in `image`");
        return Err(Error::new(Kind::TooLarge, "options_too_large", message));
    }
    Ok(())
}

/// The picture in `{"image": {"b64": "..."}}`, and all other members as options.
fn from_json(body: &[u8]) -> Result<(Bytes, Pairs)> {
    #[derive(Deserialize)]
    struct Picture<'a> {
        #[serde(borrow)]
        image: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Options {
        #[serde(rename = "image")]
        _image: IgnoredAny,
        #[serde(flatten)]
        options: serde_json::Map<String, Value>,
    }
    let refuse = |error: serde_json::Error| {
        let reason = error.to_string();
        let reason = excerpt(&reason);
        malformed("malformed_json", format!("the body is not a JSON object with a picture and options: {reason}"))
    };
    let image = serde_json::from_slice::<Picture<'_>>(body)
        .map_err(refuse)?
        .image
        .ok_or_else(|| malformed("missing_image", format!("there is no member `image`: {JSON_IMAGE}")))?;
    // Checked before the options are read, since a value takes more memory than its text.
    check_options(body.len() - image.get().len())?;
    let picture = decode_image(image.get())?;
    Ok((picture, json_options::from_json(serde_json::from_slice::<Options>(body).map_err(refuse)?.options)?))
}

/// What the picture looks like in JSON.
const JSON_IMAGE: &str = "send the picture as {\"image\": {\"b64\": \"...\"}}";

/// The picture in `{"b64": "..."}`.
pub(super) fn decode_image(json: &str) -> Result<Bytes> {
    #[derive(Deserialize)]
    struct Image<'a> {
        #[serde(borrow)]
        b64: Cow<'a, str>,
    }
    let image: Image<'_> = serde_json::from_str(json).map_err(|error| {
        let reason = error.to_string();
        malformed("missing_image", format!("the member `image` has no picture ({}): {JSON_IMAGE}", excerpt(&reason)))
    })?;
    decode_base64(&image.b64)
}

/// The bytes in base64, with or without `data:image/...;base64,` before them and line breaks between.
fn decode_base64(text: &str) -> Result<Bytes> {
    let text = match text.split_once(',') {
        Some((prefix, rest)) if prefix.starts_with("data:") => rest,
        _ => text,
    };
    let decoded = if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        BASE64_STANDARD.decode(text.split_ascii_whitespace().collect::<String>())
    } else {
        BASE64_STANDARD.decode(text)
    };
    decoded.map(Bytes::from).map_err(|error| {
        malformed("malformed_base64", format!("the member `b64` is not standard base64 with padding: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    async fn upload(content_type: &str, query: &str, body: impl Into<Body>) -> Result<Upload, Problem> {
        let mut config = Config::default();
        config.server.body_limit = 200;
        let request = Request::post(format!("/?{query}")).header(header::CONTENT_TYPE, content_type);
        Upload::from_request(request.body(body.into()).unwrap(), &Arc::new(App::new(config))).await
    }

    /// The options of an upload whose picture is `pixels`.
    async fn options(content_type: &str, query: &str, body: impl Into<Body>) -> Pairs {
        let upload = upload(content_type, query, body).await.unwrap();
        assert_eq!(upload.picture, "pixels");
        upload.options
    }

    async fn refused(content_type: &str, body: impl Into<Body>) -> (u16, String) {
        let problem = upload(content_type, "", body).await.unwrap_err();
        (problem.status, problem.code.into_owned())
    }

    fn form(fields: &[(&str, &str)]) -> String {
        use std::fmt::Write;
        let mut text = String::new();
        for (name, value) in fields {
            write!(text, "--X\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").unwrap();
        }
        text + "--X--\r\n"
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    const FORM: &str = "multipart/form-data; boundary=X";

    #[tokio::test]
    async fn a_picture_comes_raw_or_in_a_form_or_in_json() {
        assert_eq!(options("image/png", "top=1", "pixels").await, [pair("top", "1")]);
        assert_eq!(options("application/octet-stream", "", "pixels").await, []);
        let both = [pair("top", "1"), pair("layer", "fc")];
        assert_eq!(options(FORM, "top=1", form(&[("image", "pixels"), ("layer", "fc")])).await, both);
        let json = r#"{"layer": "fc", "image": {"b64": "cGl4ZWxz"}}"#;
        assert_eq!(options("application/json; charset=utf-8", "top=1", json).await, both);
        let json = r#"{"image": {"b64": "data:image/png;base64,cGl4\nZWxz"}}"#;
        assert_eq!(options("application/json", "", json).await, []);
    }

    #[tokio::test]
    async fn a_form_without_exactly_one_picture_is_refused() {
        assert_eq!(refused(FORM, form(&[("layer", "fc")])).await, (400, "missing_image".to_owned()));
        assert_eq!(refused(FORM, form(&[("image", "a"), ("image", "b")])).await, (400, "duplicate_image".to_owned()));
        assert_eq!(refused(FORM, "--X\r\nContent-Dis").await, (400, "malformed_form".to_owned()));
        assert_eq!(refused("multipart/form-data", form(&[])).await, (400, "malformed_form".to_owned()));
    }

    #[tokio::test]
    async fn json_without_a_picture_is_refused() {
        assert_eq!(refused("application/json", "{").await, (400, "malformed_json".to_owned()));
        assert_eq!(refused("application/json", "{}").await, (400, "missing_image".to_owned()));
        assert_eq!(refused("application/json", r#"{"image": "abc"}"#).await, (400, "missing_image".to_owned()));
        assert_eq!(refused("application/json", r#"{"image": null}"#).await, (400, "missing_image".to_owned()));
        assert_eq!(refused("application/json", "[]").await, (400, "malformed_json".to_owned()));
        assert_eq!(
            refused("application/json", r#"{"image": {"b64": "?"}}"#).await,
            (400, "malformed_base64".to_owned())
        );
    }

    #[test]
    fn options_take_only_so_much_of_a_body() {
        let options =
            |count: usize| format!(r#"{{"image": {{"b64": "cGl4ZWxz"}}, "class": [{}0]}}"#, "0,".repeat(count));
        assert_eq!(from_json(options(1000).as_bytes()).unwrap().1.len(), 1001);
        assert_eq!(from_json(options(MOST_OPTIONS).as_bytes()).unwrap_err().code, "options_too_large");
    }

    #[tokio::test]
    async fn a_form_is_not_mostly_options() {
        let mut config = Config::default();
        let request = |fields: &[(&str, &str)]| {
            Request::post("/").header(header::CONTENT_TYPE, FORM).body(Body::from(form(fields))).unwrap()
        };
        config.server.body_limit = 1 << 20;
        let app = Arc::new(App::new(config));
        let long = "x".repeat(MOST_OPTIONS);
        let problem = Upload::from_request(request(&[("layer", &long)]), &app).await.unwrap_err();
        assert_eq!((problem.status, problem.code.as_ref()), (413, "options_too_large"));
    }

    #[tokio::test]
    async fn uploads_are_refused_while_too_many_are_held() {
        let mut config = Config::default();
        (config.runtime.sessions, config.server.queue) = (1, 1);
        let app = Arc::new(App::new(config));
        let upload =
            || async { Upload::from_request(Request::post("/").body(Body::from("pixels")).unwrap(), &app).await };
        let held = (upload().await.unwrap(), upload().await.unwrap());
        assert_eq!(upload().await.unwrap_err().status, 503);
        drop(held);
        assert!(upload().await.is_ok());
    }

    #[tokio::test]
    async fn other_media_types_are_refused() {
        assert_eq!(refused("text/plain", "hello").await, (415, "unsupported_media_type".to_owned()));
        assert_eq!(
            refused("application/x-www-form-urlencoded", "pixels").await,
            (415, "unsupported_media_type".to_owned())
        );
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_refused_however_it_is_sent() {
        let long = "x".repeat(201);
        assert_eq!(upload("image/png", "", "x".repeat(200)).await.unwrap().picture.len(), 200);
        assert_eq!(refused("image/png", long.clone()).await, (413, "body_too_large".to_owned()));
        assert_eq!(refused("application/json", long.clone()).await, (413, "body_too_large".to_owned()));
        let mut config = Config::default();
        config.server.body_limit = 200;
        let announced = Request::post("/").header(header::CONTENT_LENGTH, 201).body(Body::empty()).unwrap();
        let problem = Upload::from_request(announced, &Arc::new(App::new(config))).await.unwrap_err();
        assert_eq!(problem.code, "body_too_large");
    }
}
