//! The model's answers to one picture with a part of it covered, for many parts.

use std::sync::OnceLock;

use ndarray::{Array2, Array4, Axis, concatenate, s};

use super::{
    Answer, Question,
    incremental::{Incremental, Patch},
    programs::Programs,
};
use crate::{
    error::{Error, Result},
    runtime::Cancellation,
};

/// How many covered pictures go through the whole model in one run, if it takes as many.
const BATCH: usize = 8;

/// What answers for covered pictures: incrementally where that pays, else by full runs.
#[derive(Debug, Default)]
pub(super) struct Occluder {
    incremental: bool,
    /// Compiled at first use.
    steps: OnceLock<Option<Incremental>>,
}

impl Occluder {
    /// One that computes incrementally where that pays, if `incremental`.
    pub fn new(incremental: bool) -> Self {
        Self { incremental, steps: OnceLock::new() }
    }

    /// The answer about the picture `input` [1, 3, H, W], and for each of its classes the probability [classes, patches] with each of
    /// `patches` in turn taken from `covered`, of the same shape.
    pub fn ask(
        &self,
        programs: &Programs,
        input: &Array4<f32>,
        covered: &Array4<f32>,
        patches: &[Patch],
        classes: &[Option<usize>],
        cancellation: &Cancellation,
    ) -> Result<(Answer, Array2<f32>)> {
        let steps = self.steps(programs)?;
        let incremental = steps.and_then(|steps| Some((steps, steps.batch(patches)?)));
        let question = incremental.map(|(steps, _)| steps.question()).unwrap_or_default();
        let whole = programs.ask(&question, input, classes, cancellation)?;
        let batch = incremental.map_or(BATCH, |(_, batch)| batch).min(programs.batch());
        let mut probabilities = Array2::zeros((whole.classes.len(), patches.len()));
        for (index, patches) in patches.chunks(batch).enumerate() {
            let found = match incremental {
                Some((steps, _)) => steps.probabilities(&whole, input, covered, patches, cancellation)?,
                None => in_full(programs, input, covered, patches, cancellation)?,
            };
            let place = index * batch..index * batch + patches.len();
            for (mut of_class, &class) in probabilities.outer_iter_mut().zip(&whole.classes) {
                of_class.slice_mut(s![place.clone()]).assign(&found.column(class));
            }
        }
        Ok((whole, probabilities))
    }

    /// The compiled steps; two first callers may both compile them, and one's are kept.
    fn steps(&self, programs: &Programs) -> Result<Option<&Incremental>> {
        if !self.incremental {
            return Ok(None);
        }
        if let Some(steps) = self.steps.get() {
            return Ok(steps.as_ref());
        }
        let compiled = Incremental::compile(programs)?;
        Ok(self.steps.get_or_init(|| compiled).as_ref())
    }
}

/// The probabilities [patches, classes] by full runs.
fn in_full(
    programs: &Programs,
    input: &Array4<f32>,
    covered: &Array4<f32>,
    patches: &[Patch],
    cancellation: &Cancellation,
) -> Result<Array2<f32>> {
    let internal = |error: ndarray::ShapeError| Error::internal(error.to_string());
    let mut batch = concatenate(Axis(0), &vec![input.view(); patches.len()]).map_err(internal)?;
    for (index, Patch { rows, columns }) in patches.iter().enumerate() {
        let place = |picture: usize| s![picture, .., rows.clone(), columns.clone()];
        batch.slice_mut(place(index)).assign(&covered.slice(place(0)));
    }
    let answer = programs.ask(&Question::default(), &batch, &[], cancellation)?;
    answer.probabilities.into_dimensionality().map_err(internal)
}
