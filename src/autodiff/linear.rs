//! Matrix products: `Gemm` and `MatMul`.

use super::Result;
use super::context::{Context, input, new_node, output, refuse};
use super::rules::Contributions;
use crate::onnx::{Attribute, Node};

/// `y = alpha x op(W) + beta c` with `x` `[n, K]` and `op(W)` `[K, N]`: `dx = alpha dy op(W)^T`, `[k, N] -> [k, K]`.
///
/// `W` is read as it lies, with `transB` the other way round, so a gradient graph shares the forward pass's weights.
pub(super) fn gemm(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    if ctx.wants(node, 1) || ctx.wants(node, 2) {
        return Err(refuse(node, "its weights or its bias depend on the input"));
    }
    if node.int("transA", 0) != 0 {
        return Err(refuse(node, "it transposes its input (transA)"));
    }
    let weights = input(node, 1)?;
    let product = new_node("Gemm", [dy, weights])
        .with("alpha", Attribute::Float(node.float("alpha", 1.0)))
        .with_int("transB", i64::from(node.int("transB", 0) == 0));
    Ok(vec![(0, ctx.emit(product))])
}

/// `y = a b` over the last two dimensions: `da = dy b^T` and `db = a^T dy`.
pub(super) fn matmul(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let (a, b, y) = (input(node, 0)?, input(node, 1)?, output(node, 0)?);
    let (rank_a, rank_b, rank) = (ctx.rank(node, a)?, ctx.rank(node, b)?, ctx.rank(node, y)?);
    if rank_a < 2 || rank_b < 2 {
        return Err(refuse(node, "one of its operands is a vector"));
    }
    let mut contributions = Vec::new();
    if ctx.wants(node, 0) {
        let da = if rank == 2 {
            ctx.emit(new_node("Gemm", [dy, b]).with_int("transB", 1))
        } else {
            let transposed = transpose_last(ctx, b, rank_b);
            ctx.op("MatMul", [dy, &transposed])
        };
        contributions.push((0, reduced_batch(ctx, node, 0, da)?));
    }
    if ctx.wants(node, 1) {
        if rank == 2 {
            return Err(refuse(node, "its second operand is a matrix without a batch that depends on the input"));
        }
        let transposed = transpose_last(ctx, a, rank_a);
        let db = ctx.op("MatMul", [transposed.as_str(), dy]);
        contributions.push((1, reduced_batch(ctx, node, 1, db)?));
    }
    Ok(contributions)
}

/// Sums `cotangent` over the batch dimensions along which operand `index` was repeated.
fn reduced_batch(ctx: &mut Context<'_>, node: &Node, index: usize, cotangent: String) -> Result<String> {
    let (operand, product) = (ctx.dims(node, input(node, index)?)?, ctx.dims(node, output(node, 0)?)?);
    if operand.len() != product.len() {
        return Err(refuse(node, "an operand that depends on the input is repeated over the batch"));
    }
    let repeated = (1..product.len() - 2).filter(|&axis| operand[axis] == Some(1) && product[axis] != Some(1));
    let axes: Vec<i64> = repeated.map(|axis| axis as i64).collect();
    Ok(if axes.is_empty() { cotangent } else { ctx.sum_over(&cotangent, &axes) })
}

fn transpose_last(ctx: &mut Context<'_>, value: &str, rank: usize) -> String {
    let mut permutation: Vec<i64> = (0..rank as i64).collect();
    permutation.swap(rank - 2, rank - 1);
    ctx.emit(new_node("Transpose", [value]).with_ints("perm", permutation))
}
