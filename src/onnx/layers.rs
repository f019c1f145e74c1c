//! A model's layers as Keras counts and names them.

use super::{Graph, Shapes};

/// A layer: what Keras calls one, with its fused activation.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The layer's name.
    pub name: String,
    /// Keras' class, such as `Conv2D`.
    pub kind: String,
    /// The value the layer gives, after its activation.
    pub output: String,
}

/// The layers in the order of computation, input first.
pub fn layers(_graph: &Graph, _shapes: &Shapes) -> Vec<Layer> {
    todo!()
}

/// The layer whose feature maps Grad-CAM looks at by default: the last convolution.
pub fn last_convolution(_layers: &[Layer]) -> Option<&Layer> {
    todo!()
}
