//! `POST /v1/models/{model}/predict`

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response, routing::post};
use utoipa_axum::router::UtoipaMethodRouter;

use super::{
    App, Problem, Served, Upload, accept::negotiate, explain::respond, options, picture_call::PictureCall, schema,
};
use crate::{
    error::Result,
    explain::{Format, Predict, Predictions, Report},
};

/// What predictions can be written as.
const FORMATS: [Format; 1] = [Format::Json];

/// The address of predictions.
pub(super) fn route() -> Result<UtoipaMethodRouter<Arc<App>>> {
    PictureCall {
        name: "predict",
        path: "/v1/models/{model}/predict",
        text: &schema::text::<Predict>()?,
        options: &schema::options::<Predict>()?,
        formats: &FORMATS,
        job: false,
    }
    .route::<Predictions>(post(predict))
}

async fn predict(
    State(app): State<Arc<App>>,
    Served(model): Served,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Problem> {
    let predict: Predict = options::read(&upload.options)?;
    let format = negotiate(&headers, &FORMATS)?;
    let limits = app.config().images.clone();
    let work = app.run(move |cancellation| {
        let run = |picture: &_| predict.predict(&model, picture, cancellation);
        Report::new(&model, &upload.picture, &limits, cancellation, run)?.to_json()
    });
    Ok(respond(work.await?, format))
}
