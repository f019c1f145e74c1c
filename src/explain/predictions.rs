//! From a run's scores to named classes.

use ndarray::ArrayD;

use super::explanation::{Explanation, Map, Prediction, Scored, Values};
use crate::model::{Answer, Model};

/// How many of the likeliest classes an explanation names.
const PREDICTIONS: usize = 5;

/// The `count` likeliest classes of the first picture in `answer`, best first.
pub(super) fn likeliest(model: &Model, answer: &Answer, count: usize) -> Vec<Prediction> {
    let mut ranked: Vec<(usize, f32)> =
        answer.probabilities.outer_iter().next().into_iter().flatten().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(count);
    ranked.into_iter().map(|(index, probability)| named(model, index, probability)).collect()
}

fn named(model: &Model, index: usize, probability: f32) -> Prediction {
    Prediction { index, label: model.labels().get(index).to_owned(), probability }
}

/// The likeliest classes of the first picture in `answer`, as many as an explanation names.
pub(super) fn best(model: &Model, answer: &Answer) -> Vec<Prediction> {
    likeliest(model, answer, PREDICTIONS)
}

/// The classes that `answer` is of, with the first picture's scores.
pub(super) fn scored(model: &Model, answer: &Answer) -> Vec<Scored> {
    let score = |of: &ArrayD<f32>, class: usize| of.get([0, class].as_slice()).copied().unwrap_or(0.0);
    let scored = |&class: &usize| Scored {
        prediction: named(model, class, score(&answer.probabilities, class)),
        logit: score(&answer.logits, class),
    };
    answer.classes.iter().map(scored).collect()
}

impl Explanation {
    /// The explanation of one picture by the `maps` of the classes that `answer` is of, in their order.
    pub(super) fn new(
        technique: &'static str,
        layer: Option<String>,
        model: &Model,
        answer: &Answer,
        maps: Vec<Values>,
    ) -> Self {
        let classes = scored(model, answer).into_iter();
        let maps = classes.zip(maps).map(|(class, values)| Map { class, values, completeness: None }).collect();
        Self { technique, layer, predictions: best(model, answer), maps }
    }
}
