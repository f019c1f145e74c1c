//! The graph as data: ONNX protobuf in and out, shapes, names, opset upgrades and layers.
//!
//! Nothing here runs a model; [`Graph`] is what every floor above reads and edits.

mod edit;
mod error;
mod external;
mod graph;
mod order;
mod proto;
mod read;
mod tensor;
mod write;

pub use error::{Error, Result};
pub use external::ExternalData;
pub use graph::{Attribute, Dim, Graph, Node, Shape, ValueInfo};
pub use tensor::{DataType, Tensor};
