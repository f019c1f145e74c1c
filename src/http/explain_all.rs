//! `POST /v1/models/{model}/explain`: several techniques and classes at once.

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap, response::Response, routing::post};
use serde_json::json;
use utoipa_axum::router::UtoipaMethodRouter;

use super::{
    App, Problem, Served, Upload,
    accept::negotiate,
    explain::{respond, unknown_technique},
    options::{self, FormatOption, Options, Pairs},
    picture_call::PictureCall,
    schema::{self, Schemas},
};
use crate::{
    error::Result,
    explain::{
        Combination, Explainer, Format, Report, Technique, Visitor, explain_all, technique_names, visit_techniques,
    },
    imaging::Style,
};

/// What a combination can be written as, the favourite first.
const FORMATS: [Format; 2] = [Format::Json, Format::Png];
/// The option that names the techniques.
const TECHNIQUE: &str = "technique";
/// The techniques when none is named: their gradients share one forward pass.
const DEFAULTS: [&str; 3] = ["saliency", "guided-backprop", "grad-cam"];
const TEXT: &str = "Several techniques and classes at once\n\nOne forward pass serves all techniques that can share it. Name them by \
                    `technique`; each takes those of the options that it has. As PNG, the maps are a captioned contact sheet.";

/// The address.
pub(super) fn route() -> Result<UtoipaMethodRouter<Arc<App>>> {
    PictureCall {
        name: "explain",
        path: "/v1/models/{model}/explain",
        text: TEXT,
        options: &schemas()?,
        formats: &FORMATS,
    }
    .route::<Combination>(post(explain))
}

/// The options of all techniques, and those of the call itself.
fn schemas() -> Result<Schemas> {
    struct All(Vec<Result<Schemas>>);
    impl Visitor for All {
        fn visit<T: Technique>(&mut self) {
            self.0.push(schema::options::<T>());
        }
    }
    let technique = json!({
        "type": "array",
        "items": {"type": "string", "enum": technique_names()},
        "default": DEFAULTS,
        "description": "The technique; repeat it for several."
    });
    let mut of_techniques = All(Vec::new());
    visit_techniques(&mut of_techniques);
    let mut all = Schemas::from_iter([(TECHNIQUE.to_owned(), technique)]);
    for options in of_techniques.0 {
        all.extend(options?);
    }
    all.extend(schema::options::<Style>()?);
    all.extend(schema::options::<FormatOption>()?);
    Ok(all)
}

async fn explain(
    State(app): State<Arc<App>>,
    Served(model): Served,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Response, Problem> {
    let (names, pairs): (Pairs, Pairs) = upload.options.into_iter().partition(|(name, _)| name == TECHNIQUE);
    let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
    let Options { technique: techniques, style, format } = read(names, &pairs)?;
    let format = format.map_or_else(|| negotiate(&headers, &FORMATS), Ok)?;
    let limits = app.config().images.clone();
    let work = app.run(move |cancellation| {
        let run = |picture: &_| explain_all(&techniques, &model, picture, cancellation);
        Report::new(&model, &upload.picture, &limits, cancellation, run)?.write(format, &style, cancellation)
    });
    Ok(respond(work.await?, format))
}

/// The techniques called `names`, each once, with their options out of `pairs`, and how to answer.
///
/// An option that none of them has is a 422, as is an unknown technique.
fn read(mut names: Vec<String>, pairs: &Pairs) -> Result<Options<Vec<Box<dyn Explainer>>>> {
    if names.is_empty() {
        names = DEFAULTS.map(str::to_owned).to_vec();
    }
    if let Some(name) = names.iter().find(|name| !technique_names().contains(&name.as_str())) {
        return Err(unknown_technique(name));
    }
    let mut named = Named { names: &names, pairs, known: Vec::new(), found: Vec::new() };
    visit_techniques(&mut named);
    let Named { known, found, .. } = named;
    let own = [options::names::<Style>()?, options::names::<FormatOption>()?, vec![TECHNIQUE.to_owned()]];
    let known = known.into_iter().chain(own.map(Ok)).collect::<Result<Vec<_>>>()?.concat();
    options::refuse_unknown(pairs, &known)?;
    let mut found = found.into_iter().collect::<Result<Vec<_>>>()?;
    found.sort_by_key(|(name, _)| names.iter().position(|wanted| wanted == name));
    let FormatOption { format } = options::part(pairs)?;
    let technique = found.into_iter().map(|(_, technique)| technique).collect();
    Ok(Options { technique, style: options::part(pairs)?, format })
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
            self.found.push(technique::<T>(self.pairs));
        }
    }
}

fn technique<T: Technique>(pairs: &Pairs) -> Result<(&'static str, Box<dyn Explainer>)> {
    let technique: T = options::part(pairs)?;
    Ok((T::NAME, Box::new(technique)))
}
