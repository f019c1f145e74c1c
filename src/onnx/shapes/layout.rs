//! Operators that move elements or change axes.

use std::ops::Range;

use super::{Inference, arithmetic::broadcast_two, axis, elements::Element, open};
use crate::onnx::{Dim, Node, Result, Shape};

/// The axes that a `Shape` node tells of.
pub(super) fn shape_range(node: &Node, rank: usize) -> Range<usize> {
    let place = |index: i64| (if index < 0 { index + rank as i64 } else { index }).clamp(0, rank as i64) as usize;
    let (start, end) = (place(node.int("start", 0)), place(node.int("end", rank as i64)));
    start..end.max(start)
}

/// The axes of `node`, an attribute before opset 13 or 18, input `index` since; `None` when they are not known.
fn axes(inference: &Inference<'_>, node: &Node, index: usize, rank: usize) -> Option<Vec<usize>> {
    let given = match node.ints("axes") {
        Some(axes) => axes.to_vec(),
        None => inference.integers(node, index)?,
    };
    given.into_iter().map(|given| axis(given, rank)).collect()
}

/// `[a, ..., b, c, ..., d]` becomes `[a * ... * b, c * ... * d]`, cut at the axis.
pub(super) fn flatten(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let x = inference.shape(node, 0)?;
    let cut = node.int("axis", 1);
    let cut = if cut < 0 { cut + x.len() as i64 } else { cut };
    let (before, after) = x.split_at_checked(usize::try_from(cut).ok()?)?;
    Some(vec![product(before).unwrap_or_else(|| open(node, 0)), product(after).unwrap_or_else(|| open(node, 1))])
}

/// The product of lengths; `None` when it is neither a number nor a single symbol.
fn product(dims: &[Dim]) -> Option<Dim> {
    let mut size = 1_usize;
    let mut symbol = None;
    for dim in dims {
        match dim {
            Dim::Size(length) => size = size.checked_mul(*length)?,
            Dim::Symbol(_) if symbol.is_none() => symbol = Some(dim.clone()),
            Dim::Symbol(_) => return None,
        }
    }
    match symbol {
        None => Some(Dim::Size(size)),
        Some(symbol) if size == 1 => Some(symbol),
        Some(_) => None,
    }
}

/// As the second input says; 0 keeps the input's length, and -1 takes what is left.
pub(super) fn reshape(inference: &Inference<'_>, node: &Node) -> Result<Option<Shape>> {
    let (Some(x), Some(target)) = (inference.shape(node, 0), inference.list(node, 1)) else { return Ok(None) };
    let keeps = node.int("allowzero", 0) == 0;
    let mut rest = None;
    let mut shape = Vec::with_capacity(target.len());
    for (index, element) in target.iter().enumerate() {
        shape.push(match element {
            Element::Symbol(symbol) => Dim::Symbol(symbol.clone()),
            Element::Int(0) if keeps => {
                x.get(index).cloned().ok_or_else(|| node.error("it keeps a dimension that its input does not have"))?
            }
            Element::Int(-1) if rest.is_none() => {
                rest = Some(index);
                Dim::Size(1)
            }
            Element::Int(size) => Dim::Size(usize::try_from(*size).map_err(|_| node.error("its shape is negative"))?),
            Element::Float(_) => return Err(node.error("its shape is not of integers")),
        });
    }
    if let Some(index) = rest {
        shape[index] = quotient(node, x, &shape)?.unwrap_or_else(|| open(node, index));
    }
    Ok(Some(shape))
}

/// The product of `whole` divided by that of `part`; `None` when symbols stand in the way.
fn quotient(node: &Node, whole: &[Dim], part: &[Dim]) -> Result<Option<Dim>> {
    let mut left = whole.to_vec();
    let mut divisor = 1_usize;
    for dim in part {
        match dim {
            Dim::Size(size) => divisor = divisor.saturating_mul(*size),
            Dim::Symbol(_) => match left.iter().position(|other| other == dim) {
                Some(index) => drop(left.remove(index)),
                None => return Ok(None),
            },
        }
    }
    let size = left.iter().filter_map(Dim::size).fold(1_usize, usize::saturating_mul);
    let symbols: Vec<&Dim> = left.iter().filter(|dim| dim.size().is_none()).collect();
    match symbols.as_slice() {
        [] if divisor != 0 && size % divisor == 0 => Ok(Some(Dim::Size(size / divisor))),
        [] => Err(node.error(format!("{size} elements do not fit the shape it asks for"))),
        [symbol] if divisor == size => Ok(Some((*symbol).clone())),
        _ => Ok(None),
    }
}

pub(super) fn transpose(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let x = inference.shape(node, 0)?;
    match node.ints("perm") {
        Some(order) => order.iter().map(|&from| x.get(usize::try_from(from).ok()?).cloned()).collect(),
        None => Some(x.iter().rev().cloned().collect()),
    }
}

pub(super) fn concat(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let parts = (0..node.inputs.len()).map(|index| inference.shape(node, index)).collect::<Option<Vec<_>>>()?;
    let mut shape = (*parts.first()?).clone();
    let axis = axis(node.int("axis", 0), shape.len())?;
    let length = parts.iter().map(|part| part.get(axis)?.size()).sum::<Option<usize>>();
    shape[axis] = length.map_or_else(|| open(node, axis), Dim::Size);
    Some(shape)
}

pub(super) fn split(inference: &Inference<'_>, node: &Node) -> Option<Vec<Shape>> {
    let x = inference.shape(node, 0)?;
    let axis = axis(node.int("axis", 0), x.len())?;
    let length = x[axis].size()?;
    let count = node.outputs.len();
    let lengths = match inference.integers(node, 1) {
        Some(lengths) => lengths.into_iter().map(|length| length.max(0) as usize).collect(),
        None => {
            let chunk = length.div_ceil(count.max(1));
            (0..count).map(|index| chunk.min(length.saturating_sub(index * chunk))).collect::<Vec<_>>()
        }
    };
    let part = |length: usize| {
        let mut shape = x.clone();
        shape[axis] = Dim::Size(length);
        shape
    };
    Some(lengths.into_iter().map(part).collect())
}

pub(super) fn squeeze(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let x = inference.shape(node, 0)?;
    let axes = if node.input(1).is_none() && node.ints("axes").is_none() {
        (0..x.len()).filter(|&axis| x[axis] == Dim::Size(1)).collect()
    } else {
        axes(inference, node, 1, x.len())?
    };
    Some(x.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, dim)| dim.clone()).collect())
}

pub(super) fn unsqueeze(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let x = inference.shape(node, 0)?;
    let count = inference.integers(node, 1).map(|axes| axes.len()).or_else(|| Some(node.ints("axes")?.len()))?;
    let rank = x.len() + count;
    let axes = axes(inference, node, 1, rank)?;
    let mut rest = x.iter().cloned();
    (0..rank).map(|axis| if axes.contains(&axis) { Some(Dim::Size(1)) } else { rest.next() }).collect()
}

pub(super) fn pad(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let x = inference.shape(node, 0)?;
    let pads = inference.integers(node, 1)?;
    let axes = axes(inference, node, 3, x.len()).unwrap_or_else(|| (0..x.len()).collect());
    let mut shape = x.clone();
    for (index, &axis) in axes.iter().enumerate() {
        let total = pads.get(index)?.checked_add(*pads.get(index + axes.len())?)?;
        shape[axis] = match x[axis].size() {
            Some(length) => Dim::Size(usize::try_from(total.checked_add(length as i64)?).ok()?),
            None if total == 0 => x[axis].clone(),
            None => open(node, axis),
        };
    }
    Some(shape)
}

/// The first element, how many, and the step of a slice of `length` elements.
fn slice_range(start: i64, end: i64, step: i64, length: usize) -> Option<(i64, usize)> {
    let length = length as i64;
    let place = |index: i64, low: i64, high: i64| {
        (if index < 0 { index.saturating_add(length) } else { index }).clamp(low, high)
    };
    match step {
        0 => None,
        _ if length == 0 => Some((0, 0)),
        1.. => {
            let (start, end) = (place(start, 0, length), place(end, 0, length));
            Some((start, (end - start).max(0).unsigned_abs().div_ceil(step.unsigned_abs()) as usize))
        }
        _ => {
            let (start, end) = (place(start, 0, length - 1), place(end, -1, length - 1));
            Some((start, (start - end).max(0).unsigned_abs().div_ceil(step.unsigned_abs()) as usize))
        }
    }
}

/// What a `Slice` of axes of these `lengths` takes: for each axis cut, the first element, how many, and the step.
///
/// `None` where a number is not known, or the slice is none of these axes.
pub(super) fn slice_ranges(
    inference: &Inference<'_>,
    node: &Node,
    lengths: &[Option<usize>],
) -> Option<Vec<(usize, Cut)>> {
    let (starts, ends) = (inference.integers(node, 1)?, inference.integers(node, 2)?);
    let axes = match node.input(3) {
        Some(_) => axes(inference, node, 3, lengths.len())?,
        None => (0..starts.len()).collect(),
    };
    let steps = inference.integers(node, 4).unwrap_or_else(|| vec![1; starts.len()]);
    let cut = |(index, axis): (usize, usize)| {
        let (start, end, step) = (*starts.get(index)?, *ends.get(index)?, *steps.get(index)?);
        let cut = match *lengths.get(axis)? {
            Some(length) => {
                let (start, count) = slice_range(start, end, step, length)?;
                Cut::Known { start, count, step }
            }
            None if start == 0 && step == 1 && end == i64::MAX => Cut::None,
            None => Cut::Open,
        };
        Some((axis, cut))
    };
    axes.into_iter().enumerate().map(cut).collect()
}

/// What a `Slice` takes of one axis.
pub(super) enum Cut {
    /// `count` elements, from `start` in steps.
    Known { start: i64, count: usize, step: i64 },
    /// All of an axis whose length only a run tells.
    None,
    /// A part of such an axis.
    Open,
}

pub(super) fn slice(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let x = inference.shape(node, 0)?;
    let lengths: Vec<Option<usize>> = x.iter().map(Dim::size).collect();
    let mut shape = x.clone();
    for (axis, cut) in slice_ranges(inference, node, &lengths)? {
        match cut {
            Cut::Known { count, .. } => shape[axis] = Dim::Size(count),
            Cut::None => {}
            Cut::Open => shape[axis] = open(node, axis),
        }
    }
    Some(shape)
}

pub(super) fn gather(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let (data, indices) = (inference.shape(node, 0)?, inference.shape(node, 1)?);
    let axis = axis(node.int("axis", 0), data.len())?;
    Some([&data[..axis], indices, &data[axis + 1..]].concat())
}

/// The indices' shape with the depth as one more axis, by default the last.
pub(super) fn one_hot(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let mut shape = inference.shape(node, 0)?.clone();
    let depth = length(inference.list(node, 1)?.first()?)?;
    shape.insert(axis(node.int("axis", -1), shape.len() + 1)?, depth);
    Some(shape)
}

pub(super) fn expand(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let target: Option<Shape> = inference.list(node, 1)?.iter().map(length).collect();
    Some(broadcast_two(inference.shape(node, 0)?, &target?))
}

/// By its sizes where it has them, else by its scales; of all axes or of those named.
pub(super) fn resize(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let mut shape = inference.shape(node, 0)?.clone();
    let axes = match node.ints("axes") {
        Some(axes) => axes.iter().map(|&named| axis(named, shape.len())).collect::<Option<Vec<_>>>()?,
        None => (0..shape.len()).collect(),
    };
    if node.string("keep_aspect_ratio_policy", "stretch") != "stretch" {
        return None;
    }
    if let Some(sizes) = inference.list(node, 3).filter(|sizes| sizes.len() == axes.len()) {
        for (&axis, size) in axes.iter().zip(sizes) {
            shape[axis] = length(size)?;
        }
        return Some(shape);
    }
    let scales = inference.floats(node, 2).filter(|scales| scales.len() == axes.len())?;
    for (&axis, &scale) in axes.iter().zip(&scales) {
        shape[axis] = match &shape[axis] {
            Dim::Size(length) => Dim::Size((*length as f32 * scale).floor() as usize),
            Dim::Symbol(_) if (scale - 1.0).abs() < f32::EPSILON => continue,
            Dim::Symbol(_) => open(node, axis),
        };
    }
    Some(shape)
}

/// A length that an element of a shape states.
fn length(element: &Element) -> Option<Dim> {
    match element {
        Element::Int(size) => usize::try_from(*size).ok().map(Dim::Size),
        Element::Symbol(symbol) => Some(Dim::Symbol(symbol.clone())),
        Element::Float(_) => None,
    }
}

/// Each length times its number of repetitions.
pub(super) fn tile(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let (x, repeats) = (inference.shape(node, 0)?, inference.integers(node, 1)?);
    let repeated = |(index, (dim, &count)): (usize, (&Dim, &i64))| match dim.size() {
        _ if count == 1 => Some(dim.clone()),
        Some(length) => Some(Dim::Size(length.checked_mul(usize::try_from(count).ok()?)?)),
        None => Some(open(node, index)),
    };
    if x.len() != repeats.len() {
        return None;
    }
    x.iter().zip(&repeats).enumerate().map(repeated).collect()
}

/// `[N, C, H, W]` becomes `[N, C / b^2, H * b, W * b]`.
pub(super) fn depth_to_space(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let [batch, channels, height, width] = inference.shape(node, 0)?.as_slice() else { return None };
    let block = usize::try_from(node.int("blocksize", 0)).ok().filter(|&block| block > 0)?;
    let sizes = [channels.size()? / (block * block), height.size()? * block, width.size()? * block];
    Some([batch.clone()].into_iter().chain(sizes.map(Dim::Size)).collect())
}

/// `[N, C, H, W]` becomes `[N, C * b^2, H / b, W / b]`.
pub(super) fn space_to_depth(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let [batch, channels, height, width] = inference.shape(node, 0)?.as_slice() else { return None };
    let block = usize::try_from(node.int("blocksize", 0)).ok().filter(|&block| block > 0)?;
    let sizes = [channels.size()? * block * block, height.size()? / block, width.size()? / block];
    Some([batch.clone()].into_iter().chain(sizes.map(Dim::Size)).collect())
}

/// Reductions: the axes reduced have length 1, or are gone.
pub(super) fn reduce(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let x = inference.shape(node, 0)?;
    let keeps = node.int("keepdims", 1) != 0;
    let axes = if node.op_type.starts_with("Arg") {
        vec![axis(node.int("axis", 0), x.len())?]
    } else if node.input(1).is_none() && node.ints("axes").is_none() {
        if node.int("noop_with_empty_axes", 0) != 0 {
            return Some(x.clone());
        }
        (0..x.len()).collect()
    } else {
        axes(inference, node, 1, x.len())?
    };
    let kept = |axis: usize| !axes.contains(&axis);
    let dims = x.iter().enumerate();
    Some(
        dims.filter(|(axis, _)| keeps || kept(*axis))
            .map(|(axis, dim)| if kept(axis) { dim.clone() } else { Dim::Size(1) })
            .collect(),
    )
}
