//! Several techniques at once: one run of the model serves all that can share it.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Backdrop, Explanation, Files, Findings, Format, LayerOutputsFound, OcclusionMaps, OneRun, Report, Technique,
    Visitor, drawing, visit_techniques, write_all,
};
use crate::{
    config::Images,
    error::{Error, Result},
    imaging::{RgbImage, Style},
    model::{ClassRef, Model, Picture, Question},
    runtime::Cancellation,
};

/// A technique with its options, whichever it is.
pub trait Explainer: Send {
    /// The technique's name.
    fn name(&self) -> &'static str;

    /// Its options as JSON.
    fn options(&self) -> Result<Value>;

    /// Explains the picture in `file` and writes what was found in each of the formats; the style is for pictures.
    fn files(
        &self,
        model: &Model,
        file: &[u8],
        limits: &Images,
        drawn: (&[Format], &Style),
        cancellation: &Cancellation,
    ) -> Result<Files>;

    /// The technique as one that can share its run, if it can.
    fn sharing(&self) -> Option<&dyn OneRun>;

    /// Explains `picture` by runs of its own.
    fn explain_alone(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Found>;
}

impl<T: Technique> Explainer for T {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn options(&self) -> Result<Value> {
        serde_json::to_value(self).map_err(|error| Error::internal(format!("options are not JSON: {error}")))
    }

    fn files(
        &self,
        model: &Model,
        file: &[u8],
        limits: &Images,
        (formats, style): (&[Format], &Style),
        cancellation: &Cancellation,
    ) -> Result<Files> {
        let run = |picture: &_| self.explain(model, picture, cancellation);
        let report = Report::new(model, file, limits, cancellation, run)?;
        write_all(formats, |format| report.write(format, style, cancellation))
    }

    fn sharing(&self) -> Option<&dyn OneRun> {
        self.one_run()
    }

    fn explain_alone(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Found> {
        self.explain(model, picture, cancellation).map(Into::into)
    }
}

/// The technique called `name` with `options` as [`Explainer::options`] gave them.
///
/// One that there is not, or options that it does not have, are an error: another version of this program wrote them.
pub fn explainer(name: &str, options: Value) -> Result<Box<dyn Explainer>> {
    struct Find<'a> {
        name: &'a str,
        options: Option<Value>,
        found: Option<Result<Box<dyn Explainer>>>,
    }
    impl Visitor for Find<'_> {
        fn visit<T: Technique>(&mut self) {
            if self.name == T::NAME {
                let read = serde_json::from_value::<T>(self.options.take().unwrap_or_default());
                let read = read.map(|technique| Box::new(technique) as Box<dyn Explainer>);
                self.found = Some(read.map_err(|error| Error::internal(format!("options of {}: {error}", T::NAME))));
            }
        }
    }
    let mut find = Find { name, options: Some(options), found: None };
    visit_techniques(&mut find);
    find.found.unwrap_or_else(|| Err(Error::internal(format!("there is no technique `{name}`"))))
}

/// What a technique found, whichever it is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Found {
    /// One map for each class.
    Maps(Explanation),
    /// The maps of occlusion.
    Occlusion(OcclusionMaps),
    /// Feature maps.
    Layers(LayerOutputsFound),
}

impl From<Explanation> for Found {
    fn from(explanation: Explanation) -> Self {
        Self::Maps(explanation)
    }
}

impl From<OcclusionMaps> for Found {
    fn from(maps: OcclusionMaps) -> Self {
        Self::Occlusion(maps)
    }
}

impl From<LayerOutputsFound> for Found {
    fn from(layers: LayerOutputsFound) -> Self {
        Self::Layers(layers)
    }
}

/// What several techniques found in one picture.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "explanations": [{
        "technique": "grad-cam",
        "layer": "block5_conv3",
        "predictions": [{"index": 36, "label": "elephant", "probability": 0.97}],
        "maps": [{
            "class": {"index": 36, "label": "elephant", "probability": 0.97, "logit": 12.3},
            "shape": [2, 2], "min": 0.0, "max": 3.1, "data": [[0.0, 0.1], [0.4, 3.1]]
        }]
    }]
}))]
pub struct Combination {
    /// What each technique found, in the order asked for.
    pub explanations: Vec<Found>,
}

/// Explains `picture` by all of `techniques`.
///
/// Those that learn all from one run, and explain the same classes, share it: the model runs forward once for all of them.
pub fn explain_all(
    techniques: &[Box<dyn Explainer>],
    model: &Model,
    picture: &Picture,
    cancellation: &Cancellation,
) -> Result<Combination> {
    let mut runs = Vec::new();
    for shared in shared_runs(techniques, model)? {
        runs.push((shared.wanted, model.ask(&shared.question, &picture.input, &shared.classes, cancellation)?));
    }
    let answer = |technique: &dyn OneRun| runs.iter().find(|(wanted, _)| *wanted == technique.classes());
    let count = techniques.len();
    let explanations = techniques.iter().enumerate().map(|(index, technique)| {
        match technique.sharing().and_then(|technique| Some((technique, answer(technique)?))) {
            Some((technique, (_, answer))) => technique.read(model, answer).map(Found::Maps),
            None => technique.explain_alone(model, picture, &cancellation.part(index, count)),
        }
    });
    Ok(Combination { explanations: explanations.collect::<Result<_>>()? })
}

/// A run of the model for all techniques that explain the same classes.
struct SharedRun<'t> {
    wanted: &'t [ClassRef],
    classes: Vec<Option<usize>>,
    question: Question,
}

/// The runs that `techniques` can share.
fn shared_runs<'t>(techniques: &'t [Box<dyn Explainer>], model: &Model) -> Result<Vec<SharedRun<'t>>> {
    let mut runs: Vec<SharedRun<'t>> = Vec::new();
    for technique in techniques.iter().filter_map(|technique| technique.sharing()) {
        let (wanted, question) = (technique.classes(), technique.question(model)?);
        match runs.iter_mut().find(|run| run.wanted == wanted) {
            Some(run) => run.question.merge(question),
            None => runs.push(SharedRun { wanted, classes: model.resolve(wanted)?, question }),
        }
    }
    Ok(runs)
}

impl Found {
    /// The maps drawn, each with its caption: the technique and the class.
    fn drawings(&self, backdrop: Backdrop<'_>) -> Result<Vec<(String, RgbImage)>> {
        let caption = |technique: &str, label: &str| format!("{technique}: {label}");
        match self {
            Self::Maps(Explanation { technique, maps, .. }) => maps
                .iter()
                .map(|map| {
                    let drawn = backdrop.draw(map.values.0.view())?;
                    Ok((caption(technique, &map.class.prediction.label), drawn))
                })
                .collect(),
            Self::Occlusion(found) => found
                .maps
                .iter()
                .map(|map| {
                    let drawn = backdrop.draw(found.shown(map, backdrop.style))?;
                    Ok((caption(found.technique, &map.class.prediction.label), drawn))
                })
                .collect(),
            Self::Layers(found) => found.drawings(backdrop.style),
        }
    }

    /// How many pictures as large as `style` says [`Found::drawings`] has; feature maps are drawn small.
    fn count(&self) -> usize {
        match self {
            Self::Maps(explanation) => explanation.maps.len(),
            Self::Occlusion(found) => found.maps.len(),
            Self::Layers(_) => 0,
        }
    }
}

impl Findings for Combination {
    /// A captioned contact sheet.
    fn to_png(&self, backdrop: Backdrop<'_>) -> Result<Vec<u8>> {
        backdrop.check_size(self.explanations.iter().map(Found::count).sum())?;
        let mut tiles = Vec::new();
        for found in &self.explanations {
            tiles.extend(found.drawings(backdrop)?);
        }
        drawing::sheet(&tiles)
    }

    /// Refused: maps of different shapes are no one array.
    fn to_npy(&self) -> Result<Vec<u8>> {
        let message = "several techniques are not one array: ask for one technique, or for JSON";
        Err(Error::unprocessable("not_one_array", message))
    }
}
