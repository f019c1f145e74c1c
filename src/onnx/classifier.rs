//! Where a classifier takes its picture and gives its answer.

use super::{Graph, Result, Shapes};

/// The values of a classifier that have a meaning for its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classifier {
    /// The picture, [N, 3, H, W].
    pub input: String,
    /// The classes' scores before the softmax, [N, classes].
    pub logits: String,
    /// The softmax of the logits, [N, classes], if the model computes it.
    pub probabilities: Option<String>,
    /// How many classes there are.
    pub classes: usize,
}

impl Classifier {
    /// Finds them in `graph`.
    pub fn find(_graph: &Graph, _shapes: &Shapes) -> Result<Self> {
        todo!()
    }
}
