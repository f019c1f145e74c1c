//! Operators that work element by element, and what they make of shapes held as tensors.

use super::{Element, Inference, layout};
use crate::onnx::{DataType, Dim, Node, Shape};

/// Operators whose output has the shape of their first input.
pub(super) const ELEMENTWISE: [&str; 36] = [
    "Abs",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Celu",
    "Clip",
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
    "Sqrt",
    "Tanh",
];

/// Operators whose output has the shape of their inputs, each repeated where it has length 1.
pub(in crate::onnx) const BROADCASTING: [&str; 17] = [
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

/// The elements of what `node` makes, where it is arithmetic on shapes.
pub(super) fn elements(inference: &Inference<'_>, node: &Node) -> Option<Vec<Element>> {
    if !node.domain.is_empty() {
        return None;
    }
    let input = |index| inference.elements(node, index);
    match node.op_type.as_str() {
        "Shape" => {
            let shape = inference.shape(node, 0)?;
            Some(shape[layout::shape_range(node, shape.len())].iter().map(Element::from).collect())
        }
        "Cast" if node.int("to", 0) != DataType::Int64 as i64 => None,
        "Identity" | "Cast" | "Squeeze" | "Unsqueeze" | "Reshape" => input(0).map(<[_]>::to_vec),
        "Concat" => {
            let parts = (0..node.inputs.len()).map(input).collect::<Option<Vec<_>>>()?;
            Some(parts.concat())
        }
        "Gather" => {
            let data = input(0)?;
            let pick = |index: &i64| data.get(super::axis(*index, data.len())?).cloned();
            inference.integers(node, 1)?.iter().map(pick).collect()
        }
        "Slice" => layout::slice_elements(inference, node, input(0)?),
        "Add" | "Sub" | "Mul" | "Div" => pairwise(node, input(0)?, input(1)?),
        _ => None,
    }
}

/// `a op b`, where one of them may be a single element for all of the other's.
fn pairwise(node: &Node, a: &[Element], b: &[Element]) -> Option<Vec<Element>> {
    let length = a.len().max(b.len());
    let at =
        |list: &[Element], index: usize| if list.len() == 1 { list.first().cloned() } else { list.get(index).cloned() };
    (0..length).map(|index| combine(node, at(a, index)?, at(b, index)?)).collect()
}

fn combine(node: &Node, a: Element, b: Element) -> Option<Element> {
    match (node.op_type.as_str(), a, b) {
        ("Add", Element::Int(a), Element::Int(b)) => a.checked_add(b).map(Element::Int),
        ("Sub", Element::Int(a), Element::Int(b)) => a.checked_sub(b).map(Element::Int),
        ("Mul", Element::Int(a), Element::Int(b)) => a.checked_mul(b).map(Element::Int),
        ("Div", Element::Int(a), Element::Int(b)) => a.checked_div(b).map(Element::Int),
        ("Mul" | "Div", symbol, Element::Int(1))
        | ("Mul", Element::Int(1), symbol)
        | ("Add" | "Sub", symbol, Element::Int(0))
        | ("Add", Element::Int(0), symbol) => Some(symbol),
        _ => None,
    }
}
