//! What a node is in Keras' terms.

use std::fmt;

use super::{Graph, Node, Shapes, sizes};

/// What a layer does: Keras' class for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The names are Keras'.
pub enum LayerKind {
    InputLayer,
    Conv2D,
    DepthwiseConv2D,
    Conv2DTranspose,
    Dense,
    MaxPooling2D,
    AveragePooling2D,
    GlobalMaxPooling2D,
    GlobalAveragePooling2D,
    BatchNormalization,
    LayerNormalization,
    Activation,
    Flatten,
    Reshape,
    Permute,
    Add,
    Subtract,
    Multiply,
    Concatenate,
    ZeroPadding2D,
    /// An operator that Keras has no layer for, by ONNX's name.
    Other(String),
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(op_type) => f.write_str(op_type),
            kind => write!(f, "{kind:?}"),
        }
    }
}

impl LayerKind {
    /// The kind of layer that `node` makes.
    pub(super) fn of(node: &Node, shapes: &Shapes) -> Self {
        match node.op_type.as_str() {
            "Conv" if is_depthwise(node, shapes) => Self::DepthwiseConv2D,
            "Conv" => Self::Conv2D,
            "ConvTranspose" => Self::Conv2DTranspose,
            "Gemm" | "MatMul" => Self::Dense,
            "MaxPool" => Self::MaxPooling2D,
            "AveragePool" => Self::AveragePooling2D,
            "GlobalMaxPool" => Self::GlobalMaxPooling2D,
            "GlobalAveragePool" => Self::GlobalAveragePooling2D,
            "ReduceMean" if reduces_to_channels(node, shapes) => Self::GlobalAveragePooling2D,
            "BatchNormalization" => Self::BatchNormalization,
            "LayerNormalization" => Self::LayerNormalization,
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" if flattens(node, shapes) => Self::Flatten,
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => Self::Reshape,
            "Transpose" => Self::Permute,
            "Add" | "Sum" => Self::Add,
            "Sub" => Self::Subtract,
            "Mul" => Self::Multiply,
            "Concat" => Self::Concatenate,
            "Pad" => Self::ZeroPadding2D,
            _ if activation_name(node).is_some() => Self::Activation,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether the layer convolves.
    pub fn is_convolution(&self) -> bool {
        matches!(self, Self::Conv2D | Self::DepthwiseConv2D | Self::Conv2DTranspose)
    }

    /// Whether an activation after it is part of the layer.
    pub(super) fn has_activation(&self) -> bool {
        self.is_convolution() || *self == Self::Dense
    }
}

/// Each channel has filters of its own.
fn is_depthwise(node: &Node, shapes: &Shapes) -> bool {
    let channels = sizes(shapes, node.input(0)).and_then(|sizes| sizes.first().copied());
    channels.is_some_and(|channels| channels > 1 && node.int("group", 1) == channels as i64)
}

/// [N, C, H, W] becomes [N, C, 1, 1] or [N, C].
fn reduces_to_channels(node: &Node, shapes: &Shapes) -> bool {
    match (sizes(shapes, node.input(0)).as_deref(), sizes(shapes, node.output(0)).as_deref()) {
        (Some([channels, _, _]), Some([kept] | [kept, 1, 1])) => channels == kept,
        _ => false,
    }
}

/// What comes out is a vector for each picture.
fn flattens(node: &Node, shapes: &Shapes) -> bool {
    sizes(shapes, node.output(0)).is_some_and(|sizes| sizes.len() == 1)
}

/// Keras' name of the activation that `node` is.
fn activation_name(node: &Node) -> Option<&'static str> {
    Some(match node.op_type.as_str() {
        "Celu" => "celu",
        "Clip" => "clip",
        "Elu" => "elu",
        "Gelu" => "gelu",
        "HardSigmoid" => "hard_sigmoid",
        "HardSwish" => "hard_swish",
        "LeakyRelu" => "leaky_relu",
        "LogSoftmax" => "log_softmax",
        "Mish" => "mish",
        "PRelu" => "prelu",
        "Relu" => "relu",
        "Selu" => "selu",
        "Sigmoid" => "sigmoid",
        "Softmax" => "softmax",
        "Softplus" => "softplus",
        "Tanh" => "tanh",
        _ => return None,
    })
}

/// Keras' name of the activation that `node` is; `relu6` where its bounds say so.
pub(super) fn activation(node: &Node, graph: &Graph) -> Option<&'static str> {
    let bound = |index: usize| graph.initializers.get(node.input(index)?)?.floats().ok()?.first().copied();
    match activation_name(node)? {
        "clip" if bound(1) == Some(0.0) && bound(2) == Some(6.0) => Some("relu6"),
        name => Some(name),
    }
}

/// The constant inputs of `node` that are a layer's parameters, by Keras' names.
pub(super) fn parameters(node: &Node, graph: &Graph) -> Vec<(&'static str, String)> {
    let names: &[(usize, &'static str)] = match node.op_type.as_str() {
        "Conv" | "ConvTranspose" | "Gemm" => &[(1, "kernel"), (2, "bias")],
        "MatMul" => &[(0, "kernel"), (1, "kernel")],
        "BatchNormalization" => &[(1, "gamma"), (2, "beta"), (3, "moving_mean"), (4, "moving_variance")],
        "LayerNormalization" => &[(1, "gamma"), (2, "beta")],
        "PRelu" => &[(1, "alpha")],
        _ => &[],
    };
    let held = |&(index, name): &(usize, &'static str)| {
        node.input(index).filter(|input| graph.initializers.contains_key(*input)).map(|input| (name, input.to_owned()))
    };
    names.iter().filter_map(held).collect()
}
