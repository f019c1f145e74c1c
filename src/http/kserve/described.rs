//! What the document says of these protocols beyond what the calls say themselves.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{OpenApi, RefOr, path::Operation},
};

use super::MOST_INSTANCES;
use crate::{
    error::{Error, Result},
    explain::{Predict, technique_names},
    http::{
        operation::{SMALL_PICTURE, nullable, without_defaults},
        schema::{self, Schemas, invalid},
        technique_options,
    },
};

/// Why a call failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KserveError)]
pub(super) struct Refusal {
    /// A sentence for people that says what to do.
    #[schema(examples("the first of `shape` is 0: send 1 to 64"))]
    error: String,
}

/// The content of an answer that refuses a call, with `detail` as an example.
pub(in crate::http) fn refusal(detail: &str) -> Value {
    let schema = format!("#/components/schemas/{}", Refusal::name());
    json!({"application/json": {"schema": {"$ref": schema}, "example": {"error": detail}}})
}

/// Describes the bodies of protocol V1, whose parameters are the options of calls that describe themselves.
pub(in crate::http) fn describe(document: &mut OpenApi) -> Result<()> {
    let components = document.components.get_or_insert_default();
    let schema = serde_json::from_value(instance()).map_err(|error| invalid(&error))?;
    components.schemas.insert(INSTANCE.to_owned(), RefOr::T(schema));
    let mut of_techniques = without_defaults(&technique_options::schemas()?);
    of_techniques.insert(
        "technique".to_owned(),
        json!({"type": "string", "enum": technique_names(), "description": "The technique; by default Grad-CAM."}),
    );
    let of_predict = without_defaults(&schema::options::<Predict>()?);
    for (verb, parameters) in [("predict", of_predict), ("explain", of_techniques)] {
        let body = serde_json::from_value(body(&nullable(&parameters))).map_err(|error| invalid(&error))?;
        operation(document, verb)?.request_body = Some(body);
    }
    Ok(())
}

fn operation<'d>(document: &'d mut OpenApi, verb: &str) -> Result<&'d mut Operation> {
    let item = document.paths.paths.get_mut(&format!("/v1/models/{{model}}:{verb}"));
    item.and_then(|item| item.post.as_mut()).ok_or_else(|| Error::internal(format!("`{verb}` is not described")))
}

/// The name of the schema of a picture.
const INSTANCE: &str = "KserveInstance";

fn instance() -> Value {
    let file = json!({
        "type": "object",
        "required": ["b64"],
        "properties": {"b64": {
            "type": "string", "contentEncoding": "base64", "description": "The picture's file", "examples": [SMALL_PICTURE]
        }}
    });
    json!({
        "description": "A picture: its file, or the model's input, preprocessed already, as lists [C, H, W].",
        "anyOf": [
            file,
            {"type": "object", "required": ["image"], "properties": {"image": file}},
            {"type": "array", "items": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}}
        ]
    })
}

fn body(parameters: &Schemas) -> Value {
    let instances = json!({
        "type": "array", "minItems": 1, "maxItems": MOST_INSTANCES,
        "items": {"$ref": format!("#/components/schemas/{INSTANCE}")}
    });
    let parameters = json!({
        "type": ["object", "null"], "properties": parameters, "additionalProperties": false,
        "description": "Options for all of the instances"
    });
    let schema = json!({
        "type": "object", "required": ["instances"],
        "properties": {"instances": instances, "parameters": parameters}
    });
    json!({
        "required": true,
        "content": {"application/json": {"schema": schema, "example": {"instances": [{"b64": SMALL_PICTURE}]}}}
    })
}
