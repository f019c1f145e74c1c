//! The options of several techniques at once: shared by all that have them, or for one alone by its name before them.

use serde_json::{Value, json};

use super::{
    explain::unknown_technique,
    explain_all::FORMATS,
    options::{self, FormatOption, Options, Pairs},
    schema::{self, Schemas},
};
use crate::{
    error::{Error, Result, did_you_mean, excerpt, quoted},
    explain::{Explainer, Technique, Visitor, technique_names, visit_techniques},
    imaging::Style,
};

/// The option that names the techniques.
const TECHNIQUE: &str = "technique";
/// The techniques when none is named: their gradients share one forward pass.
const DEFAULTS: [&str; 3] = ["saliency", "guided-backprop", "grad-cam"];

/// What `option` is called where it is for `technique` alone.
fn prefixed(technique: &str, option: &str) -> String {
    format!("{technique}.{option}")
}

/// The JSON schemas of all options: of each technique, and of the call itself.
///
/// An option that several techniques have is there under its own name, with what it means to each where that differs, and for
/// each of them alone.
pub(super) fn schemas() -> Result<Schemas> {
    struct All(Vec<Result<(&'static str, Schemas)>>);
    impl Visitor for All {
        fn visit<T: Technique>(&mut self) {
            self.0.push(schema::options::<T>().map(|options| (T::NAME, options)));
        }
    }
    let mut of_techniques = All(Vec::new());
    visit_techniques(&mut of_techniques);
    let mut of_techniques = of_techniques.0.into_iter().collect::<Result<Vec<_>>>()?;
    of_techniques.iter_mut().flat_map(|(_, options)| options.values_mut()).for_each(tell_default);
    let technique = json!({
        "type": "array",
        "items": {"type": "string", "enum": technique_names()},
        "default": DEFAULTS,
        "description": "The technique; repeat it for several."
    });
    let mut all = Schemas::from_iter([(TECHNIQUE.to_owned(), technique)]);
    for name in of_techniques.iter().flat_map(|(_, options)| options.keys()) {
        let meanings: Vec<_> =
            of_techniques.iter().filter_map(|(technique, options)| Some((*technique, options.get(name)?))).collect();
        all.insert(name.clone(), shared(&meanings));
        if meanings.len() > 1 {
            all.extend(meanings.iter().map(|(technique, schema)| alone(technique, name, schema)));
        }
    }
    all.extend(schema::options::<Style>()?);
    all.extend(schema::options::<FormatOption>()?);
    all["format"]["enum"] = json!(FORMATS);
    Ok(all)
}

/// Puts the default of an option into words: pages fill in a schema's default and send it, to techniques that do not have it.
fn tell_default(schema: &mut Value) {
    let Some(default) = schema.as_object_mut().and_then(|schema| schema.remove("default")) else { return };
    let default = match &default {
        Value::String(text) => text.clone(),
        // As the single precision that it has: 0.15, not 0.15000000596046448.
        Value::Number(number) => {
            number.as_f64().map_or_else(|| number.to_string(), |number| (number as f32).to_string())
        }
        other => other.to_string(),
    };
    let text = schema["description"].as_str().unwrap_or_default().to_owned();
    schema["description"] = json!(format!("{text} By default `{default}`."));
}

/// The schema of an option, out of what it means to each technique.
fn shared(meanings: &[(&str, &Value)]) -> Value {
    let mut texts: Vec<(Vec<&str>, Value)> = Vec::new();
    let mut kinds: Vec<Value> = Vec::new();
    for (technique, schema) in meanings {
        let (kind, text) = without_description(schema);
        match texts.iter_mut().find(|(_, known)| *known == text) {
            Some((techniques, _)) => techniques.push(technique),
            None => texts.push((vec![technique], text)),
        }
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut schema = if kinds.len() == 1 { kinds.swap_remove(0) } else { json!({"anyOf": kinds}) };
    let text = |text: &Value| text.as_str().unwrap_or_default().to_owned();
    schema["description"] = json!(match texts.as_slice() {
        [(_, same)] => text(same),
        several => {
            let of = |(techniques, meaning): &(Vec<&str>, Value)| {
                format!("For {}: {}", quoted(techniques.iter().copied()), text(meaning))
            };
            several.iter().map(of).collect::<Vec<_>>().join("\n\n")
        }
    });
    schema
}

/// The option `name` for `technique` alone.
fn alone(technique: &str, name: &str, schema: &Value) -> (String, Value) {
    let (mut schema, _) = without_description(schema);
    schema["description"] = json!(format!("`{name}` for `{technique}` alone, in place of the shared one."));
    (prefixed(technique, name), schema)
}

fn without_description(schema: &Value) -> (Value, Value) {
    let mut schema = schema.clone();
    let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    (schema, description.unwrap_or_default())
}

/// The techniques that `pairs` name, each once, with their options, and how to answer.
///
/// An unknown technique is a 422, as is an option that none of them has, or that is for one that is not named.
pub(super) fn read(pairs: Pairs) -> Result<Options<Vec<Box<dyn Explainer>>>> {
    let (names, pairs): (Pairs, Pairs) = pairs.into_iter().partition(|(name, _)| name == TECHNIQUE);
    let mut names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
    if names.is_empty() {
        names = DEFAULTS.map(str::to_owned).to_vec();
    }
    if let Some(name) = names.iter().find(|name| !technique_names().contains(&name.as_str())) {
        return Err(unknown_technique(name));
    }
    check_prefixes(&names, &pairs)?;
    let mut named = Named { names: &names, pairs: &pairs, known: Vec::new(), found: Vec::new() };
    visit_techniques(&mut named);
    let Named { known, found, .. } = named;
    let own = [options::names::<Style>()?, options::names::<FormatOption>()?, vec![TECHNIQUE.to_owned()]];
    let known = known.into_iter().chain(own.map(Ok)).collect::<Result<Vec<_>>>()?.concat();
    let shared: Pairs = pairs.iter().filter(|(name, _)| !name.contains('.')).cloned().collect();
    options::refuse_unknown(&shared, &known)?;
    let mut found = found.into_iter().collect::<Result<Vec<_>>>()?;
    found.sort_by_key(|(name, _)| names.iter().position(|wanted| wanted == name));
    let FormatOption { format } = options::part(&pairs)?;
    let technique = found.into_iter().map(|(_, technique)| technique).collect();
    Ok(Options { technique, style: options::part(&pairs)?, format })
}

/// Refuses options for one technique alone that is not among `names`.
fn check_prefixes(names: &[String], pairs: &Pairs) -> Result<()> {
    for (option, _) in pairs {
        let Some((technique, _)) = option.split_once('.') else { continue };
        let option = excerpt(option);
        if !technique_names().contains(&technique) {
            let error = unknown_technique(technique);
            return Err(Error { message: format!("option `{option}`: {error}"), ..error });
        }
        if !names.iter().any(|name| name == technique) {
            let asked = quoted(names.iter().map(String::as_str));
            let message = format!(
                "option `{option}` is for `{technique}`, which is not asked for: add `technique={technique}`, or name one of {asked}"
            );
            return Err(Error::unprocessable("technique_not_asked", message));
        }
    }
    Ok(())
}

/// Reads the options of the techniques that are named.
struct Named<'a> {
    names: &'a [String],
    pairs: &'a Pairs,
    known: Vec<Result<Vec<String>>>,
    found: Vec<Result<(&'static str, Box<dyn Explainer>)>>,
}

impl Visitor for Named<'_> {
    fn visit<T: Technique>(&mut self) {
        if self.names.iter().any(|name| name == T::NAME) {
            self.known.push(options::names::<T>());
            let technique = options_of::<T>(self.pairs);
            self.found.push(technique.map(|technique| (T::NAME, Box::new(technique) as Box<dyn Explainer>)));
        }
    }
}

/// The technique `T` with its options out of `pairs`: those for it alone, else the shared ones.
fn options_of<T: Technique>(pairs: &Pairs) -> Result<T> {
    let for_it_alone = |(name, value): &(String, String)| {
        let (technique, option) = name.split_once('.')?;
        (technique == T::NAME).then(|| (option.to_owned(), value.clone()))
    };
    let alone: Pairs = pairs.iter().filter_map(for_it_alone).collect();
    refuse_lacking::<T>(&alone)?;
    let mut told: Pairs = pairs.iter().filter(|(name, _)| alone.iter().all(|(own, _)| own != name)).cloned().collect();
    told.extend(alone);
    options::part(&told).map_err(|error| {
        let hint = format!("what is for `{0}` alone has `{0}.` before its name", T::NAME);
        Error { message: format!("for `{}`: {error} ({hint})", T::NAME), ..error }
    })
}

fn refuse_lacking<T: Technique>(alone: &Pairs) -> Result<()> {
    let known = options::names::<T>()?;
    let Some((name, _)) = alone.iter().find(|(name, _)| !known.contains(name)) else { return Ok(()) };
    let names = || known.iter().map(String::as_str);
    let hint = did_you_mean(name, names(), 1).map(|hint| hint + " ").unwrap_or_default();
    let (name, known) = (excerpt(name), quoted(names()));
    let message = format!("`{}` has no option `{name}`: {hint}its options are {known}", T::NAME);
    Err(Error::unprocessable("unknown_option", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        explain::{GradCam, LayerOutputs},
        model::ClassRef,
    };

    fn refused(query: &str) -> (&'static str, String) {
        let error = read(options::from_query(query).unwrap()).map(|_| ()).unwrap_err();
        (error.code, error.message)
    }

    #[test]
    fn a_prefixed_option_takes_the_place_of_the_shared_one_for_its_technique_only() {
        let query = "layer=fc1&class=1&class=2&maps=7&grad-cam.class=3&layer-outputs.layer=b&layer-outputs.layer=c";
        let pairs = options::from_query(query).unwrap();
        let cam = GradCam { layer: Some("fc1".into()), class: vec![ClassRef("3".into())], ..GradCam::default() };
        assert_eq!(options_of::<GradCam>(&pairs), Ok(cam));
        let outputs = LayerOutputs { layer: vec!["b".into(), "c".into()], maps: 7, ..LayerOutputs::default() };
        assert_eq!(options_of::<LayerOutputs>(&pairs), Ok(outputs));
    }

    #[test]
    fn a_prefix_that_leads_nowhere_is_refused_with_what_is_allowed() {
        let (code, message) = refused("grad-can.layer=a");
        assert_eq!(code, "unknown_technique");
        assert!(message.starts_with("option `grad-can.layer`: ") && message.contains("did you mean `grad-cam`?"));
        let (code, message) = refused("technique=saliency&grad-cam.layer=a");
        assert_eq!(code, "technique_not_asked");
        assert!(message.contains("`technique=grad-cam`") && message.contains("one of `saliency`"), "{message}");
        let (code, message) = refused("technique=grad-cam&grad-cam.alpha=1");
        assert_eq!(code, "unknown_option");
        assert_eq!(message, "`grad-cam` has no option `alpha`: its options are `class`, `layer`, `variant`");
        assert_eq!(refused("grad-cam.=1").0, "unknown_option");
        assert_eq!(refused(".layer=1").0, "unknown_technique");
    }

    #[test]
    fn a_bad_value_is_blamed_on_its_technique() {
        let (code, message) = refused("technique=grad-cam&technique=layer-outputs&layer=a&layer=b");
        assert_eq!(code, "invalid_option");
        assert!(message.starts_with("for `grad-cam`: option `layer` is given 2 times"), "{message}");
        assert!(message.contains("`grad-cam.` before its name"), "{message}");
        assert_eq!(refused("technique=smoothgrad&smoothgrad.samples=0").0, "option_out_of_range");
    }

    #[test]
    fn the_schema_of_an_option_says_where_its_meaning_differs() {
        let schemas = schemas().unwrap();
        let kinds = schemas["layer"]["anyOf"].as_array().unwrap();
        assert_eq!((&kinds[0]["type"], &kinds[1]["type"]), (&json!("string"), &json!("array")));
        let text = schemas["layer"]["description"].as_str().unwrap();
        assert!(text.contains("For `grad-cam`") && text.contains("For `layer-outputs`: "), "{text}");
        assert_eq!(schemas["grad-cam.layer"]["type"], "string");
        assert_eq!(schemas["layer-outputs.layer"]["type"], "array");
        assert_eq!(schemas["class"]["type"], "array");
        assert!(schemas["class"]["description"].as_str().unwrap().starts_with("The class"));
        // A page would send the default of an option that is not wanted.
        assert!(schemas["reduce"]["description"].as_str().unwrap().ends_with("By default `max`."));
        assert!(schemas.iter().all(|(name, schema)| !name.contains('.') || schema.get("default").is_none()));
        // What only one technique has needs no prefix.
        assert!(schemas.contains_key("variant") && !schemas.contains_key("grad-cam.variant"));
    }
}
