//! How a call is described: what it is told, what it answers, and how it can fail.

use axum::http::StatusCode;
use serde_json::{Value, json};
use utoipa::{ToSchema, openapi::path::Operation};

use super::{
    PROBLEM_JSON, Problem,
    schema::{Schemas, invalid},
};
use crate::error::Result;

/// A way in which a call can fail: the status, one of its codes, and words.
pub(super) type Cause = (StatusCode, &'static str, &'static str);

/// The operation called `name`, which `text` describes: the first paragraph is the summary.
pub(super) fn operation(
    name: &str,
    text: &str,
    options: &Schemas,
    body: &Value,
    responses: &Schemas,
) -> Result<Operation> {
    let (summary, description) = text.split_once("\n\n").unwrap_or((text, ""));
    let operation = json!({
        "tags": ["explanations"],
        "operationId": name,
        "summary": summary.replace('\n', " ").replace('`', "").trim_end_matches('.'),
        "description": description,
        "parameters": parameters(options),
        "requestBody": body,
        "responses": responses,
    });
    serde_json::from_value(operation).map_err(|error| invalid(&error))
}

/// The model's name in the path, and the options in the query.
fn parameters(options: &Schemas) -> Vec<Value> {
    let model = json!({
        "name": "model", "in": "path", "required": true, "description": "The model's name",
        "schema": {"type": "string"}, "example": "vgg16-caltech101"
    });
    let options = options.iter().map(|(name, schema)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema})
    });
    std::iter::once(model).chain(options).collect()
}

/// The options without their defaults, which pages would fill in and send along.
pub(super) fn without_defaults(options: &Schemas) -> Schemas {
    let mut options = options.clone();
    options.values_mut().filter_map(Value::as_object_mut).for_each(|schema| drop(schema.remove("default")));
    options
}

/// The responses of a call, by status: what it gives in each media type, and the problems that `causes` give.
pub(super) fn responses(causes: &[Cause], content: &Schemas) -> Schemas {
    let problem = |&(status, code, description): &Cause| {
        let problem = Problem::new(status, code, description);
        let content =
            json!({"schema": {"$ref": format!("#/components/schemas/{}", Problem::name())}, "example": problem});
        (status.as_str().to_owned(), json!({"description": description, "content": {PROBLEM_JSON: content}}))
    };
    let found = json!({
        "description": "What was found.",
        "headers": {"Server-Timing": {
            "description": "Milliseconds to decode the picture, run the model, and write the answer",
            "schema": {"type": "string"},
            "example": "decode;dur=3.1, run;dur=21.0, render;dur=0.4"
        }},
        "content": content
    });
    causes.iter().map(problem).chain([("200".to_owned(), found)]).collect()
}
