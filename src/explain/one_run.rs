//! Techniques that learn all they need from one run of the model.

use super::Explanation;
use crate::{
    error::Result,
    model::{Answer, ClassRef, Model, Picture, Question},
    runtime::Cancellation,
};

/// A technique that learns all it needs from one run of the model, so that several techniques can share the run.
pub trait OneRun {
    /// The classes to explain; none stands for the likeliest.
    fn classes(&self) -> &[ClassRef];

    /// What the run must give, besides logits and probabilities.
    fn question(&self, model: &Model) -> Result<Question>;

    /// The explanation that follows from `answer`, to this or to a larger question.
    fn read(&self, model: &Model, answer: &Answer) -> Result<Explanation>;
}

/// Explains `picture` by a run for `technique` alone.
pub(super) fn explain(
    technique: &impl OneRun,
    model: &Model,
    picture: &Picture,
    cancellation: &Cancellation,
) -> Result<Explanation> {
    let classes = model.resolve(technique.classes())?;
    let question = technique.question(model)?;
    let answer = model.ask(&question, &picture.input, &classes, cancellation)?;
    technique.read(model, &answer)
}
