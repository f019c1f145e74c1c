//! Operators that pick elements along axes: boxes, lists of places, and borders.

use super::Result;
use super::along::Along;
use super::context::{Context, input, output, refuse};
use super::layout::{inner_axis, pad_with_zeros};
use super::rules::Contributions;
use crate::onnx::Node;

/// `y` is `x` at constant places along an axis: `dx` is the sum of `dy` at each place, and 0 where none is.
pub(super) fn gather(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let (x, indices) = (input(node, 0)?, input(node, 1)?);
    let mut sizes = ctx.sizes(node, x)?;
    let axis = inner_axis(node, node.int("axis", 0), sizes.len() + 1)?;
    let length = sizes[axis - 1];
    let given = ctx.constant_ints(node, 1)?.ok_or_else(|| refuse(node, format!("`{indices}` is missing")))?;
    let count = |index: i64| (if index < 0 { index + length as i64 } else { index }).max(0) as usize;
    let places: Vec<usize> = given.into_iter().map(count).collect();
    // Indices of any shape, none or several axes included, count as a list here.
    sizes[axis - 1] = places.len();
    let view: Vec<i64> = std::iter::once(-1).chain(sizes.iter().map(|&size| size as i64)).collect();
    let dy = ctx.reshape(dy, &view);
    Ok(vec![(0, Along { node, axis, length }.pick(ctx, &dy, &mut sizes, &places)?)])
}

/// `y` is a box cut out of `x`, in steps: `dx` is `dy` in the box, and 0 elsewhere.
pub(super) fn slice(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let before = ctx.sizes(node, input(node, 0)?)?;
    let mut sizes = ctx.sizes(node, output(node, 0)?)?;
    let rank = sizes.len() + 1;
    let required = |values: Option<Vec<i64>>| values.ok_or_else(|| refuse(node, "its starts or ends are missing"));
    let starts = required(ctx.constant_ints(node, 1)?)?;
    let ends = required(ctx.constant_ints(node, 2)?)?;
    let axes = ctx.constant_ints(node, 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = ctx.constant_ints(node, 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    let mut dx = dy.to_owned();
    for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let all = start == 0 && end >= i64::from(i32::MAX) && step == 1;
        if all && (axis == 0 || axis == -(rank as i64)) {
            continue;
        }
        let axis = inner_axis(node, axis, rank)?;
        let length = before[axis - 1];
        let places = places(start, end, step, length).ok_or_else(|| refuse(node, "its step is 0"))?;
        dx = Along { node, axis, length }.pick(ctx, &dx, &mut sizes, &places)?;
    }
    Ok(vec![(0, dx)])
}

/// The elements of an axis of `length` that a slice takes; `None` if it takes no step.
fn places(start: i64, end: i64, step: i64, length: usize) -> Option<Vec<usize>> {
    let length = length as i64;
    let place = |index: i64, low: i64, high: i64| {
        (if index < 0 { index.saturating_add(length) } else { index }).clamp(low, high)
    };
    let stride = usize::try_from(step.unsigned_abs()).ok().filter(|&stride| stride > 0)?;
    let to_usize = |index: i64| index as usize;
    Some(if step > 0 {
        (place(start, 0, length)..place(end, 0, length)).step_by(stride).map(to_usize).collect()
    } else {
        // `end` itself is not taken; before the first element it is -1.
        (place(end, -1, length - 1) + 1..=place(start, 0, length - 1)).rev().step_by(stride).map(to_usize).collect()
    })
}

/// `y` is `x` with a border, cut where negative: `dx` is `dy` within the border, plus the border's where it repeats elements.
pub(super) fn pad(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let before = ctx.sizes(node, input(node, 0)?)?;
    let mut sizes = ctx.sizes(node, output(node, 0)?)?;
    let rank = sizes.len() + 1;
    let given = ctx.constant_ints(node, 1)?.ok_or_else(|| refuse(node, "its pads are missing"))?;
    let listed = ctx.constant_ints(node, 3)?.unwrap_or_else(|| (0..rank as i64).collect());
    if given.len() != 2 * listed.len() {
        return Err(refuse(node, "its pads do not fit its axes"));
    }
    let mode = node.string("mode", "constant");
    let mut cut = vec![0; 2 * rank];
    let mut dx = dy.to_owned();
    for (index, &axis) in listed.iter().enumerate() {
        let (start, end) = (given[index], given[listed.len() + index]);
        if start == 0 && end == 0 {
            continue;
        }
        let axis = inner_axis(node, axis, rank)?;
        if mode == "constant" {
            (cut[axis], cut[rank + axis]) = (-start, -end);
            continue;
        }
        let length = before[axis - 1];
        let places = (-start..length as i64 + end).map(|index| mirrored(node, mode, index, length as i64));
        let places: Vec<usize> = places.collect::<Result<_>>()?;
        dx = Along { node, axis, length }.pick(ctx, &dx, &mut sizes, &places)?;
    }
    if cut.iter().any(|&pad| pad != 0) {
        dx = pad_with_zeros(ctx, &dx, &cut);
    }
    Ok(vec![(0, dx)])
}

/// The element that a border of `mode` shows at `index`, counted from the first of `length`.
fn mirrored(node: &Node, mode: &str, index: i64, length: i64) -> Result<usize> {
    let shown = match mode {
        "edge" => index.clamp(0, length - 1),
        "wrap" => index.rem_euclid(length),
        "reflect" if length > 1 => {
            let period = 2 * (length - 1);
            let index = index.rem_euclid(period);
            index.min(period - index)
        }
        "reflect" => 0,
        other => return Err(refuse(node, format!("its mode `{other}` is not known"))),
    };
    Ok(shown as usize)
}
