//! Softmax and its logarithm: functions of all elements along an axis.

use super::Result;
use super::context::{Context, output, refuse};
use super::rules::Contributions;
use crate::onnx::Node;

/// `y = softmax(x)` along an axis: `dx = y * (dy - sum(dy * y))`, summed along that axis.
pub(super) fn softmax(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let axis = axis_of(ctx, node, y)?;
    let weighted = ctx.op("Mul", [dy, y]);
    let mean = ctx.sum_over(&weighted, &[axis]);
    let centred = ctx.op("Sub", [dy, &mean]);
    Ok(vec![(0, ctx.op("Mul", [centred.as_str(), y]))])
}

/// `y = x - ln(sum(exp(x)))` along an axis: `dx = dy - exp(y) * sum(dy)`, summed along that axis.
pub(super) fn log_softmax(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let axis = axis_of(ctx, node, y)?;
    let probabilities = ctx.op("Exp", [y]);
    let sum = ctx.sum_over(dy, &[axis]);
    let shared = ctx.op("Mul", [probabilities, sum]);
    Ok(vec![(0, ctx.op("Sub", [dy, &shared]))])
}

/// The axis of `node`, which must not be the batch.
fn axis_of(ctx: &Context<'_>, node: &Node, y: &str) -> Result<i64> {
    let (axis, rank) = (node.int("axis", -1), ctx.rank(node, y)? as i64);
    if axis == 0 || axis == -rank {
        return Err(refuse(node, "it mixes the pictures of a batch"));
    }
    Ok(axis)
}
