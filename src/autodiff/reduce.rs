//! Reductions over axes.

use super::Result;
use super::context::{Context, input, output, refuse};
use super::rules::Contributions;
use crate::onnx::{DataType, Node, Tensor};

/// `y = mean(x)` over axes of `m` elements in all: `dx = dy / m`, repeated over the axes reduced.
pub(super) fn mean(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    repeat(ctx, node, dy, |count| 1.0 / count as f32)
}

/// `y = sum(x)` over axes: `dx = dy`, repeated over the axes reduced.
pub(super) fn sum(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    repeat(ctx, node, dy, |_| 1.0)
}

/// Repeats `dy` over the axes reduced, times a factor of the number of elements reduced to one.
fn repeat(ctx: &mut Context<'_>, node: &Node, dy: &str, factor: impl FnOnce(usize) -> f32) -> Result<Contributions> {
    let Some(reduced) = Reduced::of(ctx, node)? else { return Ok(vec![(0, dy.to_owned())]) };
    let dy = reduced.kept(ctx, dy);
    let sizes = reduced.sizes.iter().enumerate();
    let repeated = sizes.map(|(index, &size)| if reduced.axes.contains(&(index as i64 + 1)) { size } else { 1 });
    let shape: Vec<usize> = std::iter::once(1).chain(repeated).collect();
    let factor = factor(shape.iter().product());
    Ok(vec![(0, spread(ctx, &dy, &shape, factor))])
}

/// `value`, times `factor`, repeated over axes of length 1 to `shape`, whose 1 stand for any length; with no constant of that shape, which
/// may be as large as a picture.
pub(super) fn spread(ctx: &mut Context<'_>, value: &str, shape: &[usize], factor: f32) -> String {
    let factor = ctx.scalar(factor);
    let scaled = ctx.op("Mul", [value, &factor]);
    let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    let shape = ctx.ints(&shape);
    ctx.op("Expand", [scaled, shape])
}

/// `y = max(x)` over axes, or the smallest: `dx = dy / m` where `x = y`, if `m` elements are, else 0.
///
/// Elements that are equal share, as in PyTorch's `amax`.
pub(super) fn extreme(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let Some(reduced) = Reduced::of(ctx, node)? else { return Ok(vec![(0, dy.to_owned())]) };
    let y = reduced.kept(ctx, output(node, 0)?);
    let equal = ctx.op("Equal", [input(node, 0)?, &y]);
    let mask = ctx.cast(&equal, DataType::Float);
    let count = ctx.sum_over(&mask, &reduced.axes);
    let dy = reduced.kept(ctx, dy);
    let share = ctx.op("Div", [dy, count]);
    Ok(vec![(0, ctx.op("Mul", [mask, share]))])
}

/// `y = sum(|x|)` over axes: `dx = dy * sign(x)`.
pub(super) fn l1(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let slope = ctx.op("Sign", [input(node, 0)?]);
    scale(ctx, node, dy, &slope)
}

/// `y = sqrt(sum(x^2))` over axes: `dx = dy * x / y`, and 0 where `y = 0`.
pub(super) fn l2(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let zero = ctx.scalar(0.0);
    let y = output(node, 0)?;
    let positive = ctx.op("Greater", [y, &zero]);
    let quotient = ctx.op("Div", [dy, y]);
    let quotient = ctx.select(&positive, &quotient);
    scale(ctx, node, &quotient, input(node, 0)?)
}

/// `y = sum(x^2)` over axes: `dx = 2 dy * x`.
pub(super) fn sum_square(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let two = ctx.scalar(2.0);
    let twice = ctx.op("Mul", [dy, &two]);
    scale(ctx, node, &twice, input(node, 0)?)
}

/// `y = ln(sum(exp(x)))` over axes: `dx = dy * exp(x - y)`.
pub(super) fn log_sum_exp(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let y = output(node, 0)?;
    let y = match Reduced::of(ctx, node)? {
        Some(reduced) => reduced.kept(ctx, y),
        None => y.to_owned(),
    };
    let difference = ctx.op("Sub", [input(node, 0)?, &y]);
    let slope = ctx.op("Exp", [difference]);
    scale(ctx, node, dy, &slope)
}

/// `dy`, repeated over the axes reduced, times `slope` of the shape of `x`.
fn scale(ctx: &mut Context<'_>, node: &Node, dy: &str, slope: &str) -> Result<Contributions> {
    let dy = match Reduced::of(ctx, node)? {
        Some(reduced) => reduced.kept(ctx, dy),
        None => dy.to_owned(),
    };
    Ok(vec![(0, ctx.op("Mul", [dy.as_str(), slope]))])
}

/// What a reduction does to its input's axes.
struct Reduced {
    /// The axes reduced, counted from the front.
    axes: Vec<i64>,
    /// The input's sizes after the batch.
    sizes: Vec<usize>,
}

impl Reduced {
    /// How `node` reduces; `None` if it reduces no axis, and an error if it reduces the batch.
    fn of(ctx: &Context<'_>, node: &Node) -> Result<Option<Self>> {
        let sizes = ctx.sizes(node, input(node, 0)?)?;
        // Axes are an attribute up to opset 17 (ReduceSum: 12), and an input since.
        let axes = match node.ints("axes") {
            Some(axes) => axes.to_vec(),
            None => ctx.constant_ints(node, 1)?.unwrap_or_default(),
        };
        if axes.is_empty() && node.int("noop_with_empty_axes", 0) != 0 {
            return Ok(None);
        }
        let rank = sizes.len() as i64 + 1;
        let axes: Vec<i64> = axes.iter().map(|&axis| if axis < 0 { axis + rank } else { axis }).collect();
        if axes.is_empty() || axes.contains(&0) {
            return Err(refuse(node, "it mixes the pictures of a batch"));
        }
        Ok(Some(Self { axes, sizes }))
    }

    /// `value` of the output's shape with the reduced axes kept as length 1, if they were not.
    fn kept(&self, ctx: &mut Context<'_>, value: &str) -> String {
        let sizes = self.sizes.iter().enumerate();
        let kept = sizes.map(|(index, &size)| if self.axes.contains(&(index as i64 + 1)) { 1 } else { size as i64 });
        let view: Vec<i64> = std::iter::once(-1).chain(kept).collect();
        ctx.reshape(value, &view)
    }
}

/// A constant of `shape` with `value` everywhere.
pub(super) fn filled(ctx: &mut Context<'_>, shape: &[usize], value: f32) -> String {
    let count = shape.iter().product();
    ctx.tensor(format!("backward/filled/{shape:?}/{value:?}"), || Tensor::from_floats(shape, &vec![value; count]))
}
