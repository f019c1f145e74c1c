//! `GET /v1/models` and `GET /v1/models/{model}`: what is served.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{App, Problem, Served, explain::options, schema};
use crate::{
    error::Result,
    explain::{Dimensions, Technique, Visitor, visit_techniques},
    model::{Description, Entry, Inference, Origin, Preprocessing},
};

/// The models there are.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// By name.
    models: Vec<Summary>,
    /// The one that is meant where none is named: `models.default` of the settings.
    #[schema(examples("vgg16-caltech101"))]
    default: String,
}

/// A model in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelInShort)]
pub struct Summary {
    /// The model's name in addresses.
    #[schema(examples("vgg16-caltech101"))]
    name: String,
    /// Whether it can be asked.
    status: Status,
    /// What keeps it from being served, if it is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("its output `y` [n, 512, 7, 7] is not one score for each of two or more classes"))]
    problem: Option<String>,
    /// The model's name for people.
    #[schema(examples("VGG16 at a quarter of its width, trained on Caltech-101"))]
    title: String,
    /// The licence of the weights, if it is known.
    #[schema(examples("MIT OR Apache-2.0"))]
    licence: Option<String>,
    /// The size that the model takes pictures in, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Dimensions>,
}

/// Whether a model can be asked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ModelStatus)]
pub enum Status {
    /// It can.
    Ready,
    /// It can, and is loaded when it is.
    Idle,
    /// Every call on it is refused with what is wrong.
    Broken,
}

/// A model with all that a request can name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Details {
    #[serde(flatten)]
    summary: Summary,
    /// Always true, for clients of `KServe`'s protocol V1: a model that cannot be asked is a 503.
    ready: bool,
    /// The model's file as it came.
    file: Origin,
    /// How a picture becomes the model's input.
    preprocessing: Preprocessing,
    /// What its files do not say, and what it was taken to be.
    inferred: Vec<Inference>,
    /// The classes in the order of their indices.
    #[schema(example = json!(["Faces", "Faces_easy", "Leopards"]))]
    classes: Vec<String>,
    /// The layers in the order of computation, input first.
    #[schema(example = json!(["input", "block1_conv1", "block1_conv2"]))]
    layers: Vec<String>,
    /// The techniques that explain what the model sees.
    techniques: Vec<TechniqueDetails>,
}

/// A technique with its options.
#[derive(Debug, Serialize, ToSchema)]
pub struct TechniqueDetails {
    /// The technique's name in addresses.
    #[schema(examples("grad-cam"))]
    name: &'static str,
    /// What it does and where it comes from.
    description: String,
    /// Its options by name: a JSON schema each, with the default where there is one.
    #[schema(example = json!({"reduce": {"type": "string", "enum": ["max", "mean", "none"], "default": "max"}}))]
    options: Map<String, Value>,
}

impl Summary {
    fn new(name: &str, entry: Entry) -> Self {
        let (status, problem, description) = match entry {
            Entry::Ready(model) => (Status::Ready, None, Some(Description::of(&model))),
            Entry::Idle(description) => (Status::Idle, None, description),
            Entry::Broken(error, _) => (Status::Broken, Some(error.to_string()), None),
        };
        let input = description.as_ref().map(|Description { input: (width, height), .. }| (*width, *height));
        Self {
            status,
            problem,
            title: description.as_ref().map_or_else(|| name.to_owned(), |known| known.title.clone()),
            licence: description.and_then(|known| known.licence),
            input: input.map(|(width, height)| Dimensions { width, height }),
            name: name.to_owned(),
        }
    }
}

/// The models
///
/// By name, with those that cannot be served and what is wrong with them.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "models",
    responses(
        (status = 200, description = "The models.", body = ModelList),
        (status = 503, description = "They are loading.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<ModelList>, Problem> {
    let models = app.models()?.iter().map(|(name, entry)| Summary::new(name, entry));
    Ok(Json(ModelList { models: models.collect(), default: app.config().models.default.clone() }))
}

/// A model
///
/// Its input, classes, layers and techniques: all that a request can name.
#[utoipa::path(
    get,
    path = "/v1/models/{model}",
    tag = "models",
    params(("model" = String, Path, description = "The model's name", example = "vgg16-caltech101")),
    responses(
        (status = 200, description = "The model.", body = Details),
        (status = 404, description = "There is no such model.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The models are loading, or this one is broken.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn show(Served(model): Served) -> Result<Json<Details>, Problem> {
    Ok(Json(Details {
        summary: Summary::new(model.name(), Entry::Ready(Arc::clone(&model))),
        ready: true,
        file: model.origin().clone(),
        preprocessing: model.preprocessing().clone(),
        inferred: model.inferences().to_vec(),
        classes: model.labels().iter().map(str::to_owned).collect(),
        layers: model.layers().iter().map(|layer| layer.name.clone()).collect(),
        techniques: techniques()?,
    }))
}

fn techniques() -> Result<Vec<TechniqueDetails>> {
    struct Techniques(Vec<Result<TechniqueDetails>>);
    impl Visitor for Techniques {
        fn visit<T: Technique>(&mut self) {
            self.0.push(details::<T>());
        }
    }
    let mut techniques = Techniques(Vec::new());
    visit_techniques(&mut techniques);
    techniques.0.into_iter().collect()
}

fn details<T: Technique>() -> Result<TechniqueDetails> {
    Ok(TechniqueDetails { name: T::NAME, description: schema::text::<T>()?, options: options::<T>()? })
}
