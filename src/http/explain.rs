//! `POST /v1/models/{model}/explain/{technique}`: one address per technique, all served alike.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use utoipa_axum::router::UtoipaMethodRouter;

use super::{
    App, Caller, Problem, Served, Upload,
    accept::negotiate,
    accepted::Accepted,
    options::{FormatOption, Options},
    picture_call::PictureCall,
    schema::{self, Schemas},
};
use crate::{
    error::{Error, Result, did_you_mean, excerpt, quoted},
    explain::{Format, Report, Technique, Visitor, Written, technique_names, visit_techniques},
    imaging::Style,
    jobs::Task,
};

/// What an explanation can be written as, the favourite first.
const FORMATS: [Format; 3] = [Format::Json, Format::Png, Format::Npy];

/// The address of each technique.
pub(super) fn routes() -> Result<Vec<UtoipaMethodRouter<Arc<App>>>> {
    struct Routes(Vec<Result<UtoipaMethodRouter<Arc<App>>>>);
    impl Visitor for Routes {
        fn visit<T: Technique>(&mut self) {
            self.0.push(route::<T>());
        }
    }
    let mut routes = Routes(Vec::new());
    visit_techniques(&mut routes);
    routes.0.into_iter().collect()
}

fn route<T: Technique>() -> Result<UtoipaMethodRouter<Arc<App>>> {
    PictureCall {
        name: T::NAME,
        path: &format!("/v1/models/{{model}}/explain/{}", T::NAME),
        text: &schema::text::<T>()?,
        options: &options::<T>()?,
        formats: &FORMATS,
        job: true,
    }
    .route::<T::Findings>(post(explain::<T>))
}

/// All that a call can be told, as JSON schemas: the technique's options, how a map is drawn, and the format.
pub(super) fn options<T: Technique>() -> Result<Schemas> {
    let mut options = schema::options::<T>()?;
    options.extend(schema::options::<Style>()?);
    options.extend(schema::options::<FormatOption>()?);
    Ok(options)
}

async fn explain<T: Technique>(
    State(app): State<Arc<App>>,
    Served(model): Served,
    caller: Caller,
    upload: Upload,
) -> Result<Response, Problem> {
    let Options::<T> { technique, style, format } = Options::read(&upload.options)?;
    let format = format.map_or_else(|| negotiate(&caller.headers, &FORMATS), Ok)?;
    if let Some(job) = Accepted::asked(&caller, format)? {
        let task = Task::explain(model.name(), &technique, style)?;
        return job.answer(&app, &task, Some(&upload.picture)).await;
    }
    let limits = app.config().images.clone();
    let work = app.run(move |cancellation| {
        let run = |picture: &_| technique.explain(&model, picture, cancellation);
        Report::new(&model, &upload.picture, &limits, cancellation, run)?.write(format, &style, cancellation)
    });
    Ok(respond(work.await?, format))
}

/// The answer, with its times in the header `Server-Timing`.
pub(super) fn respond(Written { bytes, timing, render }: Written, format: Format) -> Response {
    let mut response = negotiated(bytes, format.media_type());
    let times = format!("decode;dur={}, run;dur={}, render;dur={render}", timing.decode, timing.run);
    if let Ok(times) = HeaderValue::from_str(&times) {
        response.headers_mut().insert("server-timing", times);
    }
    response
}

/// An answer whose media type was negotiated.
pub(super) fn negotiated(body: impl IntoResponse, media_type: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// The names in the path of an explanation.
#[derive(Debug, Deserialize)]
pub(super) struct Names {
    technique: String,
}

/// What a technique that does not exist answers.
pub(super) async fn unknown(Served(_): Served, Path(Names { technique }): Path<Names>) -> Problem {
    unknown_technique(&technique).into()
}

/// A 422 that names the techniques there are.
pub(super) fn unknown_technique(name: &str) -> Error {
    let names = technique_names();
    let hint = did_you_mean(name, names.iter().copied(), 1).map(|hint| hint + " ").unwrap_or_default();
    let message = format!("there is no technique `{}`: {hint}the techniques are {}", excerpt(name), quoted(names));
    Error::unprocessable("unknown_technique", message)
}
