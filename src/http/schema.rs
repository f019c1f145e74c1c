//! The options of calls as JSON schemas, from the structs that read them.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::error::{Error, Result};

/// JSON schemas by name.
pub(super) type Schemas = Map<String, Value>;

/// The bytes of a picture's or an array's file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)] // for the document
pub(super) struct File(Vec<u8>);

/// The JSON schemas of the options in `T`; none refers to another.
pub(super) fn options<T: ToSchema>() -> Result<Schemas> {
    let (schema, known) = schema_and_parts::<T>()?;
    let Some(Value::Object(properties)) = schema.get("properties") else { return Ok(Schemas::new()) };
    Ok(properties.iter().map(|(name, schema)| (name.clone(), plain(schema, &known))).collect())
}

/// The values that the option `name` in `T` takes, in words; `None` for any text.
pub(super) fn allowed<T: ToSchema>(name: &str) -> Option<String> {
    let options = options::<T>().ok()?;
    let schema = options.get(name)?;
    let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
    if let Some(values) = schema["enum"].as_array() {
        let quoted: Vec<_> = values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
        let (last, others) = quoted.split_last()?;
        return Some(if others.is_empty() { last.clone() } else { format!("{} or {last}", others.join(", ")) });
    }
    let kind = match schema["type"].as_str()? {
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        _ => return None,
    };
    Some(match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!("{kind} from {least} to {most}"),
        (Some(least), None) => format!("{kind} of at least {least}"),
        (None, Some(most)) => format!("{kind} of at most {most}"),
        (None, None) => kind.to_owned(),
    })
}

/// What `T` is, in words.
pub(super) fn text<T: ToSchema>() -> Result<String> {
    Ok(schema_and_parts::<T>()?.0["description"].as_str().unwrap_or_default().to_owned())
}

/// The schema of `T`, and those that it refers to.
pub(super) fn schema_and_parts<T: ToSchema>() -> Result<(Value, Schemas)> {
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

pub(super) fn invalid(error: &serde_json::Error) -> Error {
    Error::internal(format!("a call's description is not OpenAPI: {error}"))
}
