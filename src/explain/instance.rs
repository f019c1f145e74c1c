//! Pictures as protocols of model servers send them: as files, or as the numbers that the model gets.

use std::time::Instant;

use bytes::Bytes;
use ndarray::Array4;

use super::{Explainer, Found, Predict, Predictions, Report, report::milliseconds};
use crate::{
    config::Images,
    error::{Error, Result},
    imaging::decode,
    model::{Model, Picture, Question},
    runtime::Cancellation,
};

/// One picture, however it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Instance {
    /// A picture's file.
    File(Bytes),
    /// The model's input [3, H, W], preprocessed already, in row-major order.
    Input(Vec<f32>),
}

/// What a model says of several pictures: [pictures, classes] each, in row-major order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// The logits.
    pub logits: Vec<f32>,
    /// The probabilities.
    pub probabilities: Vec<f32>,
}

impl Instance {
    /// The picture, ready for `model`.
    ///
    /// A file that is no picture, a picture that is too large, and numbers that are not as many as the model takes, are a 422.
    pub fn picture(&self, model: &Model, limits: &Images) -> Result<Picture> {
        match self {
            Self::File(file) => Ok(model.prepare(decode(file, limits.into())?)),
            Self::Input(numbers) => {
                let (height, width) = (model.preprocessing().height(), model.preprocessing().width());
                let input = Array4::from_shape_vec((1, 3, height, width), numbers.clone()).map_err(|_| {
                    let message = format!("{} numbers are not the model's input [3, {height}, {width}]", numbers.len());
                    Error::unprocessable("wrong_shape", message)
                })?;
                Ok(model.picture_of(input))
            }
        }
    }

    /// The classes that `predict` asks for.
    pub fn predict(
        &self,
        predict: &Predict,
        model: &Model,
        limits: &Images,
        cancellation: &Cancellation,
    ) -> Result<Predictions> {
        predict.predict(model, &self.picture(model, limits)?, cancellation)
    }

    /// The explanation by `technique`.
    pub fn explain(
        &self,
        technique: &dyn Explainer,
        model: &Model,
        limits: &Images,
        cancellation: &Cancellation,
    ) -> Result<Report<Found>> {
        let start = Instant::now();
        let picture = self.picture(model, limits)?;
        let run = |picture: &_| technique.explain_alone(model, picture, None, cancellation);
        Report::about(model, picture, milliseconds(start), run)
    }
}

impl Scores {
    /// What `model` says of `instances`, one after the other.
    pub fn of(instances: &[Instance], model: &Model, limits: &Images, cancellation: &Cancellation) -> Result<Self> {
        let mut scores = Self::default();
        for instance in instances {
            let picture = instance.picture(model, limits)?;
            let answer = model.ask(&Question::default(), &picture.input, &[], cancellation)?;
            scores.logits.extend(answer.logits.iter());
            scores.probabilities.extend(answer.probabilities.iter());
        }
        Ok(scores)
    }
}
