//! Arithmetic on two values, element by element, with broadcasting.
//!
//! Where an operand was repeated along an axis, its cotangent is the sum over that axis.

use super::Result;
use super::context::{Context, input, output, refuse};
use super::rules::Contributions;
use crate::onnx::Node;

/// `y = a + b`: `da = dy`, `db = dy`.
pub(super) fn add(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    sum(ctx, node, dy)
}

/// `y = x0 + x1 + ...`: each `dxi = dy`.
pub(super) fn sum(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let wanted: Vec<usize> = (0..node.inputs.len()).filter(|&index| ctx.wants(node, index)).collect();
    wanted.into_iter().map(|index| Ok((index, reduced(ctx, node, index, dy)?))).collect()
}

/// `y = a - b`: `da = dy`, `db = -dy`.
pub(super) fn sub(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let mut contributions = sum(ctx, node, dy)?;
    for (_, db) in contributions.iter_mut().filter(|(index, _)| *index == 1) {
        *db = ctx.op("Neg", [db.as_str()]);
    }
    Ok(contributions)
}

/// `y = -x`: `dx = -dy`.
pub(super) fn neg(ctx: &mut Context<'_>, dy: &str) -> Contributions {
    vec![(0, ctx.op("Neg", [dy]))]
}

/// `y = a * b`: `da = dy * b`, `db = dy * a`.
pub(super) fn mul(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let mut contributions = Vec::new();
    for index in [0, 1] {
        if ctx.wants(node, index) {
            let other = input(node, 1 - index)?;
            let product = ctx.op("Mul", [dy, other]);
            contributions.push((index, reduced(ctx, node, index, &product)?));
        }
    }
    Ok(contributions)
}

/// `y = a / b`: `da = dy / b`, `db = -dy * y / b`.
pub(super) fn div(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let (b, y) = (input(node, 1)?, output(node, 0)?);
    let quotient = ctx.op("Div", [dy, b]);
    let mut contributions = Vec::new();
    if ctx.wants(node, 0) {
        contributions.push((0, reduced(ctx, node, 0, &quotient)?));
    }
    if ctx.wants(node, 1) {
        let product = ctx.op("Mul", [quotient.as_str(), y]);
        let product = ctx.op("Neg", [product]);
        contributions.push((1, reduced(ctx, node, 1, &product)?));
    }
    Ok(contributions)
}

/// Sums `cotangent`, of the node's output's shape, over the axes along which input `index` was repeated.
fn reduced(ctx: &mut Context<'_>, node: &Node, index: usize, cotangent: &str) -> Result<String> {
    let operand = ctx.dims(node, input(node, index)?)?;
    let output = ctx.dims(node, output(node, 0)?)?;
    // Without a batch axis of its own the operand would get one cotangent for all pictures and classes together.
    if operand.len() != output.len() || (operand.first() == Some(&Some(1)) && output.first() != Some(&Some(1))) {
        return Err(refuse(node, "an operand that depends on the input is repeated over the batch"));
    }
    let repeated = (1..operand.len()).filter(|&axis| operand[axis] == Some(1) && output[axis] != Some(1));
    let axes: Vec<i64> = repeated.map(|axis| axis as i64).collect();
    Ok(if axes.is_empty() { cotangent.to_owned() } else { ctx.sum_over(cotangent, &axes) })
}
