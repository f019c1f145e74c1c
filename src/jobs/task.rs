//! What a job does: a call that is kept as JSON, and done later, perhaps by another process.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Shown;
use crate::{
    config::Images,
    error::{Error, Result},
    explain::{
        ActivationMaximization, Explainer, Files, Format, Report, SoFar, Technique, explain_all, explainer, write_all,
    },
    imaging::Style,
    model::Models,
    runtime::Cancellation,
};

/// How often the picture that activation maximization makes is shown.
const PICTURE_EVERY: Duration = Duration::from_secs(1);

/// A call with all that it was told, but its picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The model's name.
    model: String,
    call: Call,
    style: Style,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Call {
    Explain(Chosen),
    ExplainAll(Vec<Chosen>),
    ActivationMaximization(Box<ActivationMaximization>),
}

/// A technique with its options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Chosen {
    technique: String,
    options: Value,
}

impl Chosen {
    fn new(technique: &dyn Explainer) -> Result<Self> {
        Ok(Self { technique: technique.name().to_owned(), options: technique.options()? })
    }

    fn explainer(&self) -> Result<Box<dyn Explainer>> {
        explainer(&self.technique, self.options.clone())
    }
}

impl Task {
    /// The explanation by one technique.
    pub fn explain<T: Technique>(model: &str, technique: &T, style: Style) -> Result<Self> {
        Ok(Self { model: model.to_owned(), call: Call::Explain(Chosen::new(technique)?), style })
    }

    /// The explanation by several techniques at once.
    pub fn explain_all(model: &str, techniques: &[Box<dyn Explainer>], style: Style) -> Result<Self> {
        let techniques = techniques.iter().map(|technique| Chosen::new(technique.as_ref())).collect::<Result<_>>()?;
        Ok(Self { model: model.to_owned(), call: Call::ExplainAll(techniques), style })
    }

    /// Activation maximization.
    pub fn maximize(model: &str, options: ActivationMaximization) -> Self {
        let call = Call::ActivationMaximization(Box::new(options));
        Self { model: model.to_owned(), call, style: Style::default() }
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The names of the techniques.
    pub fn techniques(&self) -> Vec<&str> {
        match &self.call {
            Call::Explain(chosen) => vec![&chosen.technique],
            Call::ExplainAll(several) => several.iter().map(|chosen| chosen.technique.as_str()).collect(),
            Call::ActivationMaximization(_) => vec![ActivationMaximization::NAME],
        }
    }

    /// The formats that the answer can be written in.
    fn formats(&self) -> &'static [Format] {
        match self.call {
            Call::ExplainAll(_) => &[Format::Json, Format::Png],
            Call::Explain(_) | Call::ActivationMaximization(_) => &[Format::Json, Format::Png, Format::Npy],
        }
    }

    /// Does the work, and shows `growing` what it has come to so far, every so often.
    pub(super) fn run(
        &self,
        models: &Models,
        picture: &[u8],
        limits: &Images,
        growing: &mut dyn FnMut(Shown),
        cancellation: &Cancellation,
    ) -> Result<Files> {
        let model = models.get(&self.model)?;
        let found = &mut |so_far: SoFar<'_>| show(Shown::explanation(so_far), growing);
        match &self.call {
            Call::Explain(chosen) => {
                let drawn = (self.formats(), &self.style);
                chosen.explainer()?.files(&model, (picture, limits), drawn, found, cancellation)
            }
            Call::ExplainAll(several) => {
                let techniques = several.iter().map(Chosen::explainer).collect::<Result<Vec<_>>>()?;
                let run = |picture: &_| explain_all(&techniques, &model, picture, Some(&mut *found), cancellation);
                let report = Report::new(&model, picture, limits, cancellation, run)?;
                write_all(self.formats(), |format| report.write(format, &self.style, cancellation))
            }
            Call::ActivationMaximization(technique) => {
                let mut shown = Instant::now();
                let progress = &mut |step: crate::explain::Step<'_>| {
                    if shown.elapsed() >= PICTURE_EVERY {
                        shown = Instant::now();
                        show(step.drawing().and_then(|drawing| drawing.to_png()).map(Shown::Picture), growing);
                    }
                };
                let maximum = technique.maximize(&model, progress, cancellation)?;
                write_all(self.formats(), |format| maximum.write(format))
            }
        }
    }

    pub(super) fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::internal(format!("a task is not JSON: {error}")))
    }

    /// The task that [`Task::to_json`] wrote, perhaps in another version of this program.
    pub(super) fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::internal(format!("a kept task cannot be read: {error}")))
    }
}

/// Shows what there is; that it cannot be shown does not stop the work.
fn show(shown: Result<Shown>, growing: &mut dyn FnMut(Shown)) {
    match shown {
        Ok(shown) => growing(shown),
        Err(error) => tracing::warn!(%error, "what there is so far cannot be shown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{Occlusion, SmoothGrad};

    #[test]
    fn a_task_is_read_as_it_was_written() {
        let smooth = SmoothGrad { noise: 0.1, seed: u64::MAX, ..SmoothGrad::default() };
        let several: Vec<Box<dyn Explainer>> = vec![Box::new(smooth.clone()), Box::new(Occlusion::default())];
        let tasks = [
            Task::explain("m", &smooth, Style::default()).unwrap(),
            Task::explain_all("m", &several, Style::default()).unwrap(),
            Task::maximize("m", ActivationMaximization { jitter: Some(0.3), ..ActivationMaximization::default() }),
        ];
        for task in tasks {
            assert_eq!(Task::from_json(&task.to_json().unwrap()), Ok(task));
        }
        let kept = explainer("smoothgrad", several[0].options().unwrap()).unwrap();
        assert_eq!(kept.options(), several[0].options());
        assert!(explainer("no-such", Value::Null).is_err());
    }
}
