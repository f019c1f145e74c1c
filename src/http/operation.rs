//! How a call is described: what it is told, what it answers, and how it can fail.

use axum::http::{HeaderName, StatusCode};
use serde_json::{Value, json};
use utoipa::{ToSchema, openapi::path::Operation};

use super::{
    PROBLEM_JSON, Problem,
    accepted::{IDEMPOTENCY_KEY, LONGEST_KEY},
    job::JobBody,
    prefer::PREFER,
    schema::{Schemas, invalid},
};
use crate::error::Result;

/// A drawing of 8x8 pixels, as PNG in base64: an example that can be sent as it is.
pub(super) const SMALL_PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAAGUlEQVR42mP4DwUMQAQEIAYDGOBnwBVDAQB8BB/hGGGe2AAAAABJRU5ErkJggg==";

/// A way in which a call can fail: the status, one of its codes, and words.
pub(super) type Cause = (StatusCode, &'static str, &'static str);

/// The operation called `name`, which `text` describes: the first paragraph is the summary. It can become a job if `job`.
pub(super) fn operation(
    name: &str,
    text: &str,
    options: &Schemas,
    body: &Value,
    responses: &Schemas,
    job: bool,
) -> Result<Operation> {
    let (headers, accepted) = if job { (job_headers(), Some(accepted())) } else { (Vec::new(), None) };
    let parameters = [parameters(options), headers].concat();
    let (summary, description) = text.split_once("\n\n").unwrap_or((text, ""));
    let operation = json!({
        "tags": ["explanations"],
        "operationId": name,
        "summary": summary.replace('\n', " ").replace('`', "").trim_end_matches('.'),
        "description": description,
        "parameters": parameters,
        "requestBody": body,
        "responses": responses.clone().into_iter().chain(accepted).collect::<Schemas>(),
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

/// What makes a call a job.
fn job_headers() -> Vec<Value> {
    let header = |name: &HeaderName, description: &str, schema: Value| json!({"name": name.as_str(), "in": "header", "required": false, "description": description, "schema": schema});
    let prefer = "`respond-async` makes the call a job: the answer is 202 and the job's address. `wait=10` answers in line if the result \
         comes within 10 seconds, else with 202 (RFC 7240).";
    let key = "A name of the client's for this request as a job: sent again under it, the request gets the same job.";
    // A key without an example: who tries the calls out would send the same for each of them, which is refused.
    let plain = json!({"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": r"^[\x21-\x7e]+$"});
    vec![
        header(&PREFER, prefer, json!({"type": "string", "examples": ["respond-async"]})),
        header(&IDEMPOTENCY_KEY, key, plain),
    ]
}

/// The answer of a call that has become a job.
fn accepted() -> (String, Value) {
    let text = |description: &str, example: &str| json!({"description": description, "schema": {"type": "string"}, "example": example});
    let body = json!({"schema": {"$ref": format!("#/components/schemas/{}", JobBody::name())}});
    let response = json!({
        "description": "The call is a job, which is kept until it is done: with `Prefer`.",
        "headers": {
            "Location": text("The job's address", "/v1/jobs/019a2f0c7b1e7d3c9a4b5c6d7e8f9a0b"),
            "Preference-Applied": text("What was preferred and done", "respond-async")
        },
        "content": {"application/json": body}
    });
    (StatusCode::ACCEPTED.as_str().to_owned(), response)
}

/// The options without their defaults, which pages would fill in and send along.
pub(super) fn without_defaults(options: &Schemas) -> Schemas {
    let mut options = options.clone();
    options.values_mut().filter_map(Value::as_object_mut).for_each(|schema| drop(schema.remove("default")));
    options
}

/// The options as members of a JSON object, where null stands for one that is left out, and one value for a list of it.
pub(super) fn nullable(options: &Schemas) -> Schemas {
    let nullable = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let mut choices = Vec::new();
        add_choices(schema, &mut choices);
        choices.push(json!({"type": "null"}));
        (name.clone(), json!({"description": description, "anyOf": choices}))
    };
    options.iter().map(nullable).collect()
}

/// Adds what `schema` takes: a list that is not empty, or one of its items.
fn add_choices(mut schema: Value, choices: &mut Vec<Value>) {
    if let Some(Value::Array(several)) = schema.get_mut("anyOf").map(Value::take) {
        several.into_iter().for_each(|choice| add_choices(choice, choices));
        return;
    }
    if schema["type"] == "array" {
        schema["minItems"] = json!(1);
        add_choices(schema["items"].clone(), choices);
    }
    if !choices.contains(&schema) {
        choices.push(schema);
    }
}

/// The responses of a call, by status: what it gives in each media type, and the problems that `causes` give.
pub(super) fn responses(causes: &[Cause], content: &Schemas) -> Schemas {
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

/// The response of a call that fails for `cause`, with its status.
pub(super) fn problem(&(status, code, description): &Cause) -> (String, Value) {
    let problem = Problem::new(status, code, description);
    let content = json!({"schema": {"$ref": format!("#/components/schemas/{}", Problem::name())}, "example": problem});
    let mut response = json!({"description": description, "content": {PROBLEM_JSON: content}});
    let header = |description: &str, schema: Value, example: Value| json!({"description": description, "schema": schema, "example": example});
    match status {
        StatusCode::UNAUTHORIZED => {
            let challenge = header("How to send a key", json!({"type": "string"}), json!("Bearer realm=\"glassbox\""));
            response["headers"] = json!({"WWW-Authenticate": challenge});
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let wait = header("The seconds to wait", json!({"type": "integer", "minimum": 1}), json!(1));
            response["headers"] = json!({"Retry-After": wait});
        }
        _ => {}
    }
    (status.as_str().to_owned(), response)
}
