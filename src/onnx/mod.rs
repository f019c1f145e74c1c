//! The graph as data: ONNX protobuf in and out, shapes, names, opset upgrades and layers.
//!
//! Nothing here runs a model; [`Graph`] is what every floor above reads and edits.

mod adapt;
mod classifier;
mod edit;
mod error;
mod external;
mod graph;
mod layers;
mod locality;
mod order;
mod proto;
mod read;
mod shapes;
mod summary;
mod tensor;
mod upgrade;
mod winograd;
mod write;

pub use adapt::{ChosenOutput, Layout, PictureInput};
pub use classifier::Classifier;
pub use error::{Error, Result};
pub use external::{ExternalData, map_file};
pub(crate) use graph::new_node;
pub use graph::{Attribute, Dim, Graph, Node, Shape, ValueInfo};
pub use layers::{KerasShape, Layer, LayerConfig, LayerKind, Padding, feature_layer, flattened_before, layers};
pub use locality::{Locality, Reach, Step};
pub use shapes::Shapes;
pub use summary::Summary;
pub use tensor::{DataType, Tensor};
pub use winograd::Constants;
