//! Operators that move elements, and change none.

use super::Result;
use super::context::{Context, input, new_node, output, refuse};
use super::rules::Contributions;
use crate::onnx::Node;

/// `y = x`: `dx = dy`.
pub(super) fn pass(dy: &str) -> Contributions {
    vec![(0, dy.to_owned())]
}

/// `y` is `x` under another shape: `dx` is `dy` under the shape of `x`.
pub(super) fn reshape(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let view = ctx.view(node, input(node, 0)?)?;
    Ok(vec![(0, ctx.reshape(dy, &view))])
}

/// `y` has the axes of `x` in another order: `dx` has those of `dy` in the order before.
pub(super) fn transpose(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let rank = ctx.rank(node, input(node, 0)?)?;
    let forward: Vec<i64> = node.ints("perm").map_or_else(|| (0..rank as i64).rev().collect(), <[i64]>::to_vec);
    let mut backward = vec![0; rank];
    for (to, &from) in forward.iter().enumerate() {
        let place = usize::try_from(from).ok().and_then(|from| backward.get_mut(from));
        *place.ok_or_else(|| refuse(node, "its permutation does not fit its input"))? = to as i64;
    }
    Ok(vec![(0, ctx.emit(new_node("Transpose", [dy]).with_ints("perm", backward)))])
}

/// `y = [x0, x1, ...]` along an axis: each `dxi` is the slice of `dy` at its place.
pub(super) fn concat(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let rank = ctx.rank(node, output(node, 0)?)?;
    let axis = inner_axis(node, node.int("axis", 0), rank)?;
    let mut contributions = Vec::new();
    let mut start = 0;
    for index in 0..node.inputs.len() {
        let name = input(node, index)?;
        let size = ctx.sizes(node, name)?.get(axis - 1).copied();
        let end = start + size.ok_or_else(|| refuse(node, format!("`{name}` has no axis {axis}")))? as i64;
        if ctx.wants(node, index) {
            let [first, last, along] = [start, end, axis as i64].map(|value| ctx.ints(&[value]));
            contributions.push((index, ctx.op("Slice", [dy, &first, &last, &along])));
        }
        start = end;
    }
    Ok(contributions)
}

/// `yi` is the part of `x` at its place along an axis: `dx` is `dyi` there, and 0 elsewhere.
pub(super) fn split(ctx: &mut Context<'_>, node: &Node, index: usize, dy: &str) -> Result<Contributions> {
    let x = input(node, 0)?;
    let sizes = ctx.sizes(node, x)?;
    let axis = inner_axis(node, node.int("axis", 0), sizes.len() + 1)?;
    let mut start = 0;
    for earlier in &node.outputs[..index] {
        if earlier.is_empty() {
            return Err(refuse(node, "one of its outputs has no name"));
        }
        start += ctx.sizes(node, earlier)?[axis - 1];
    }
    let size = ctx.sizes(node, output(node, index)?)?[axis - 1];
    let mut pads = vec![0; 2 * (sizes.len() + 1)];
    pads[axis] = start as i64;
    pads[sizes.len() + 1 + axis] = sizes[axis - 1] as i64 - (start + size) as i64;
    Ok(vec![(0, pad_with_zeros(ctx, dy, &pads))])
}

/// `y` is a box cut out of `x`: `dx` is `dy` there, and 0 elsewhere.
pub(super) fn slice(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let sizes = ctx.sizes(node, input(node, 0)?)?;
    let rank = sizes.len() + 1;
    let required = |values: Option<Vec<i64>>| values.ok_or_else(|| refuse(node, "its starts or ends are missing"));
    let starts = required(ctx.constant_ints(node, 1)?)?;
    let ends = required(ctx.constant_ints(node, 2)?)?;
    let listed = ctx.constant_ints(node, 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    if ctx.constant_ints(node, 4)?.is_some_and(|steps| steps.iter().any(|&step| step != 1)) {
        return Err(refuse(node, "its steps are not 1"));
    }
    let mut pads = vec![0; 2 * rank];
    for ((&start, &end), &axis) in starts.iter().zip(&ends).zip(&listed) {
        let axis = inner_axis(node, axis, rank)?;
        let size = sizes[axis - 1] as i64;
        let place = |index: i64| if index < 0 { index.saturating_add(size) } else { index }.clamp(0, size);
        (pads[axis], pads[rank + axis]) = (place(start), size - place(end));
    }
    Ok(vec![(0, pad_with_zeros(ctx, dy, &pads))])
}

/// `y` is `x` with a constant border (cut where negative): `dx` is `dy` without it, which is padding by the negative.
pub(super) fn pad(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    if node.string("mode", "constant") != "constant" {
        return Err(refuse(node, "its border is not constant"));
    }
    let rank = ctx.rank(node, input(node, 0)?)?;
    let given = ctx.constant_ints(node, 1)?.ok_or_else(|| refuse(node, "its pads are missing"))?;
    let listed = ctx.constant_ints(node, 3)?.unwrap_or_else(|| (0..rank as i64).collect());
    if given.len() != 2 * listed.len() {
        return Err(refuse(node, "its pads do not fit its axes"));
    }
    let mut pads = vec![0; 2 * rank];
    for (index, &axis) in listed.iter().enumerate() {
        let (before, after) = (given[index], given[listed.len() + index]);
        if before != 0 || after != 0 {
            let axis = inner_axis(node, axis, rank)?;
            (pads[axis], pads[rank + axis]) = (-before, -after);
        }
    }
    Ok(vec![(0, pad_with_zeros(ctx, dy, &pads))])
}

fn pad_with_zeros(ctx: &mut Context<'_>, value: &str, pads: &[i64]) -> String {
    let pads = ctx.ints(pads);
    ctx.op("Pad", [value, &pads])
}

/// `axis` counted from the front; an error for the batch axis, which must stay as it is.
fn inner_axis(node: &Node, axis: i64, rank: usize) -> Result<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    match usize::try_from(counted) {
        Ok(axis) if (1..rank).contains(&axis) => Ok(axis),
        _ => Err(refuse(node, "it changes the batch axis")),
    }
}
