//! The options of a request that brings no picture.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request},
    http::header,
};

use super::{
    App, Problem,
    form::{Form, FormField},
    json_options,
    options::{self, Pairs},
    upload::{MOST_OPTIONS, collect, in_time, malformed},
};
use crate::error::{Error, Kind, Result, excerpt};

/// The options of a request without a picture: of the query, then of the body, a JSON object or a form of either kind.
#[derive(Debug)]
pub struct Wishes(pub Pairs);

impl FromRequest<Arc<App>> for Wishes {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        in_time(app, read(request)).await.map(Self)
    }
}

async fn read(request: Request) -> Result<Pairs> {
    let mut options = options::from_query(request.uri().query().unwrap_or_default())?;
    let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default().to_owned());
    let kind = kind.as_deref().map(|kind| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    if kind.as_deref() == Some("multipart/form-data") {
        options.extend(from_form(request).await?);
        return Ok(options);
    }
    let body = collect(request.into_body(), MOST_OPTIONS).await?;
    options.extend(match kind.as_deref() {
        _ if body.is_empty() => Pairs::new(),
        Some("application/json") => from_json(&body)?,
        Some("application/x-www-form-urlencoded") => options::from_query(&String::from_utf8_lossy(&body))?,
        _ => return Err(unsupported(kind.as_deref())),
    });
    Ok(options)
}

async fn from_form(request: Request) -> Result<Pairs> {
    let mut form = Form::open(request, MOST_OPTIONS).await?;
    let mut options = Pairs::new();
    while let Some(field) = form.next().await? {
        match field {
            FormField::Option(name, value) => options.push((name, value)),
            FormField::Image(_) => {
                let message = "this call makes a picture and takes none: leave out the field `image`";
                return Err(Error::unprocessable("unexpected_image", message));
            }
        }
    }
    Ok(options)
}

fn from_json(body: &[u8]) -> Result<Pairs> {
    let object = serde_json::from_slice(body).map_err(|error: serde_json::Error| {
        let reason = error.to_string();
        malformed("malformed_json", format!("the body is not a JSON object of options: {}", excerpt(&reason)))
    })?;
    json_options::from_json(object)
}

fn unsupported(kind: Option<&str>) -> Error {
    let message = format!(
        "the content type is `{}`: send the options in the query, as an object in application/json, or as a \
         form in multipart/form-data or application/x-www-form-urlencoded",
        excerpt(kind.unwrap_or("missing"))
    );
    Error::new(Kind::UnsupportedMedia, "unsupported_media_type", message)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;
    use crate::config::Config;

    const FORM: &str = "multipart/form-data; boundary=X";

    async fn wishes(kind: Option<&str>, query: &str, body: impl Into<Body>) -> Result<Pairs, Problem> {
        let request = Request::post(format!("/?{query}"));
        let request = kind.into_iter().fold(request, |request, kind| request.header(header::CONTENT_TYPE, kind));
        let app = Arc::new(App::new(Config::default()));
        Wishes::from_request(request.body(body.into()).unwrap(), &app).await.map(|wishes| wishes.0)
    }

    async fn refused(kind: Option<&str>, body: impl Into<Body>) -> (u16, String) {
        let problem = wishes(kind, "", body).await.unwrap_err();
        (problem.status, problem.code.into_owned())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[tokio::test]
    async fn options_come_in_the_query_in_json_and_in_a_form() {
        assert_eq!(wishes(None, "class=3", "").await.unwrap(), pairs(&[("class", "3")]));
        let both = pairs(&[("seed", "1"), ("class", "yin yang")]);
        let json = r#"{"class": "yin yang", "layer": null}"#;
        assert_eq!(wishes(Some("application/json; charset=utf-8"), "seed=1", json).await.unwrap(), both);
        let form = "class=yin+yang";
        assert_eq!(wishes(Some("application/x-www-form-urlencoded"), "seed=1", form).await.unwrap(), both);
        let form = "--X\r\nContent-Disposition: form-data; name=\"class\"\r\n\r\nyin yang\r\n--X--\r\n";
        assert_eq!(wishes(Some(FORM), "seed=1", form).await.unwrap(), both);
    }

    #[tokio::test]
    async fn other_bodies_are_refused() {
        assert_eq!(refused(Some("image/png"), "pixels").await, (415, "unsupported_media_type".to_owned()));
        assert_eq!(refused(None, "pixels").await, (415, "unsupported_media_type".to_owned()));
        let form =
            "--X\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\npixels\r\n--X--\r\n";
        assert_eq!(refused(Some(FORM), form).await, (422, "unexpected_image".to_owned()));
        assert_eq!(refused(Some(FORM), "--X\r\nContent-Dis").await, (400, "malformed_form".to_owned()));
        assert_eq!(refused(Some("application/json"), "[]").await, (400, "malformed_json".to_owned()));
        let long = format!("class={}", "x".repeat(MOST_OPTIONS));
        assert_eq!(
            refused(Some("application/x-www-form-urlencoded"), long.clone()).await,
            (413, "body_too_large".to_owned())
        );
        assert_eq!(refused(Some(FORM), long).await, (413, "body_too_large".to_owned()));
    }
}
