//! How calls that take a picture are described: what they are told, all ways to send it, and what they answer.

use std::sync::Arc;

use axum::{http::StatusCode, routing::MethodRouter};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        HttpMethod,
        path::{Operation, Paths},
    },
};
use utoipa_axum::router::UtoipaMethodRouter;

use super::{
    App,
    operation::{Cause, SMALL_PICTURE, nullable, operation, responses, without_defaults},
    schema::{Schemas, schema_and_parts},
};
use crate::{
    error::Result,
    explain::{Format, Report},
};

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
    /// Whether it can become a job.
    pub job: bool,
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
        let responses = responses(&CAUSES, &self.answer::<F>()?);
        operation(self.name, self.text, self.options, &self.body(), &responses, self.job)
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
        example.insert("seen".into(), json!({"left": 0.0, "top": 0.0, "width": 640.0, "height": 427.0}));
        example.insert("timing_ms".into(), json!({"decode": 3.1, "run": 21.0}));
        Ok(Value::Object(example))
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
                "multipart/form-data": {"schema": with_image(without_defaults(self.options), &file)},
                "application/json": {
                    "schema": with_image(nullable(&without_defaults(self.options)), &base64),
                    "example": {"image": {"b64": SMALL_PICTURE}}
                },
            }
        })
    }
}

/// An object with the member `image` and the options.
fn with_image(mut options: Schemas, image: &Value) -> Value {
    options.insert("image".into(), image.clone());
    json!({"type": "object", "required": ["image"], "properties": options, "additionalProperties": false})
}

/// The ways in which a call that takes a picture can fail.
const CAUSES: [Cause; 10] = [
    (StatusCode::BAD_REQUEST, "malformed_form", "The body or the query is not well formed, or has no picture"),
    (StatusCode::NOT_FOUND, "unknown_model", "There is no such model"),
    (StatusCode::NOT_ACCEPTABLE, "not_acceptable", "None of the media types in `Accept` can be made"),
    (StatusCode::REQUEST_TIMEOUT, "slow_upload", "The body took too long to arrive"),
    (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is larger than the server takes"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The content type is none that can hold a picture"),
    (
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown_class",
        "The picture cannot be decoded or is too large, or an option or its value cannot be used",
    ),
    (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The service failed"),
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "The queue is full or the models are loading: try again after the seconds in `Retry-After`. Or the model is broken",
    ),
    (StatusCode::GATEWAY_TIMEOUT, "deadline_exceeded", "The answer took too long"),
];
