//! Functions of one element with kinks: the rectifiers, and those that are made of lines.
//!
//! The rules use the activation's output rather than its input where they can: ONNX Runtime fuses a convolution with
//! the activation after it, and an input that nobody else reads need not be kept.

use super::blocked;
use super::context::{Context, input, new_node, output, refuse};
use super::rules::Contributions;
use super::{Result, Rule};
use crate::onnx::{Attribute, Node, Tensor};

/// `y = max(x, 0)`: by the [`Rule`] of the walk, `dx` is `dy` where `y > 0`, where `dy > 0`, or where both are.
///
/// The mask is `min(3e38 y, 1)`, in one operator, which is 0 or 1 for all but subnormal `y`. Measured with ONNX Runtime 1.31 on
/// `[1, 64, 224, 224]`, two threads: to make it and multiply takes 1.6 ms, `Greater` and `Where` 3.1 ms, `Sign` 4.3 ms. A copy of `y` by
/// a convolution, with which ONNX Runtime fuses that operator, is made in the layout that `y` is in.
pub(super) fn relu(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let channels = blocked::channels(ctx, node, y);
    let dx = rectify(ctx, y, dy, |ctx, y, dy| {
        let y = channels.map_or_else(|| y.to_owned(), |channels| blocked::scale(ctx, y, channels, 1.0, 0.0));
        let step =
            new_node("HardSigmoid", [y]).with("alpha", Attribute::Float(3e38)).with("beta", Attribute::Float(0.0));
        let mask = ctx.emit(step);
        ctx.op("Mul", [dy, &mask])
    });
    Ok(vec![(0, dx)])
}

/// A rectifier's VJP by the rule of the walk; `pass` lets `dy` through where the slope at `y` is 1.
///
/// A rectifier does not fall, so that it may as well come after the max-pool that alone reads it: then there is less to rectify.
fn rectify(ctx: &mut Context<'_>, y: &str, dy: &str, pass: impl Fn(&mut Context<'_>, &str, &str) -> String) -> String {
    let rule = ctx.rule();
    let rectified = |ctx: &mut Context<'_>, y: &str, dy: &str| {
        let dy = match rule {
            Rule::Standard => dy.to_owned(),
            Rule::Guided | Rule::Deconvnet => ctx.op("Relu", [dy]),
        };
        match rule {
            Rule::Standard | Rule::Guided => pass(ctx, y, &dy),
            Rule::Deconvnet => dy,
        }
    };
    match ctx.route(dy) {
        Some(route) if route.x == y => {
            let dy = rectified(ctx, &route.y, &route.dy);
            route.follow(ctx, &dy)
        }
        _ => rectified(ctx, y, dy),
    }
}

/// `y = min(max(x, low), high)`: `dx = dy` where `low < y < high`, else 0.
///
/// With `low` 0, as in `ReLU6`, it is a rectifier and follows the rule of the walk.
pub(super) fn clip(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let pass = |ctx: &mut Context<'_>, y: &str, dy: &str| {
        let above = node.input(1).map(|low| ctx.op("Greater", [y, low]));
        let below = node.input(2).map(|high| ctx.op("Less", [y, high]));
        let inside = match (above, below) {
            (Some(above), Some(below)) => Some(ctx.op("And", [above, below])),
            (above, below) => above.or(below),
        };
        inside.map_or_else(|| dy.to_owned(), |inside| ctx.select(&inside, dy))
    };
    let rectifier = match node.input(1) {
        Some(low) => ctx.constant(low).map(Tensor::floats).transpose()?.is_some_and(|low| low == [0.0]),
        None => false,
    };
    let dx = if rectifier { rectify(ctx, y, dy, pass) } else { pass(ctx, y, dy) };
    Ok(vec![(0, dx)])
}

/// `y = x` where `x > 0`, else `alpha x`: `dx = dy` where `x > 0`, else `alpha dy`.
pub(super) fn leaky_relu(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let alpha = node.float("alpha", 0.01);
    // With a positive slope on both sides the output has the input's sign.
    let signed = if alpha > 0.0 { output(node, 0)? } else { input(node, 0)? };
    let (zero, alpha) = (ctx.scalar(0.0), ctx.scalar(alpha));
    let positive = ctx.op("Greater", [signed, &zero]);
    let leaked = ctx.op("Mul", [dy, &alpha]);
    Ok(vec![(0, ctx.op("Where", [positive.as_str(), dy, &leaked]))])
}

/// `y = x` where `x > 0`, else `slope * x` with slopes for each channel or element: `dx = dy` where `x > 0`, else `slope * dy`.
pub(super) fn prelu(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    if ctx.wants(node, 1) {
        return Err(refuse(node, "its slopes depend on the input"));
    }
    let (x, slope) = (input(node, 0)?, input(node, 1)?);
    let zero = ctx.scalar(0.0);
    let positive = ctx.op("Greater", [x, &zero]);
    let leaked = ctx.op("Mul", [dy, slope]);
    Ok(vec![(0, ctx.op("Where", [positive.as_str(), dy, &leaked]))])
}

/// `y = x` where `x > alpha`, else 0: `dx = dy` where `x > alpha`, else 0.
pub(super) fn thresholded_relu(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let alpha = ctx.scalar(node.float("alpha", 1.0));
    let passes = ctx.op("Greater", [input(node, 0)?, &alpha]);
    Ok(vec![(0, ctx.select(&passes, dy))])
}

/// `y = min(max(alpha x + beta, 0), 1)`: `dx = alpha dy` where `0 < y < 1`, else 0.
pub(super) fn hard_sigmoid(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let (zero, one, alpha) = (ctx.scalar(0.0), ctx.scalar(1.0), ctx.scalar(node.float("alpha", 0.2)));
    let above = ctx.op("Greater", [y, &zero]);
    let below = ctx.op("Less", [y, &one]);
    let inside = ctx.op("And", [above, below]);
    let slope = ctx.select(&inside, &alpha);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// `y = x * min(max(x / 6 + 1/2, 0), 1)`: the slope is 0 up to -3, 1 from 3, and `x / 3 + 1/2` between.
pub(super) fn hard_swish(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let x = input(node, 0)?;
    let (low, half, one, third) = (ctx.scalar(-3.0), ctx.scalar(0.5), ctx.scalar(1.0), ctx.scalar(1.0 / 3.0));
    let scaled = ctx.op("Mul", [x, &third]);
    let line = ctx.op("Add", [scaled, half]);
    let above = ctx.op("Greater", [x, &low]);
    let rising = ctx.select(&above, &line);
    let high = ctx.scalar(3.0);
    let below = ctx.op("Less", [x, &high]);
    let slope = ctx.op("Where", [below, rising, one]);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// `y = |x|`: `dx = dy * sign(x)`.
pub(super) fn abs(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let sign = ctx.op("Sign", [input(node, 0)?]);
    Ok(vec![(0, ctx.op("Mul", [dy, &sign]))])
}
