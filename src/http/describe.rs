//! How calls that take a picture are described: their options from the structs that read them, and all ways to send both.

use std::sync::Arc;

use axum::routing::MethodRouter;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        HttpMethod,
        path::{Operation, Paths},
    },
};
use utoipa_axum::router::UtoipaMethodRouter;

use super::{App, PROBLEM_JSON, Problem};
use crate::{
    error::{Error, Result},
    explain::{Format, Report},
};

/// JSON schemas by name.
pub(super) type Schemas = Map<String, Value>;

/// A call that takes a picture.
pub(super) struct PictureCall<'a> {
    /// Its name, unique in the document.
    pub name: &'a str,
    /// Its path.
    pub path: &'a str,
    /// What it does, in words: the first paragraph is the summary.
    pub text: &'a str,
    /// Its options.
    pub options: &'a Schemas,
    /// What it can answer with.
    pub formats: &'a [Format],
}

/// The JSON schemas of the options in `T`; none refers to another.
pub(super) fn options<T: ToSchema>() -> Result<Schemas> {
    let (schema, known) = schema_and_parts::<T>()?;
    let Some(Value::Object(properties)) = schema.get("properties") else { return Ok(Schemas::new()) };
    Ok(properties.iter().map(|(name, schema)| (name.clone(), plain(schema, &known))).collect())
}

/// What `T` is, in words.
pub(super) fn text<T: ToSchema>() -> Result<String> {
    Ok(schema_and_parts::<T>()?.0["description"].as_str().unwrap_or_default().to_owned())
}

/// The schema of `T`, and those that it refers to.
fn schema_and_parts<T: ToSchema>() -> Result<(Value, Schemas)> {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    let parts = parts.into_iter().map(|(name, schema)| Ok((name, serde_json::to_value(schema)?)));
    parts
        .collect::<Result<Schemas, serde_json::Error>>()
        .and_then(|parts| Ok((serde_json::to_value(T::schema())?, parts)))
        .map_err(|error| invalid(&error))
}

/// `schema` without references and nulls: an option that is null is one that is left out.
fn plain(schema: &Value, known: &Schemas) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    let mut plain = Schemas::new();
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("$ref", Value::String(reference)) => {
                let name = reference.rsplit('/').next().unwrap_or_default();
                merge(&mut plain, known.get(name).map(|schema| self::plain(schema, known)));
            }
            ("oneOf", Value::Array(choices)) => {
                let choice = choices.iter().find(|choice| choice["type"] != "null");
                merge(&mut plain, choice.map(|choice| self::plain(choice, known)));
            }
            ("type", Value::Array(types)) => {
                merge(&mut plain, types.iter().find(|kind| **kind != "null").map(|kind| json!({"type": kind})));
            }
            ("items", items) => merge(&mut plain, Some(json!({"items": self::plain(items, known)}))),
            _ => {}
        }
    }
    // What stands beside a reference is more particular than what it refers to.
    let own = schema.iter().filter(|(key, value)| match key.as_str() {
        "$ref" | "oneOf" | "items" => false,
        "type" => !value.is_array(),
        "default" => !value.is_null() && **value != json!([]),
        _ => true,
    });
    plain.extend(own.map(|(key, value)| (key.clone(), value.clone())));
    Value::Object(plain)
}

fn merge(schema: &mut Schemas, more: Option<Value>) {
    if let Some(Value::Object(more)) = more {
        schema.extend(more);
    }
}

impl PictureCall<'_> {
    /// The address that `handler` serves, whose answer is a report on findings `F`.
    pub fn route<F: Serialize + ToSchema>(
        self,
        handler: MethodRouter<Arc<App>>,
    ) -> Result<UtoipaMethodRouter<Arc<App>>> {
        let mut schemas = vec![(F::name().into_owned(), F::schema())];
        Report::<F>::schemas(&mut schemas);
        let mut paths = Paths::new();
        paths.add_path_operation(self.path, vec![HttpMethod::Post], self.operation::<F>()?);
        Ok((schemas, paths, handler))
    }

    fn operation<F: Serialize + ToSchema>(&self) -> Result<Operation> {
        let (summary, description) = self.text.split_once("\n\n").unwrap_or((self.text, ""));
        let mut responses = problems();
        responses.insert(
            "200".into(),
            json!({
                "description": "What was found.",
                "headers": {"Server-Timing": {
                    "description": "Milliseconds to decode the picture, run the model, and write the answer",
                    "schema": {"type": "string"},
                    "example": "decode;dur=3.1, run;dur=21.0, render;dur=0.4"
                }},
                "content": self.answer::<F>()?
            }),
        );
        let operation = json!({
            "tags": ["explanations"],
            "operationId": self.name,
            "summary": summary.replace('\n', " ").trim_end_matches('.'),
            "description": description,
            "parameters": self.parameters(),
            "requestBody": self.body(),
            "responses": responses,
        });
        serde_json::from_value(operation).map_err(|error| invalid(&error))
    }

    /// The media types of the answer, each with its schema, and an example.
    fn answer<F: Serialize + ToSchema>(&self) -> Result<Schemas> {
        let content = |format: &Format| {
            let content = match format {
                Format::Json => json!({"schema": schema_and_parts::<Report<F>>()?.0, "example": self.example::<F>()?}),
                Format::Png | Format::Npy => json!({"schema": {"type": "string", "format": "binary"}}),
            };
            Ok((format.media_type().to_owned(), content))
        };
        self.formats.iter().map(content).collect()
    }

    /// The example of `F`, as this call would answer it.
    fn example<F: ToSchema>(&self) -> Result<Value> {
        let (schema, _) = schema_and_parts::<F>()?;
        let mut example = schema["example"].as_object().cloned().unwrap_or_default();
        if let Some(technique) = example.get_mut("technique") {
            *technique = json!(self.name);
        }
        if !self.options.contains_key("layer") {
            example.remove("layer");
        }
        example.insert("model".into(), json!("vgg16-caltech101"));
        example.insert("image".into(), json!({"width": 640, "height": 427}));
        example.insert("timing_ms".into(), json!({"decode": 3.1, "run": 21.0}));
        Ok(Value::Object(example))
    }

    fn parameters(&self) -> Vec<Value> {
        let model = json!({
            "name": "model", "in": "path", "required": true, "description": "The model's name",
            "schema": {"type": "string"}, "example": "vgg16-caltech101"
        });
        let options = self.options.iter().map(|(name, schema)| {
            let mut schema = schema.clone();
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema})
        });
        std::iter::once(model).chain(options).collect()
    }

    fn body(&self) -> Value {
        let file = json!({"type": "string", "format": "binary", "description": "The picture's file"});
        let base64 = json!({
            "type": "object",
            "required": ["b64"],
            "properties": {"b64": {
                "type": "string", "contentEncoding": "base64",
                "description": "The picture's file in base64, with or without `data:image/...;base64,` before it"
            }}
        });
        json!({
            "required": true,
            "description": "The picture (JPEG, PNG, GIF, WebP or BMP; of several frames the first), as it is, in a form, or in JSON. \
                Options may stand in the query, in the form or in the JSON; a list's option is repeated, or a list in JSON.",
            "content": {
                "image/*": {"schema": file},
                "application/octet-stream": {"schema": file},
                "multipart/form-data": {"schema": self.with_options(&file)},
                "application/json": {
                    "schema": self.with_options(&base64),
                    "example": {"image": {"b64": "/9j/4AAQSkZJRgABAQAAAQABAAD..."}}
                },
            }
        })
    }

    /// An object with the member `image` and the options; without defaults, which pages would fill in and send along.
    fn with_options(&self, image: &Value) -> Value {
        let mut properties = self.options.clone();
        properties.values_mut().filter_map(Value::as_object_mut).for_each(|schema| drop(schema.remove("default")));
        properties.insert("image".into(), image.clone());
        json!({"type": "object", "required": ["image"], "properties": properties})
    }
}

/// The ways in which a call that takes a picture can fail, by status.
fn problems() -> Map<String, Value> {
    let causes = [
        (400, "malformed_form", "The body or the query is not well formed, or has no picture"),
        (404, "unknown_model", "There is no such model"),
        (406, "not_acceptable", "None of the media types in `Accept` can be made"),
        (408, "slow_upload", "The body took too long to arrive"),
        (413, "body_too_large", "The body is larger than the server takes"),
        (415, "unsupported_media_type", "The content type is none that can hold a picture"),
        (
            422,
            "unknown_class",
            "The picture cannot be decoded or is too large, or an option or its value cannot be used",
        ),
        (500, "internal", "The service failed"),
        (503, "busy", "The queue is full or the models are loading: try again after the seconds in `Retry-After`"),
        (504, "deadline_exceeded", "The answer took too long"),
    ];
    let response = |(status, code, description): (u16, &str, &str)| {
        let content = json!({"schema": {"$ref": format!("#/components/schemas/{}", Problem::name())}});
        (
            status.to_string(),
            json!({"description": format!("{description} (such as `{code}`)."), "content": {PROBLEM_JSON: content}}),
        )
    };
    causes.map(response).into_iter().collect()
}

fn invalid(error: &serde_json::Error) -> Error {
    Error::internal(format!("a call's description is not OpenAPI: {error}"))
}
