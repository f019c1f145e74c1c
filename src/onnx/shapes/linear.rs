//! Matrix products.

use super::{Inference, arithmetic::broadcast_two};
use crate::onnx::{Dim, Node, Shape};

/// `[M, K] x [K, N]`, each transposed if its attribute says so.
pub(super) fn gemm(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let side = |index: usize, transposed: &str, axis: usize| {
        let axis = if node.int(transposed, 0) == 0 { axis } else { 1 - axis };
        inference.shape(node, index)?.get(axis).cloned()
    };
    Some(vec![side(0, "transA", 0)?, side(1, "transB", 1)?])
}

/// `[..., M, K] x [..., K, N]`, as NumPy's `matmul`: a vector counts as a matrix of one row or column.
pub(super) fn matmul(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let (a, b) = (inference.shape(node, 0)?, inference.shape(node, 1)?);
    match (a.as_slice(), b.as_slice()) {
        ([_], [_]) => Some(Vec::new()),
        ([_], [batch @ .., _, columns]) => Some([batch, std::slice::from_ref(columns)].concat()),
        ([batch @ .., rows, _], [_]) => Some([batch, std::slice::from_ref(rows)].concat()),
        ([batch_a @ .., rows, _], [batch_b @ .., _, columns]) => {
            let mut shape: Vec<Dim> = broadcast_two(batch_a, batch_b);
            shape.extend([rows.clone(), columns.clone()]);
            Some(shape)
        }
        _ => None,
    }
}
