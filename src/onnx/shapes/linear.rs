//! Matrix products.

use super::{Inference, arithmetic::broadcast_two};
use crate::onnx::{Dim, Node, Result, Shape};

/// `[M, K] x [K, N]`, each transposed if its attribute says so.
pub(super) fn gemm(inference: &Inference<'_>, node: &Node) -> Result<Option<Shape>> {
    let side = |index: usize, transposed: &str, axis: usize| {
        let axis = if node.int(transposed, 0) == 0 { axis } else { 1 - axis };
        inference.shape(node, index)?.get(axis).cloned()
    };
    check_fit(node, side(0, "transA", 1).as_ref(), side(1, "transB", 0).as_ref())?;
    Ok(side(0, "transA", 0).zip(side(1, "transB", 1)).map(|(rows, columns)| vec![rows, columns]))
}

/// An error if a row of the one matrix and a column of the other do not have as many numbers.
fn check_fit(node: &Node, row: Option<&Dim>, column: Option<&Dim>) -> Result<()> {
    match (row.and_then(Dim::size), column.and_then(Dim::size)) {
        (Some(row), Some(column)) if row != column => {
            Err(node.error(format!("it takes {column} numbers for each picture, and gets {row}")))
        }
        _ => Ok(()),
    }
}

/// `[..., M, K] x [..., K, N]`, as NumPy's `matmul`: a vector counts as a matrix of one row or column.
pub(super) fn matmul(inference: &Inference<'_>, node: &Node) -> Result<Option<Shape>> {
    let (Some(a), Some(b)) = (inference.shape(node, 0), inference.shape(node, 1)) else { return Ok(None) };
    check_fit(node, a.last(), b.get(b.len().saturating_sub(2)))?;
    Ok(product(a, b))
}

fn product(a: &[Dim], b: &[Dim]) -> Option<Shape> {
    match (a, b) {
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
