//! Weights in another layout than the nodes that use them want, as initializers of that layout.

use bytes::Bytes;

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
            Some(transposed(weights, &order.filter(|order| is_permutation(order, rank))?))
        }
        _ => None,
    }
}

fn is_permutation(order: &[usize], rank: usize) -> bool {
    order.len() == rank && (0..rank).all(|axis| order.contains(&axis))
}

/// The same elements with the axes in another order.
fn transposed(tensor: &Tensor, order: &[usize]) -> Result<Tensor> {
    let shape: Vec<usize> = order.iter().map(|&axis| tensor.shape()[axis]).collect();
    let mut strides = vec![1; order.len()];
    for axis in (1..order.len()).rev() {
        strides[axis - 1] = strides[axis] * tensor.shape()[axis];
    }
    let steps: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    let (size, data) = (tensor.dtype().size(), tensor.data());
    let mut moved = Vec::with_capacity(data.len());
    let mut index = vec![0; shape.len()];
    for _ in 0..tensor.len() {
        let from: usize = index.iter().zip(&steps).map(|(index, step)| index * step).sum::<usize>() * size;
        moved.extend_from_slice(&data[from..from + size]);
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Tensor::new(tensor.dtype(), shape, Bytes::from(moved))
}
