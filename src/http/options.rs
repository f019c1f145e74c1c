//! Options from the query, form fields or JSON: the same names everywhere, and complaints that name them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::schema;
use crate::{
    error::{Error, Kind, Result, did_you_mean, excerpt, quoted},
    explain::{Format, check_bounds},
    imaging::Style,
};

/// Options as a client wrote them, in order; a list's key is repeated.
pub type Pairs = Vec<(String, String)>;

/// The option that stands in for the header `Accept`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct FormatOption {
    /// The representation of the answer; stronger than the header `Accept`.
    #[param(inline)]
    pub format: Option<Format>,
}

/// All that a call can be told: the technique's own options, how a map is drawn, and the format.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options<T> {
    /// The technique's own.
    pub technique: T,
    /// How a map is drawn.
    pub style: Style,
    /// The representation asked for.
    pub format: Option<Format>,
}

impl<T: Serialize + DeserializeOwned + Default + ToSchema> Options<T> {
    /// Reads `pairs`; a 422 names an option that is unknown or has a bad value.
    pub fn read(pairs: &[(String, String)]) -> Result<Self> {
        let mut known = names::<T>()?;
        known.extend(names::<Style>()?);
        known.extend(names::<FormatOption>()?);
        refuse_unknown(pairs, &known)?;
        let FormatOption { format } = part(pairs)?;
        Ok(Self { technique: part(pairs)?, style: part(pairs)?, format })
    }
}

/// Reads `pairs` for a call whose answer is not drawn over a picture: the options in `T`, and the format.
pub fn read_with_format<T: Serialize + DeserializeOwned + Default + ToSchema>(
    pairs: &[(String, String)],
) -> Result<(T, Option<Format>)> {
    let mut known = names::<T>()?;
    known.extend(names::<FormatOption>()?);
    refuse_unknown(pairs, &known)?;
    let FormatOption { format } = part(pairs)?;
    Ok((part(pairs)?, format))
}

/// The `format` asked for, if it is one of those `offered`; another is a 422 that names them.
pub fn offered(format: Option<Format>, offered: &[Format]) -> Result<Option<Format>> {
    match format {
        Some(format) if !offered.contains(&format) => {
            let names: Vec<_> = offered.iter().map(|format| format.media_type()).collect();
            let message =
                format!("this call does not answer with {}: ask for {}", format.media_type(), names.join(" or "));
            Err(Error::unprocessable("invalid_option", message))
        }
        format => Ok(format),
    }
}

/// Reads `pairs` for a call that has no options but those in `T`.
pub fn read<T: Serialize + DeserializeOwned + Default + ToSchema>(pairs: &[(String, String)]) -> Result<T> {
    refuse_unknown(pairs, &names::<T>()?)?;
    part(pairs)
}

/// The pairs of a query string or a URL-encoded form.
pub fn from_query(query: &str) -> Result<Pairs> {
    serde_html_form::from_str(query).map_err(|error| malformed(&error))
}

/// The names of the options in `T`: the fields of its default.
pub(super) fn names<T: Serialize + Default>() -> Result<Vec<String>> {
    match serde_json::to_value(T::default()) {
        Ok(Value::Object(fields)) => Ok(fields.into_iter().map(|(name, _)| name).collect()),
        Ok(_) | Err(_) => Err(Error::internal("options are not a struct")),
    }
}

pub(super) fn refuse_unknown(pairs: &[(String, String)], known: &[String]) -> Result<()> {
    let Some((name, _)) = pairs.iter().find(|(name, _)| !known.contains(name)) else { return Ok(()) };
    let names = || known.iter().map(String::as_str);
    let hint = did_you_mean(name, names(), 1).map(|hint| hint + " ").unwrap_or_default();
    let (name, known) = (excerpt(name), quoted(names()));
    let message = format!("there is no option `{name}`: {hint}the options of this call are {known}");
    Err(Error::unprocessable("unknown_option", message))
}

/// Those of `pairs` that `T` has, read into it.
pub(super) fn part<T: Serialize + DeserializeOwned + Default + ToSchema>(pairs: &[(String, String)]) -> Result<T> {
    let own = names::<T>()?;
    let own: Vec<_> = pairs.iter().filter(|(name, _)| own.contains(name)).collect();
    let options = deserialize(&own).map_err(|error| blame::<T>(&own).unwrap_or_else(|| malformed(&error)))?;
    check_bounds(&options)?;
    Ok(options)
}

fn deserialize<T: DeserializeOwned>(pairs: &[&(String, String)]) -> Result<T, serde_html_form::de::Error> {
    let text = serde_html_form::to_string(pairs).unwrap_or_default();
    serde_html_form::from_str(&text)
}

/// The option that cannot be read. Deserialisers of forms do not name the field, so each option is tried alone.
fn blame<T: DeserializeOwned + ToSchema>(pairs: &[&(String, String)]) -> Option<Error> {
    let mut by_name = BTreeMap::<&str, Vec<&(String, String)>>::new();
    for pair in pairs {
        by_name.entry(&pair.0).or_default().push(pair);
    }
    by_name.into_iter().find_map(|(name, group)| {
        let error = deserialize::<T>(&group).err()?;
        let culprit = group.iter().find(|pair| deserialize::<T>(&[pair]).is_err());
        let error = error.to_string();
        let reason = excerpt(&error);
        let message = match culprit.map(|(_, value)| (excerpt(value), schema::allowed::<T>(name))) {
            Some((value, Some(allowed))) => format!("option `{name}` cannot be `{value}`: it takes {allowed}"),
            Some((value, None)) => format!("option `{name}` cannot be `{value}`: {reason}"),
            None if group.len() > 1 => format!("option `{name}` is given {} times; give it once", group.len()),
            None => format!("option `{name}`: {reason}"),
        };
        Some(Error::unprocessable("invalid_option", message))
    })
}

fn malformed(error: &serde_html_form::de::Error) -> Error {
    let message = format!("the options cannot be read: {}", excerpt(&error.to_string()));
    Error::new(Kind::Malformed, "malformed_options", message)
}

#[cfg(test)]
mod tests {
    use super::{super::json_options::from_json, *};
    use crate::model::ClassRef;

    #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Variant {
        #[default]
        GradCam,
        LayerCam,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
    #[serde(default)]
    struct Technique {
        class: Vec<ClassRef>,
        layer: Option<String>,
        variant: Variant,
        #[schema(minimum = 1)]
        top: Option<usize>,
    }

    fn query(query: &str) -> Result<Options<Technique>> {
        Options::read(&from_query(query)?)
    }

    fn refused(text: &str) -> String {
        let error = query(text).unwrap_err();
        assert_eq!(error.kind, Kind::Unprocessable);
        error.message
    }

    #[test]
    fn a_query_and_json_say_the_same() {
        let json = r#"{"class": ["a b", 3], "variant": "layer-cam", "top": 2, "layer": null, "size": "model"}"#;
        let from_json = Options::read(&from_json(serde_json::from_str(json).unwrap()).unwrap());
        let from_query = query("class=a%20b&class=3&variant=layer-cam&top=2&size=model");
        assert_eq!(from_json, from_query);
        let options: Options<Technique> = from_query.unwrap();
        assert_eq!(options.technique.class, [ClassRef("a b".into()), ClassRef("3".into())]);
        assert_eq!(options.style.size, crate::imaging::Size::Model);
    }

    #[test]
    fn one_value_is_a_list_and_none_the_defaults() {
        assert_eq!(query("class=3").unwrap().technique.class.len(), 1);
        assert_eq!(query("").unwrap(), Options::default());
        assert_eq!(query("format=png").unwrap().format, Some(Format::Png));
    }

    #[test]
    fn an_unknown_option_is_named_with_the_nearest_and_all() {
        let message = refused("klass=3");
        assert!(message.contains("`klass`: did you mean `class`?"), "{message}");
        assert!(message.contains("`variant`") && message.contains("`alpha`") && message.contains("`format`"));
    }

    #[test]
    fn a_bad_value_is_named_with_the_allowed_ones() {
        let message = refused("class=1&variant=cam&top=1");
        assert_eq!(message, "option `variant` cannot be `cam`: it takes `grad-cam` or `layer-cam`");
        assert_eq!(refused("top=many"), "option `top` cannot be `many`: it takes a whole number of at least 1");
        assert_eq!(refused("format=gif"), "option `format` cannot be `gif`: it takes `json`, `png` or `npy`");
        assert_eq!(refused("alpha=2"), "option `alpha` cannot be `2`: it takes a number from 0 to 1");
    }

    #[test]
    fn an_option_that_is_no_list_is_given_once() {
        assert!(refused("top=1&top=2").contains("`top` is given 2 times"));
    }
}
