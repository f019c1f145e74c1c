//! Operators that work element by element.

use super::Inference;
use crate::onnx::{Dim, Node, Shape};

/// Operators whose output has the shape of their first input.
pub(super) const ELEMENTWISE: [&str; 39] = [
    "Abs",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Celu",
    "Clip",
    "CumSum",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "Mish",
    "Neg",
    "Not",
    "PRelu",
    "Reciprocal",
    "Relu",
    "Round",
    "Selu",
    "Sigmoid",
    "Sign",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Tanh",
    "ThresholdedRelu",
];

/// Operators whose output has the shape of their inputs, each repeated where it has length 1.
pub(in crate::onnx) const BROADCASTING: [&str; 18] = [
    "Add",
    "And",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "Pow",
    "Sub",
    "Sum",
    "Where",
];

/// The common shape of all inputs.
pub(super) fn broadcast(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let shapes = (0..node.inputs.len()).map(|index| inference.shape(node, index));
    shapes.collect::<Option<Vec<_>>>()?.into_iter().cloned().reduce(|a, b| broadcast_two(&a, &b))
}

/// The common shape of two values; a known length other than 1 wins over a symbol, which must then equal it or be 1.
pub(super) fn broadcast_two(a: &[Dim], b: &[Dim]) -> Shape {
    let rank = a.len().max(b.len());
    let at = |shape: &[Dim], axis: usize| {
        (axis + shape.len()).checked_sub(rank).and_then(|axis| shape.get(axis)).cloned().unwrap_or(Dim::Size(1))
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (Dim::Size(1), other) | (other, Dim::Size(1)) => other,
            (Dim::Symbol(_), size @ Dim::Size(_)) => size,
            (first, _) => first,
        })
        .collect()
}
