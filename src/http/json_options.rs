//! Options in JSON, as pairs: each of the type that the document says, so that a client's mistake does not pass for another value.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Map, Number, Value};

use super::{options::Pairs, schema, technique_options};
use crate::{
    error::{Error, Result, excerpt},
    explain::{ActivationMaximization, Predict},
};

/// The types of JSON that each option takes, by its name; several where calls differ.
static TYPES: LazyLock<Result<BTreeMap<String, Vec<&'static str>>>> = LazyLock::new(|| {
    let mut types = BTreeMap::<String, Vec<_>>::new();
    let calls =
        [technique_options::schemas()?, schema::options::<ActivationMaximization>()?, schema::options::<Predict>()?];
    for (name, schema) in calls.iter().flatten() {
        add_types(schema, types.entry(name.clone()).or_default());
    }
    Ok(types)
});

/// Adds the types of the values that `schema` takes; a list's are also those of its items, since one of them stands for a list of one.
fn add_types(schema: &Value, types: &mut Vec<&'static str>) {
    let own = match schema["type"].as_str() {
        Some("string") => Some("a text"),
        Some("integer" | "number") => Some("a number"),
        Some("boolean") => Some("`true` or `false`"),
        Some("array") => Some(LIST),
        _ => None,
    };
    if schema["items"].is_object() {
        add_types(&schema["items"], types);
    }
    for choice in schema["anyOf"].as_array().into_iter().flatten() {
        add_types(choice, types);
    }
    types.extend(own.filter(|own| !types.contains(own)));
}

const LIST: &str = "a list of them that is not empty";

/// The pairs of a JSON object: scalars as text, a list of them as a repeated key, null as absent.
///
/// A value of another type than the option's is a 422: `"5"` is no number. Options that no call has are left to be told by name.
pub fn from_json(object: Map<String, Value>) -> Result<Pairs> {
    let mut pairs = Pairs::new();
    for (key, value) in object {
        match &value {
            // Left out, unless it has a name that the call will not know.
            Value::Null if types(&key)?.is_empty() => pairs.push((key, String::new())),
            Value::Null => {}
            Value::Array(values) if values.is_empty() => return Err(refuse(&key, &types(&key)?)),
            Value::Array(values) => {
                check(&key, LIST)?;
                for value in values {
                    pairs.push((key.clone(), text(&key, value)?));
                }
            }
            value => {
                let text = text(&key, value)?;
                pairs.push((key, text));
            }
        }
    }
    Ok(pairs)
}

/// The text of a scalar, of a type that the option `name` takes.
fn text(name: &str, value: &Value) -> Result<String> {
    let (kind, text) = match value {
        Value::String(text) => ("a text", text.clone()),
        Value::Number(number) => {
            ("a number", whole(number).map_or_else(|| number.to_string(), |whole| whole.to_string()))
        }
        Value::Bool(_) => ("`true` or `false`", value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err(refuse(name, &types(name)?)),
    };
    check(name, kind)?;
    Ok(text)
}

fn check(name: &str, kind: &'static str) -> Result<()> {
    let types = types(name)?;
    if types.is_empty() || types.contains(&kind) { Ok(()) } else { Err(refuse(name, &types)) }
}

/// The types that the option `name` takes, or the one after a technique's name and a full stop; none if no call has it.
fn types(name: &str) -> Result<Vec<&'static str>> {
    let types = TYPES.as_ref().map_err(Clone::clone)?;
    let shared = name.split_once('.').map_or(name, |(_, option)| option);
    Ok(types.get(name).or_else(|| types.get(shared)).cloned().unwrap_or_default())
}

fn refuse(name: &str, types: &[&str]) -> Error {
    let types = if types.is_empty() { "a text, a number or a list of them".to_owned() } else { types.join(" or ") };
    Error::unprocessable("invalid_option", format!("in JSON, option `{}` takes {types}", excerpt(name)))
}

/// The whole number that is written as `3.0`, which is an integer to JSON schemas.
fn whole(number: &Number) -> Option<i64> {
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() <= LARGEST_WHOLE);
    float.map(|float| float as i64)
}

/// The largest whole number up to which doubles have all of them.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_991.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(json: &str) -> Result<Pairs> {
        from_json(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction() {
        let text = |json: &str| pairs(json).unwrap().swap_remove(0).1;
        let numbers = [r#"{"top": 3.0}"#, r#"{"top": -0.0}"#, r#"{"top": 2.5}"#, r#"{"top": 1e300}"#].map(text);
        assert_eq!(numbers, ["3", "0", "2.5", "1e+300"]);
    }

    #[test]
    fn a_list_may_be_one_value_and_null_is_left_out() {
        let class = |value: &str| (String::from("class"), value.to_owned());
        assert_eq!(pairs(r#"{"class": "elephant", "top": null}"#).unwrap(), [class("elephant")]);
        assert_eq!(pairs(r#"{"class": [3, "cat"]}"#).unwrap(), [class("3"), class("cat")]);
    }

    #[test]
    fn values_of_other_types_are_refused() {
        let wrong = [
            (r#"{"top": "5"}"#, "in JSON, option `top` takes a number"),
            (r#"{"top": [5]}"#, "in JSON, option `top` takes a number"),
            (r#"{"top": true}"#, "in JSON, option `top` takes a number"),
            (r#"{"top": {"a": 1}}"#, "in JSON, option `top` takes a number"),
            (r#"{"grad-cam.layer": 5}"#, "in JSON, option `grad-cam.layer` takes a text"),
            (
                r#"{"class": []}"#,
                "in JSON, option `class` takes a text or a number or a list of them that is not empty",
            ),
            (
                r#"{"class": [null]}"#,
                "in JSON, option `class` takes a text or a number or a list of them that is not empty",
            ),
            (r#"{"fill": false}"#, "in JSON, option `fill` takes a number or a text"),
            (r#"{"nothing": [[1]]}"#, "in JSON, option `nothing` takes a text, a number or a list of them"),
        ];
        for (json, message) in wrong {
            assert_eq!(pairs(json).unwrap_err().message, message, "{json}");
        }
    }

    #[test]
    fn what_no_call_has_is_told_by_those_who_know_the_names() {
        let nothing = |value: &str| [("nothing".to_owned(), value.to_owned())];
        assert_eq!(pairs(r#"{"nothing": true}"#).unwrap(), nothing("true"));
        assert_eq!(pairs(r#"{"nothing": null}"#).unwrap(), nothing(""));
    }
}
