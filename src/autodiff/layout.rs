//! Operators that move elements, and change none.

use super::Result;
use super::context::{Context, input, new_node, output, refuse};
use super::rules::Contributions;
use crate::onnx::{Attribute, Node};

/// `y = x`: `dx = dy`.
pub(super) fn pass(dy: &str) -> Contributions {
    vec![(0, dy.to_owned())]
}

/// `y` is `x` under another shape: `dx` is `dy` under the shape of `x`.
pub(super) fn reshape(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let x = input(node, 0)?;
    let view = ctx.view(node, x)?;
    let batch = |dims: Vec<Option<usize>>| dims.first().copied().flatten();
    let kept = batch(ctx.dims(node, x)?) == batch(ctx.dims(node, output(node, 0)?)?);
    if !kept {
        return Err(refuse(node, "it does not keep the batch as the first axis"));
    }
    Ok(vec![(0, ctx.reshape(dy, &view))])
}

/// `y` has the axes of `x` in another order: `dx` has the axes of `dy` in the order before.
pub(super) fn transpose(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let rank = ctx.rank(node, input(node, 0)?)?;
    let forward: Vec<i64> = node.ints("perm").map_or_else(|| (0..rank as i64).rev().collect(), <[i64]>::to_vec);
    if forward.first() != Some(&0) {
        return Err(refuse(node, "it does not keep the batch as the first axis"));
    }
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

/// `yi` is the part of `x` at its place along an axis: `dx` is `dyi` at its place, and 0 elsewhere.
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

/// `y` is `x` repeated side by side along axes: `dx` is the sum of `dy` over the repetitions.
pub(super) fn tile(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let x = input(node, 0)?;
    let sizes = ctx.sizes(node, x)?;
    let repeats = ctx.constant_ints(node, 1)?.ok_or_else(|| refuse(node, "its repeats are missing"))?;
    if repeats.len() != sizes.len() + 1 || repeats[0] != 1 {
        return Err(refuse(node, "it repeats the pictures of a batch"));
    }
    // Each axis becomes two: which repetition, and where in it.
    let split: Vec<i64> = repeats[1..].iter().zip(&sizes).flat_map(|(&count, &size)| [count, size as i64]).collect();
    let split: Vec<i64> = std::iter::once(-1).chain(split).collect();
    let repetitions: Vec<i64> = (0..sizes.len() as i64).map(|axis| 2 * axis + 1).collect();
    let dy = ctx.reshape(dy, &split);
    let sum = ctx.sum_over(&dy, &repetitions);
    let view = ctx.view(node, x)?;
    Ok(vec![(0, ctx.reshape(&sum, &view))])
}

/// `y` `[N, C / b^2, H * b, W * b]` has the channels of `x` as blocks `b` wide: `dx` has the blocks of `dy` as channels.
pub(super) fn depth_to_space(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let block = node.int("blocksize", 0);
    if node.string("mode", "DCR") == "DCR" {
        return Ok(vec![(0, ctx.emit(new_node("SpaceToDepth", [dy]).with_int("blocksize", block)))]);
    }
    let x = input(node, 0)?;
    let &[channels, height, width] = ctx.sizes(node, x)?.as_slice() else {
        return Err(refuse(node, "its input is not feature maps"));
    };
    let channels = channels as i64 / (block * block).max(1);
    let split = ctx.reshape(dy, &[-1, channels, height as i64, block, width as i64, block]);
    let moved = ctx.emit(new_node("Transpose", [split]).with_ints("perm", [0, 1, 3, 5, 2, 4]));
    let view = ctx.view(node, x)?;
    Ok(vec![(0, ctx.reshape(&moved, &view))])
}

/// `y` `[N, C * b^2, H / b, W / b]` has the blocks of `x` as channels: `dx` has the channels of `dy` as blocks.
pub(super) fn space_to_depth(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Contributions {
    let block = node.int("blocksize", 0);
    let dx =
        new_node("DepthToSpace", [dy]).with_int("blocksize", block).with("mode", Attribute::String("DCR".to_owned()));
    vec![(0, ctx.emit(dx))]
}

/// `value` with zeros before and after each axis; negative numbers cut.
pub(super) fn pad_with_zeros(ctx: &mut Context<'_>, value: &str, pads: &[i64]) -> String {
    let pads = ctx.ints(pads);
    ctx.op("Pad", [value, &pads])
}

/// `axis` counted from the front; an error for the batch axis, which must stay as it is.
pub(super) fn inner_axis(node: &Node, axis: i64, rank: usize) -> Result<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    match usize::try_from(counted) {
        Ok(axis) if (1..rank).contains(&axis) => Ok(axis),
        _ => Err(refuse(node, "it changes the batch axis")),
    }
}
