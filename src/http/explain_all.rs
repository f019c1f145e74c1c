//! `POST /v1/models/{model}/explain`: several techniques and classes at once.

use std::sync::Arc;

use axum::{extract::State, response::Response, routing::post};
use utoipa_axum::router::UtoipaMethodRouter;

use super::{
    App, Caller, Problem, Served, Upload,
    accept::negotiate,
    accepted::Accepted,
    explain::respond,
    options::{Options, offered},
    picture_call::PictureCall,
    technique_options::{read, schemas},
};
use crate::{
    error::Result,
    explain::{Combination, Format, Report, explain_all},
    jobs::Task,
};

/// What a combination can be written as, the favourite first.
pub(super) const FORMATS: [Format; 2] = [Format::Json, Format::Png];
const TEXT: &str = "Several techniques and classes at once\n\nOne forward pass serves all techniques that can share it: those that explain \
     the same classes. Name them by `technique`; each takes those of the options that it has. An option is set for one technique \
     alone by the technique's name before it, such as `grad-cam.layer`, in place of the shared one. As PNG, the maps are a \
     captioned contact sheet.";

/// The address.
pub(super) fn route() -> Result<UtoipaMethodRouter<Arc<App>>> {
    PictureCall {
        name: "explain",
        path: "/v1/models/{model}/explain",
        text: TEXT,
        options: &schemas()?,
        formats: &FORMATS,
        job: true,
    }
    .route::<Combination>(post(explain))
}

async fn explain(
    State(app): State<Arc<App>>,
    Served(model): Served,
    caller: Caller,
    upload: Upload,
) -> Result<Response, Problem> {
    let Options { technique: techniques, style, format } = read(upload.options)?;
    let format = offered(format, &FORMATS)?.map_or_else(|| negotiate(&caller.headers, &FORMATS), Ok)?;
    if let Some(job) = Accepted::asked(&caller, format)? {
        let task = Task::explain_all(model.name(), &techniques, style)?;
        return job.answer(&app, &task, Some(&upload.picture)).await;
    }
    let limits = app.config().images.clone();
    let work = app.run(move |cancellation| {
        let run = |picture: &_| explain_all(&techniques, &model, picture, None, cancellation);
        Report::new(&model, &upload.picture, &limits, cancellation, run)?.write(format, &style, cancellation)
    });
    Ok(respond(work.await?, format))
}
