//! What was understood of a model, and what works with it.

use std::fmt;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::{Predict, Technique, Visitor, visit_techniques};
use crate::{
    error::Result,
    imaging::RgbImage,
    model::{ClassRef, Examination, Finding, Model, Picture},
    runtime::Cancellation,
};

/// The width of the tables in characters.
const WIDTH: u16 = 120;

/// What was understood of a model, and which calls on it work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The model's name.
    pub model: String,
    /// Whether it can be served: it can be run, whatever cannot explain it.
    pub servable: bool,
    /// What keeps it from being served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What was understood; of a model that cannot be loaded, up to what is wrong.
    pub understood: Vec<Understood>,
    /// The calls, each tried once with a generated picture; none where the model cannot be loaded.
    pub calls: Vec<Tried>,
}

/// Something that was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Understood {
    /// What.
    pub what: &'static str,
    /// As what.
    pub value: String,
    /// Why, where no file says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A call that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The call: `predict`, or a technique.
    pub call: &'static str,
    /// Whether it works.
    pub works: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Check {
    /// Says what `examination` found, and tries each call on the model if there is one.
    pub fn of(examination: &Examination) -> Self {
        let Examination { name, findings, inferences, outcome } = examination;
        let reason = |what| inferences.iter().find(|inference| inference.setting == what);
        let understood = findings.iter().map(|Finding { what, value }| {
            let reason = reason(*what).map(|inference| inference.reason.clone());
            Understood { what, value: value.clone(), reason }
        });
        let calls = outcome.as_ref().map_or_else(|_| Vec::new(), try_calls);
        let unloaded = outcome.as_ref().err().map(ToString::to_string);
        let problem = unloaded.or_else(|| calls.first().and_then(|predict| predict.reason.clone()));
        Self { model: name.clone(), servable: problem.is_none(), problem, understood: understood.collect(), calls }
    }
}

/// Tries `predict`, and if that works every technique.
fn try_calls(model: &Model) -> Vec<Tried> {
    let picture = model.prepare(pattern(model));
    let cancellation = Cancellation::default();
    let predict = Tried::new("predict", Predict::default().predict(model, &picture, &cancellation).map(drop));
    let mut trials = Trials { model, picture: &picture, cancellation: &cancellation, tried: vec![predict] };
    if trials.tried[0].works {
        visit_techniques(&mut trials);
        trials.tried.push(Tried::new("activation-maximization", climb(model, &cancellation)));
    }
    trials.tried
}

/// One step of activation maximization.
fn climb(model: &Model, cancellation: &Cancellation) -> Result<()> {
    let preprocessing = model.preprocessing();
    let unit = model.class_unit(&ClassRef("0".to_owned()))?;
    let ascent = model.ascent(&unit, (preprocessing.height(), preprocessing.width()))?;
    ascent.run(&preprocessing.uniform([128; 3]).view(), cancellation).map(drop)
}

/// A picture of the model's size with something of every colour, the same at each check.
fn pattern(model: &Model) -> RgbImage {
    let (width, height) = (model.preprocessing().width() as u32, model.preprocessing().height() as u32);
    let mut picture = RgbImage::new(width, height);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        pixel.0 = [x * 7, y * 5, (x / 8 + y / 8) % 2 * 200 + x % 50].map(|level| (level % 256) as u8);
    }
    picture
}

struct Trials<'m> {
    model: &'m Model,
    picture: &'m Picture,
    cancellation: &'m Cancellation,
    tried: Vec<Tried>,
}

impl Visitor for Trials<'_> {
    fn visit<T: Technique>(&mut self) {
        let outcome = T::trial(self.model).explain(self.model, self.picture, self.cancellation);
        self.tried.push(Tried::new(T::NAME, outcome.map(drop)));
    }
}

impl Tried {
    fn new(call: &'static str, outcome: Result<()>) -> Self {
        let reason = outcome.err().map(|error| error.to_string());
        Self { call, works: reason.is_none(), reason }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut understood = table(["", "understood as", "because"]);
        for Understood { what, value, reason } in &self.understood {
            understood.add_row([what, value.as_str(), reason.as_deref().unwrap_or_default()]);
        }
        if let Some(problem) = &self.problem {
            understood.add_row(["problem", problem, ""]);
        }
        writeln!(f, "Model: \"{}\"\n{understood}", self.model)?;
        if self.calls.is_empty() {
            return Ok(());
        }
        let mut calls = table(["", "works", "because"]);
        for Tried { call, works, reason } in &self.calls {
            let works = if *works { "yes" } else { "no" };
            calls.add_row([call, works, reason.as_deref().unwrap_or_default()]);
        }
        writeln!(f, "{calls}")
    }
}

fn table(header: [&str; 3]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH).set_header(header);
    table
}
