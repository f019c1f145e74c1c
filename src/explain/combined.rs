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
    imaging::{Region, RgbImage, Style},
    model::{ClassRef, Model, Picture, Question},
    runtime::Cancellation,
};

/// Who is shown what is found so far; `None` where nobody watches, and techniques need not find first what shows most.
pub type Watcher<'a> = Option<&'a mut dyn FnMut(SoFar<'_>)>;

/// A technique with its options, whichever it is.
pub trait Explainer: Send {
    /// The technique's name.
    fn name(&self) -> &'static str;

    /// Its options as JSON.
    fn options(&self) -> Result<Value>;

    /// Explains the picture in a file within limits, and writes what was found in each of the formats; the style is for pictures. What
    /// is found so far goes to `growing`.
    fn files(
        &self,
        model: &Model,
        picture: (&[u8], &Images),
        drawn: (&[Format], &Style),
        growing: &mut dyn FnMut(SoFar<'_>),
        cancellation: &Cancellation,
    ) -> Result<Files>;

    /// The technique as one that can share its run, if it can.
    fn sharing(&self) -> Option<&dyn OneRun>;

    /// Explains `picture` by runs of its own. What is found so far goes to `watcher`, if there is one.
    fn explain_alone(
        &self,
        model: &Model,
        picture: &Picture,
        watcher: Watcher<'_>,
        cancellation: &Cancellation,
    ) -> Result<Found>;
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
        (file, limits): (&[u8], &Images),
        (formats, style): (&[Format], &Style),
        growing: &mut dyn FnMut(SoFar<'_>),
        cancellation: &Cancellation,
    ) -> Result<Files> {
        let run = |picture: &Picture| {
            let found = &mut |findings: T::Findings| growing(SoFar::growing(picture, &findings.into()));
            self.explain_growing(model, picture, found, cancellation)
        };
        let report = Report::new(model, file, limits, cancellation, run)?;
        write_all(formats, |format| report.write(format, style, cancellation))
    }

    fn sharing(&self) -> Option<&dyn OneRun> {
        self.one_run()
    }

    fn explain_alone(
        &self,
        model: &Model,
        picture: &Picture,
        watcher: Watcher<'_>,
        cancellation: &Cancellation,
    ) -> Result<Found> {
        let Some(growing) = watcher else { return self.explain(model, picture, cancellation).map(Into::into) };
        let found = &mut |findings: T::Findings| growing(SoFar::growing(picture, &findings.into()));
        self.explain_growing(model, picture, found, cancellation).map(Into::into)
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

/// What one of the techniques has found, before all is done.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct SoFar<'a> {
    /// The part of the picture that the maps lie over.
    pub seen: Region,
    /// Whether that is all that it finds; else the map grows, and is yet coarse where nothing was tried.
    pub finished: bool,
    /// What it has found.
    pub explanation: &'a Found,
}

impl<'a> SoFar<'a> {
    fn growing(picture: &Picture, explanation: &'a Found) -> Self {
        Self { seen: picture.seen, finished: false, explanation }
    }

    fn finished(picture: &Picture, explanation: &'a Found) -> Self {
        Self { seen: picture.seen, finished: true, explanation }
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
/// Those that learn all from one run, and explain the same classes, share it: the model runs forward once for all of them. They are
/// done first; what each has found, and what the others find on their way, goes to `watcher`, if there is one.
pub fn explain_all(
    techniques: &[Box<dyn Explainer>],
    model: &Model,
    picture: &Picture,
    mut watcher: Watcher<'_>,
    cancellation: &Cancellation,
) -> Result<Combination> {
    let mut explanations = explain_together(techniques, model, picture, cancellation)?;
    if let Some(growing) = &mut watcher {
        for found in explanations.iter().flatten() {
            growing(SoFar::finished(picture, found));
        }
    }
    let rest = explanations.iter().filter(|found| found.is_none()).count();
    let lacking = techniques.iter().zip(&mut explanations).filter(|(_, found)| found.is_none());
    for (index, (technique, found)) in lacking.enumerate() {
        let watching = watcher.as_mut().map(|growing| &mut **growing as &mut dyn FnMut(SoFar<'_>));
        let alone = found.insert(technique.explain_alone(model, picture, watching, &cancellation.part(index, rest))?);
        if let Some(growing) = &mut watcher {
            growing(SoFar::finished(picture, alone));
        }
    }
    Ok(Combination { explanations: explanations.into_iter().flatten().collect() })
}

/// What those of `techniques` find that can share a run; `None` for the others.
fn explain_together(
    techniques: &[Box<dyn Explainer>],
    model: &Model,
    picture: &Picture,
    cancellation: &Cancellation,
) -> Result<Vec<Option<Found>>> {
    let mut runs = Vec::new();
    for shared in shared_runs(techniques, model)? {
        runs.push((shared.wanted, model.ask(&shared.question, &picture.input, &shared.classes, cancellation)?));
    }
    let answer = |technique: &dyn OneRun| runs.iter().find(|(wanted, _)| *wanted == technique.classes());
    let explanations = techniques.iter().map(|technique| {
        let Some(technique) = technique.sharing() else { return Ok(None) };
        answer(technique).map(|(_, answer)| technique.read(model, answer).map(Found::Maps)).transpose()
    });
    explanations.collect()
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
        let (technique, maps) = match self {
            Self::Maps(Explanation { technique, maps, .. }) => {
                (*technique, maps.iter().map(|map| (&map.class, map.values.0.view())).collect::<Vec<_>>())
            }
            Self::Occlusion(found) => {
                let shown = |map| found.shown(map, backdrop.style);
                (found.technique, found.maps.iter().map(|map| (&map.class, shown(map))).collect())
            }
            Self::Layers(found) => return found.drawings(backdrop.style),
        };
        let (classes, maps): (Vec<_>, Vec<_>) = maps.into_iter().unzip();
        let labels: Vec<String> = classes.iter().map(|class| class.prediction.label.clone()).collect();
        let drawn = maps.into_iter().map(|map| backdrop.draw(map)).collect::<Result<Vec<_>>>()?;
        let drawn = backdrop.divided(drawn)?;
        let labels = if backdrop.style.divider.is_some() { vec![labels.join(" | ")] } else { labels };
        Ok(labels.into_iter().map(|label| format!("{technique}: {label}")).zip(drawn).collect())
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
