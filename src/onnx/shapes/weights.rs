//! Weights in another layout than the nodes that use them want, as initializers of that layout.

use super::Shapes;
use crate::onnx::{Dim, Graph, Node, Result, Tensor};

/// Adds initializers for what nodes make of initializers alone by changing their layout.
pub(super) fn fold(graph: &mut Graph, shapes: &Shapes) -> Result<()> {
    for node in &graph.nodes {
        let (Some(input), Some(output)) = (node.input(0), node.output(0)) else { continue };
        let Some(weights) = graph.initializers.get(input).filter(|_| node.domain.is_empty()) else { continue };
        if let Some(moved) = moved(node, weights, shapes) {
            graph.initializers.insert(output.to_owned(), moved?);
        }
    }
    Ok(())
}

/// What `node` makes of `weights`, if it only changes their layout.
fn moved(node: &Node, weights: &Tensor, shapes: &Shapes) -> Option<Result<Tensor>> {
    match node.op_type.as_str() {
        "Identity" => Some(Ok(weights.clone())),
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
            let shape: Option<Vec<usize>> = shapes.get(node.output(0)?)?.iter().map(Dim::size).collect();
            Some(weights.reshaped(shape?))
        }
        "Transpose" => {
            let rank = weights.shape().len();
            let order = node.ints("perm").map_or_else(|| (0..rank as i64).rev().collect(), <[i64]>::to_vec);
            let order: Option<Vec<usize>> = order.iter().map(|&axis| usize::try_from(axis).ok()).collect();
            Some(weights.permuted(&order?))
        }
        _ => None,
    }
}
