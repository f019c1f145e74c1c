//! Protocol V1: `POST /v1/models/{model}:predict` and `:explain`.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    MOST_INSTANCES,
    body::{self, Body},
    described::Refusal,
    numbers,
};
use crate::{
    error::{Error, Result},
    explain::{Explainer, Found, Instance, Predict, Prediction, Report},
    http::{App, Problem, options, options::Pairs, technique_options, upload::decode_image, upload::malformed},
    model::Model,
};

/// The technique when none is named.
const DEFAULT_TECHNIQUE: &str = "grad-cam";

/// What both calls are told.
#[derive(Debug, Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    instances: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
}

/// Whether `path` is that of one of the two calls.
pub(super) fn is_call(path: &str) -> bool {
    let path = path.to_ascii_lowercase().replace("%3a", ":");
    path.ends_with(":predict") || path.ends_with(":explain")
}

/// A call of either kind: the last part of the path is the model's name, a colon and the verb.
pub(super) async fn call(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let Some((name, verb)) = name.rsplit_once(':') else {
        return Err(Problem::for_status(StatusCode::NOT_FOUND));
    };
    let model = app.model(name).await?;
    match verb {
        "predict" => predict(&app, model, body).await,
        "explain" => explain(&app, model, body).await,
        _ => Err(Problem::for_status(StatusCode::NOT_FOUND)),
    }
}

/// What the model sees in pictures, by `KServe`'s protocol V1
///
/// `predictions[i]` are the likeliest classes of `instances[i]`, best first. An error is `{"error": "..."}`.
#[utoipa::path(
    post,
    path = "/v1/models/{model}:predict",
    operation_id = "kserve_v1_predict",
    tag = "kserve",
    params(("model" = String, Path, description = "The model's name", example = "vgg16-caltech101")),
    responses(
        (status = 200, description = "The classes of each.", body = Object,
            example = json!({"predictions": [[{"index": 36, "label": "elephant", "probability": 0.97}]]})),
        (status = 400, description = "A deadline, an instance or a parameter cannot be used.", body = Refusal),
        (status = 404, description = "There is no such model.", body = Refusal),
        (status = 503, description = "Not ready, or too busy.", body = Refusal)
    )
)]
async fn predict(app: &Arc<App>, model: Arc<Model>, body: Body) -> Result<Response, Problem> {
    let limits = app.config().images.clone();
    let work = app.run(move |cancellation| {
        let (instances, parameters) = read(&body, &model)?;
        let predict: Predict = options::read(&parameters)?;
        let predictions =
            instances.iter().map(|instance| Ok(instance.predict(&predict, &model, &limits, cancellation)?.predictions));
        answer(&Answer::Predictions(predictions.collect::<Result<_>>()?))
    });
    Ok(json(work.await?))
}

/// Why the model sees it, by `KServe`'s protocol V1
///
/// `explanations[i]` is the explanation of `instances[i]`, as `POST /v1/models/{model}/explain/{technique}` answers it.
#[utoipa::path(
    post,
    path = "/v1/models/{model}:explain",
    operation_id = "kserve_v1_explain",
    tag = "kserve",
    params(("model" = String, Path, description = "The model's name", example = "vgg16-caltech101")),
    responses(
        (status = 200, description = "The explanation of each.", body = Object, example = json!({"explanations": [{"technique": "grad-cam"}]})),
        (status = 400, description = "A deadline, an instance or a parameter cannot be used.", body = Refusal),
        (status = 404, description = "There is no such model.", body = Refusal),
        (status = 503, description = "Not ready, or too busy.", body = Refusal)
    )
)]
async fn explain(app: &Arc<App>, model: Arc<Model>, body: Body) -> Result<Response, Problem> {
    let limits = app.config().images.clone();
    let work = app.run(move |cancellation| {
        let (instances, parameters) = read(&body, &model)?;
        let technique = technique(parameters)?;
        let count = instances.len();
        let explanations = instances.iter().enumerate().map(|(index, instance)| {
            instance.explain(technique.as_ref(), &model, &limits, &cancellation.part(index, count))
        });
        answer(&Answer::Explanations(explanations.collect::<Result<_>>()?))
    });
    Ok(json(work.await?))
}

/// What a call answers, by instance.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Predictions(Vec<Vec<Prediction>>),
    Explanations(Vec<Report<Found>>),
}

fn answer(answer: &Answer) -> Result<Vec<u8>> {
    serde_json::to_vec(answer).map_err(|error| Error::internal(error.to_string()))
}

fn json(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The one technique that `parameters` name, with its options.
fn technique(mut parameters: Pairs) -> Result<Box<dyn Explainer>> {
    if !parameters.iter().any(|(name, _)| name == "technique") {
        parameters.push(("technique".into(), DEFAULT_TECHNIQUE.into()));
    }
    let mut techniques = technique_options::read(parameters)?.technique;
    match (techniques.pop(), techniques.is_empty()) {
        (Some(technique), true) => Ok(technique),
        _ => Err(Error::unprocessable("several_techniques", "name one `technique` in `parameters`")),
    }
}

fn read(body: &Body, model: &Model) -> Result<(Vec<Instance>, Pairs)> {
    let Call { instances, parameters } = body::parse(&body.bytes)?;
    if instances.is_empty() || instances.len() > MOST_INSTANCES {
        let message = format!("there are {} instances: send 1 to {MOST_INSTANCES}", instances.len());
        return Err(malformed("instance_count", message));
    }
    let instances = instances.into_iter().map(|json| instance(json.get(), model));
    Ok((instances.collect::<Result<_>>()?, body::options(parameters)?))
}

fn instance(json: &str, model: &Model) -> Result<Instance> {
    #[derive(Deserialize)]
    struct Wrapped<'a> {
        #[serde(borrow, default)]
        image: Option<&'a RawValue>,
    }
    if json.starts_with('[') {
        let input = model.preprocessing();
        return Ok(Instance::Input(numbers::read(json, &[3, input.height(), input.width()])?));
    }
    let Wrapped { image } = body::parse(json.as_bytes())?;
    Ok(Instance::File(decode_image(image.map_or(json, RawValue::get))?))
}
