//! Operator sets before 17, brought to 17.

use super::{Graph, Result};

impl Graph {
    /// The same computation in operator set 17; a later one is left as it is.
    pub fn upgrade(self) -> Result<Self> {
        todo!()
    }
}
