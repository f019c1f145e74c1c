//! Shape inference.

use std::collections::HashMap;

use super::{Graph, Result, Shape};

/// The shape of each value of a graph, by name.
pub type Shapes = HashMap<String, Shape>;

impl Graph {
    /// The shape of every value.
    pub fn shapes(&self) -> Result<Shapes> {
        todo!()
    }

    /// Replaces what can be computed from constants and shapes alone by initializers.
    pub fn fold_constants(&mut self) -> Result<()> {
        todo!()
    }
}
