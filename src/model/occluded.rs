//! The model's answers to one picture with a part of it covered, for many parts.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ndarray::{Array2, Array4, ArrayView2, Axis, concatenate, s};

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
    /// Compiled when they are asked for.
    steps: Mutex<Option<Steps>>,
}

/// The compiled steps, none where they do not pay.
#[derive(Debug)]
struct Steps {
    incremental: Option<Arc<Incremental>>,
    /// When they were last asked for.
    used: Instant,
}

impl Occluder {
    /// One that computes incrementally where that pays, if `incremental`.
    pub fn new(incremental: bool) -> Self {
        Self { incremental, steps: Mutex::default() }
    }

    /// Looks at the picture `input` [1, 3, H, W], ready to answer for it with any of `patches`, or patches of their sizes, taken from
    /// `covered`, of the same shape.
    pub fn look<'a>(
        &'a self,
        programs: &'a Programs,
        [input, covered]: [&'a Array4<f32>; 2],
        patches: &[Patch],
        classes: &[Option<usize>],
        cancellation: &Cancellation,
    ) -> Result<Covering<'a>> {
        let steps = self.steps(programs)?;
        let incremental = steps.and_then(|steps| steps.batch(patches).map(|batch| (steps, batch)));
        let question = incremental.as_ref().map(|(steps, _)| steps.question()).unwrap_or_default();
        let whole = programs.ask(&question, input, classes, cancellation)?;
        let batch = incremental.as_ref().map_or(BATCH, |(_, batch)| *batch).min(programs.batch());
        let incremental = incremental.map(|(steps, _)| steps);
        Ok(Covering { programs, incremental, batch, input, covered, whole })
    }

    /// The steps, compiled if they are not; two first callers may both compile them, and one's are kept.
    fn steps(&self, programs: &Programs) -> Result<Option<Arc<Incremental>>> {
        if !self.incremental {
            return Ok(None);
        }
        if let Some(steps) = self.kept().as_mut() {
            steps.used = Instant::now();
            return Ok(steps.incremental.clone());
        }
        let incremental = Incremental::compile(programs)?.map(Arc::new);
        *self.kept() = Some(Steps { incremental: incremental.clone(), used: Instant::now() });
        Ok(incremental)
    }

    /// Lets go of steps that were not asked for for `age`; who runs them goes on with them to the end.
    pub fn release_idle(&self, age: Duration) {
        self.kept().take_if(|steps| steps.used.elapsed() >= age);
    }

    fn kept(&self) -> MutexGuard<'_, Option<Steps>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A picture that the model has looked at, of which parts can be covered.
pub struct Covering<'a> {
    programs: &'a Programs,
    incremental: Option<Arc<Incremental>>,
    batch: usize,
    input: &'a Array4<f32>,
    covered: &'a Array4<f32>,
    whole: Answer,
}

impl Covering<'_> {
    /// The answer about the whole picture.
    pub fn whole(&self) -> &Answer {
        &self.whole
    }

    /// The probability [classes, patches] of each class asked about with each of `patches` in turn covered. Those of each batch go to
    /// `found` as soon as they are there.
    pub fn probabilities(
        &self,
        patches: &[Patch],
        found: &mut dyn FnMut(ArrayView2<'_, f32>),
        cancellation: &Cancellation,
    ) -> Result<Array2<f32>> {
        let classes = &self.whole.classes;
        let mut probabilities = Array2::zeros((classes.len(), patches.len()));
        let count = patches.len();
        for (index, patches) in patches.chunks(self.batch).enumerate() {
            let of_batch = match &self.incremental {
                Some(steps) => steps.probabilities(&self.whole, self.input, self.covered, patches, cancellation)?,
                None => self.in_full(patches, cancellation)?,
            };
            let place = index * self.batch..index * self.batch + patches.len();
            for (mut of_class, &class) in probabilities.outer_iter_mut().zip(classes) {
                of_class.slice_mut(s![place.clone()]).assign(&of_batch.column(class));
            }
            found(probabilities.slice(s![.., place.clone()]));
            cancellation.report(place.end, count);
        }
        Ok(probabilities)
    }

    /// The probabilities [patches, classes] by one full run.
    fn in_full(&self, patches: &[Patch], cancellation: &Cancellation) -> Result<Array2<f32>> {
        let internal = |error: ndarray::ShapeError| Error::internal(error.to_string());
        let mut batch = concatenate(Axis(0), &vec![self.input.view(); patches.len()]).map_err(internal)?;
        for (index, Patch { rows, columns }) in patches.iter().enumerate() {
            let place = |picture: usize| s![picture, .., rows.clone(), columns.clone()];
            batch.slice_mut(place(index)).assign(&self.covered.slice(place(0)));
        }
        let answer = self.programs.ask(&Question::default(), &batch, &[], cancellation)?;
        answer.probabilities.into_dimensionality().map_err(internal)
    }
}
