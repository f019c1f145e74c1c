//! Arithmetic and choices between values, element by element, with broadcasting.
//!
//! Where an operand was repeated along an axis, its cotangent is the sum over that axis.

use super::Result;
use super::context::{Context, input, output, refuse};
use super::rules::Contributions;
use crate::onnx::{DataType, Node, Tensor};

/// `y = x0 + x1 + ...`: each `dxi = dy`.
pub(super) fn sum(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    wanted(ctx, node).into_iter().map(|index| Ok((index, reduced(ctx, node, index, dy)?))).collect()
}

/// `y = (x0 + x1 + ...) / m`: each `dxi = dy / m`.
pub(super) fn mean(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let share = ctx.scalar(1.0 / node.inputs.len() as f32);
    let dy = ctx.op("Mul", [dy, &share]);
    sum(ctx, node, &dy)
}

/// `y = min(x0, x1, ...)`, or the largest: `dxi = dy / m` where `xi = y`, if `m` of the inputs are, else 0.
///
/// Inputs that are equal share, as in PyTorch's `maximum`.
pub(super) fn extreme(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let mut masks = Vec::new();
    for index in 0..node.inputs.len() {
        let equal = ctx.op("Equal", [input(node, index)?, y]);
        masks.push(ctx.cast(&equal, DataType::Float));
    }
    let count = ctx.op("Sum", masks.iter().map(String::as_str));
    let share = ctx.op("Div", [dy, &count]);
    let mut contributions = Vec::new();
    for index in wanted(ctx, node) {
        let part = ctx.op("Mul", [&share, &masks[index]]);
        contributions.push((index, reduced(ctx, node, index, &part)?));
    }
    Ok(contributions)
}

/// `y` is `a` or `b` by a condition: `da = dy` where the condition is true, `db = dy` where it is not, else 0.
pub(super) fn choose(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let condition = input(node, 0)?;
    let zero = ctx.scalar(0.0);
    let mut contributions = Vec::new();
    for index in wanted(ctx, node) {
        let branches = if index == 1 { [dy, &zero] } else { [&zero, dy] };
        let part = ctx.op("Where", [condition, branches[0], branches[1]]);
        contributions.push((index, reduced(ctx, node, index, &part)?));
    }
    Ok(contributions)
}

/// `y` is `x` repeated along axes: `dx` is the sum of `dy` over the repetitions.
pub(super) fn expand(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    Ok(vec![(0, reduced(ctx, node, 0, dy)?)])
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

/// `y = a^b`: `da = dy * b * a^(b - 1)`, `db = dy * y * ln(a)`, which is 0 where `a <= 0`.
pub(super) fn pow(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let (a, y) = (input(node, 0)?, output(node, 0)?);
    let mut contributions = Vec::new();
    if ctx.wants(node, 0) {
        let (exponent, power) = lower_power(ctx, node)?;
        let slope = ctx.op("Mul", [exponent, power]);
        let da = ctx.op("Mul", [dy, &slope]);
        contributions.push((0, reduced(ctx, node, 0, &da)?));
    }
    if ctx.wants(node, 1) {
        let zero = ctx.scalar(0.0);
        let positive = ctx.op("Greater", [a, &zero]);
        let log = ctx.op("Log", [a]);
        let log = ctx.select(&positive, &log);
        let slope = ctx.op("Mul", [y, &log]);
        let db = ctx.op("Mul", [dy, &slope]);
        contributions.push((1, reduced(ctx, node, 1, &db)?));
    }
    Ok(contributions)
}

/// `b` as floats, and `a^(b - 1)`. A constant `b` may be integers, and is often 2.
fn lower_power(ctx: &mut Context<'_>, node: &Node) -> Result<(String, String)> {
    let (a, b) = (input(node, 0)?, input(node, 1)?);
    let Some(constant) = ctx.constant(b).cloned() else {
        let one = ctx.scalar(1.0);
        let lower = ctx.op("Sub", [b, &one]);
        return Ok((b.to_owned(), ctx.op("Pow", [a, &lower])));
    };
    let exponents = constant.floats()?;
    if exponents == [2.0] {
        return Ok((ctx.scalar(2.0), a.to_owned()));
    }
    let shape = constant.shape();
    let exponent = ctx.tensor(format!("{b}/exponent"), || Tensor::from_floats(shape, &exponents));
    let lower: Vec<f32> = exponents.iter().map(|exponent| exponent - 1.0).collect();
    let lower = ctx.tensor(format!("{b}/exponent_less_1"), || Tensor::from_floats(shape, &lower));
    Ok((exponent, ctx.op("Pow", [a, &lower])))
}

/// The inputs of `node` whose gradient matters.
fn wanted(ctx: &Context<'_>, node: &Node) -> Vec<usize> {
    (0..node.inputs.len()).filter(|&index| ctx.wants(node, index)).collect()
}

/// Sums `cotangent`, of the node's output's shape, over the axes along which input `index` was repeated.
pub(super) fn reduced(ctx: &mut Context<'_>, node: &Node, index: usize, cotangent: &str) -> Result<String> {
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
