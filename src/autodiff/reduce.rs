//! Means and sums over axes.

use super::Result;
use super::context::{Context, input, refuse};
use super::rules::Contributions;
use crate::onnx::{Node, Tensor};

/// `y = mean(x)` over axes of `m` elements in all: `dx = dy / m`, repeated over those axes.
pub(super) fn mean(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    repeat(ctx, node, dy, |count| 1.0 / count as f32)
}

/// `y = sum(x)` over axes: `dx = dy`, repeated over those axes.
pub(super) fn sum(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    repeat(ctx, node, dy, |_| 1.0)
}

/// Repeats `dy` over the axes reduced, times a factor of the number of elements reduced to one.
fn repeat(ctx: &mut Context<'_>, node: &Node, dy: &str, factor: impl FnOnce(usize) -> f32) -> Result<Contributions> {
    let x = input(node, 0)?;
    let sizes = ctx.sizes(node, x)?;
    // Axes are an attribute up to opset 17 (ReduceSum: 12), and an input since.
    let axes = match node.ints("axes") {
        Some(axes) => Some(axes.to_vec()),
        None => ctx.constant_ints(node, 1)?.filter(|axes| !axes.is_empty()),
    };
    let Some(axes) = axes else {
        return if node.int("noop_with_empty_axes", 0) != 0 {
            Ok(vec![(0, dy.to_owned())])
        } else {
            Err(refuse(node, "it mixes the pictures of a batch"))
        };
    };
    let rank = sizes.len() as i64 + 1;
    let axes: Vec<usize> = axes.iter().map(|&axis| if axis < 0 { axis + rank } else { axis } as usize).collect();
    if axes.contains(&0) {
        return Err(refuse(node, "it mixes the pictures of a batch"));
    }
    let kept = |axis: usize| if axes.contains(&axis) { 1 } else { sizes[axis - 1] };
    let view: Vec<i64> = std::iter::once(-1).chain((1..=sizes.len()).map(|axis| kept(axis) as i64)).collect();
    let dy = ctx.reshape(dy, &view);
    let repeated = |axis: usize| if axes.contains(&axis) { sizes[axis - 1] } else { 1 };
    let shape: Vec<usize> = std::iter::once(1).chain((1..=sizes.len()).map(repeated)).collect();
    let factor = filled(ctx, &shape, factor(shape.iter().product()));
    Ok(vec![(0, ctx.op("Mul", [dy, factor]))])
}

/// A constant of `shape` with `value` everywhere.
pub(super) fn filled(ctx: &mut Context<'_>, shape: &[usize], value: f32) -> String {
    let count = shape.iter().product();
    ctx.tensor(format!("backward/filled/{shape:?}/{value:?}"), || Tensor::from_floats(shape, &vec![value; count]))
}
