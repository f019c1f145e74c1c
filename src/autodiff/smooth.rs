//! Smooth functions of one element.
//!
//! The rules use the function's output rather than its input where they can: ONNX Runtime fuses a convolution with the
//! activation after it, and an input that nobody else reads need not be kept.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::Result;
use super::context::{Context, input, output, refuse};
use super::rules::Contributions;
use crate::onnx::Node;

/// `y = 1 / (1 + exp(-x))`: `dx = dy * y * (1 - y)`.
pub(super) fn sigmoid(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let one = ctx.scalar(1.0);
    let rest = ctx.op("Sub", [one.as_str(), y]);
    let slope = ctx.op("Mul", [y, &rest]);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// `y = tanh(x)`: `dx = dy * (1 - y^2)`.
pub(super) fn tanh(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let one = ctx.scalar(1.0);
    let square = ctx.op("Mul", [y, y]);
    let slope = ctx.op("Sub", [one, square]);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// `y = exp(x)`: `dx = dy * y`.
pub(super) fn exp(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    Ok(vec![(0, ctx.op("Mul", [dy, y]))])
}

/// `y = sqrt(x)`: `dx = dy / (2 y)`.
pub(super) fn sqrt(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let two = ctx.scalar(2.0);
    let twice = ctx.op("Mul", [y, &two]);
    Ok(vec![(0, ctx.op("Div", [dy, &twice]))])
}

/// `y = ln x`: `dx = dy / x`.
pub(super) fn log(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    Ok(vec![(0, ctx.op("Div", [dy, input(node, 0)?]))])
}

/// `y = 1 / x`: `dx = -dy * y^2`.
pub(super) fn reciprocal(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let square = ctx.op("Mul", [y, y]);
    let slope = ctx.op("Neg", [square]);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// `y = erf(x)`: `dx = dy * 2 / sqrt(pi) * exp(-x^2)`.
pub(super) fn erf(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let slope = bell(ctx, input(node, 0)?, 1.0, FRAC_2_SQRT_PI);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// `height * exp(-rate * x^2)`
fn bell(ctx: &mut Context<'_>, x: &str, rate: f32, height: f32) -> String {
    let square = ctx.op("Mul", [x, x]);
    let (rate, height) = (ctx.scalar(-rate), ctx.scalar(height));
    let exponent = ctx.op("Mul", [square, rate]);
    let exp = ctx.op("Exp", [exponent]);
    ctx.op("Mul", [exp, height])
}

/// `y = x * Phi(x)` with the normal distribution `Phi`: `dx = dy * (Phi(x) + x * phi(x))`; or with `Phi` by `tanh`, exactly for that.
pub(super) fn gelu(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let x = input(node, 0)?;
    let (distribution, density) = match node.string("approximate", "none") {
        "none" => normal(ctx, x),
        "tanh" => normal_by_tanh(ctx, x),
        other => return Err(refuse(node, format!("its approximation `{other}` is not known"))),
    };
    let rest = ctx.op("Mul", [x, &density]);
    let slope = ctx.op("Add", [distribution, rest]);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// The normal distribution `(1 + erf(x / sqrt(2))) / 2` and its density.
fn normal(ctx: &mut Context<'_>, x: &str) -> (String, String) {
    let (scale, one, half) = (ctx.scalar(FRAC_1_SQRT_2), ctx.scalar(1.0), ctx.scalar(0.5));
    let scaled = ctx.op("Mul", [x, &scale]);
    let erf = ctx.op("Erf", [scaled]);
    let twice = ctx.op("Add", [erf, one]);
    let distribution = ctx.op("Mul", [twice, half]);
    (distribution, bell(ctx, x, 0.5, FRAC_1_SQRT_2 * FRAC_2_SQRT_PI / 2.0))
}

/// The distribution `(1 + tanh(u)) / 2` with `u = sqrt(2 / pi) * (x + 0.044715 x^3)`, and its slope `(1 - tanh(u)^2) / 2 * du`.
fn normal_by_tanh(ctx: &mut Context<'_>, x: &str) -> (String, String) {
    let scale = FRAC_1_SQRT_2 * FRAC_2_SQRT_PI;
    let (linear, cubic, steep) = (ctx.scalar(scale), ctx.scalar(scale * 0.044_715), ctx.scalar(scale * 0.134_145));
    let (one, half) = (ctx.scalar(1.0), ctx.scalar(0.5));
    let square = ctx.op("Mul", [x, x]);
    let bend = ctx.op("Mul", [square.as_str(), &cubic]);
    let factor = ctx.op("Add", [bend.as_str(), &linear]);
    let u = ctx.op("Mul", [x, &factor]);
    let tanh = ctx.op("Tanh", [u]);
    let twice = ctx.op("Add", [tanh.as_str(), &one]);
    let distribution = ctx.op("Mul", [twice.as_str(), &half]);
    let bend = ctx.op("Mul", [square, steep]);
    let du = ctx.op("Add", [bend, linear]);
    let tanh_squared = ctx.op("Mul", [tanh.as_str(), &tanh]);
    let slope = ctx.op("Sub", [one, tanh_squared]);
    let slope = ctx.op("Mul", [slope, half]);
    (distribution, ctx.op("Mul", [slope, du]))
}

/// `y = ln(1 + exp(x))`: `dx = dy * sigmoid(x)`.
pub(super) fn softplus(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let slope = ctx.op("Sigmoid", [input(node, 0)?]);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// `y = x / (1 + |x|)`: `dx = dy * (1 - |y|)^2`.
pub(super) fn softsign(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let one = ctx.scalar(1.0);
    let size = ctx.op("Abs", [output(node, 0)?]);
    let rest = ctx.op("Sub", [one, size]);
    let slope = ctx.op("Mul", [rest.as_str(), &rest]);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// `y = x * tanh(softplus(x))`: `dx = dy * (t + x * (1 - t^2) * sigmoid(x))` with `t = tanh(softplus(x))`.
pub(super) fn mish(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let x = input(node, 0)?;
    let one = ctx.scalar(1.0);
    let softplus = ctx.op("Softplus", [x]);
    let tanh = ctx.op("Tanh", [softplus]);
    let square = ctx.op("Mul", [tanh.as_str(), &tanh]);
    let rest = ctx.op("Sub", [one, square]);
    let sigmoid = ctx.op("Sigmoid", [x]);
    let inner = ctx.op("Mul", [rest, sigmoid]);
    let inner = ctx.op("Mul", [x, &inner]);
    let slope = ctx.op("Add", [tanh, inner]);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}

/// `y = x` where `x > 0`, else `alpha * (exp(x) - 1)`: `dx = dy` where `x > 0`, else `dy * (y + alpha)`.
pub(super) fn elu(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let alpha = node.float("alpha", 1.0);
    bent(ctx, node, dy, alpha, &Slope { above: 1.0, factor: 1.0, offset: alpha })
}

/// `y = gamma * x` where `x > 0`, else `gamma * alpha * (exp(x) - 1)`: `dx = gamma * dy` where `x > 0`, else `dy * (y + gamma * alpha)`.
pub(super) fn selu(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let (alpha, gamma) = (node.float("alpha", 1.673_263_2), node.float("gamma", 1.050_701));
    bent(ctx, node, dy, alpha * gamma, &Slope { above: gamma, factor: 1.0, offset: gamma * alpha })
}

/// `y = x` where `x > 0`, else `alpha * (exp(x / alpha) - 1)`: `dx = dy` where `x > 0`, else `dy * (y / alpha + 1)`.
pub(super) fn celu(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let alpha = node.float("alpha", 1.0);
    bent(ctx, node, dy, 1.0, &Slope { above: 1.0, factor: 1.0 / alpha, offset: 1.0 })
}

/// The slope of a line above 0 that an exponential continues below: `above`, then `factor * y + offset`.
struct Slope {
    above: f32,
    factor: f32,
    offset: f32,
}

/// The VJP of such a line; `rise` is positive where the exponential rises, so that `y` has the sign of `x`.
fn bent(ctx: &mut Context<'_>, node: &Node, dy: &str, rise: f32, slope: &Slope) -> Result<Contributions> {
    let y = output(node, 0)?;
    let signed = if rise > 0.0 { y } else { input(node, 0)? };
    let (zero, above) = (ctx.scalar(0.0), ctx.scalar(slope.above));
    let (factor, offset) = (ctx.scalar(slope.factor), ctx.scalar(slope.offset));
    let positive = ctx.op("Greater", [signed, &zero]);
    let scaled = ctx.op("Mul", [y, &factor]);
    let below = ctx.op("Add", [scaled, offset]);
    let slope = ctx.op("Where", [positive, above, below]);
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}
