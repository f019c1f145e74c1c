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

impl Explanation {
    /// The explanation of one picture by the `maps` of the classes that `answer` is of, in their order.
    pub(super) fn new(
        technique: &'static str,
        layer: Option<String>,
        model: &Model,
        answer: &Answer,
        maps: Vec<Values>,
    ) -> Self {
        let score = |of: &ArrayD<f32>, class: usize| of.get([0, class].as_slice()).copied().unwrap_or(0.0);
        let map = |(&class, values): (&usize, Values)| Map {
            class: Scored {
                prediction: named(model, class, score(&answer.probabilities, class)),
                logit: score(&answer.logits, class),
            },
            values,
            completeness: None,
        };
        let maps = answer.classes.iter().zip(maps).map(map).collect();
        Self { technique, layer, predictions: likeliest(model, answer, PREDICTIONS), maps }
    }
}
