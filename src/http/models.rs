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
    model::{Model, Preprocessing},
};

/// The models that are served.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// By name.
    models: Vec<Summary>,
}

/// A model in short.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// The model's name in addresses.
    #[schema(examples("vgg16-caltech101"))]
    name: String,
    /// The model's name for people.
    #[schema(examples("VGG16 at a quarter of its width, trained on Caltech-101"))]
    title: String,
    /// The licence of the weights, if it is known.
    #[schema(examples("MIT OR Apache-2.0"))]
    licence: Option<String>,
    /// The size that the model takes pictures in.
    input: Dimensions,
}

/// A model with all that a request can name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Details {
    #[serde(flatten)]
    summary: Summary,
    /// How a picture becomes the model's input.
    preprocessing: Preprocessing,
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
    fn new(model: &Model) -> Self {
        let preprocessing = model.preprocessing();
        Self {
            name: model.name().to_owned(),
            title: model.title().to_owned(),
            licence: model.licence().map(str::to_owned),
            input: Dimensions { width: preprocessing.width() as u32, height: preprocessing.height() as u32 },
        }
    }
}

/// The models
///
/// By name.
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
    Ok(Json(ModelList { models: app.models()?.iter().map(|model| Summary::new(model)).collect() }))
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
        (status = 503, description = "The models are loading.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn show(Served(model): Served) -> Result<Json<Details>, Problem> {
    Ok(Json(Details {
        summary: Summary::new(&model),
        preprocessing: model.preprocessing().clone(),
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
