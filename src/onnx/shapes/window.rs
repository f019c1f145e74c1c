//! Convolutions and pools: windows that slide over the axes after batch and channels.

use super::{Inference, open};
use crate::onnx::{Dim, Node, Result, Shape};

/// `x` `[N, C, ...]` with kernels `[M, C/g, k...]` gives `[N, M, ...]`.
pub(super) fn conv(inference: &Inference<'_>, node: &Node) -> Result<Option<Shape>> {
    let (Some(x), Some(kernels)) = (inference.shape(node, 0), inference.shape(node, 1)) else { return Ok(None) };
    let kernel: Option<Vec<usize>> = kernels.iter().skip(2).map(Dim::size).collect();
    let (Some(kernel), Some(filters)) = (kernel, kernels.first()) else { return Ok(None) };
    if x.len() != kernels.len() || x.len() < 3 {
        return Err(node.error("its kernels do not have as many dimensions as its input"));
    }
    if let (Some(channels), Some(per_group)) = (x[1].size(), kernels[1].size())
        && channels != per_group.saturating_mul(node.int("group", 1).max(1) as usize)
    {
        return Err(node.error(format!("its kernels do not fit the {channels} channels of its input")));
    }
    let mut shape = vec![x[0].clone(), filters.clone()];
    shape.extend(slide(node, &x[2..], &kernel)?);
    Ok(Some(shape))
}

/// `x` `[N, C, ...]` gives `[N, C, ...]`.
pub(super) fn pool(inference: &Inference<'_>, node: &Node) -> Result<Option<Shape>> {
    let Some(x) = inference.shape(node, 0) else { return Ok(None) };
    let kernel: Vec<usize> = node.ints("kernel_shape").unwrap_or_default().iter().map(|&k| k.max(0) as usize).collect();
    if x.len() != kernel.len() + 2 {
        return Err(node.error("its kernel_shape does not fit its input"));
    }
    let mut shape = x[..2].to_vec();
    shape.extend(slide(node, &x[2..], &kernel)?);
    Ok(Some(shape))
}

/// `x` `[N, C, ...]` gives `[N, C, 1, ...]`.
pub(super) fn global(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let x = inference.shape(node, 0)?;
    Some(x.iter().enumerate().map(|(axis, dim)| if axis < 2 { dim.clone() } else { Dim::Size(1) }).collect())
}

/// `x` `[N, C, ...]` with kernels `[C, M/g, k...]` gives `[N, M, ...]`.
pub(super) fn conv_transpose(inference: &Inference<'_>, node: &Node) -> Option<Shape> {
    let (x, kernels) = (inference.shape(node, 0)?, inference.shape(node, 1)?);
    let filters = kernels.get(1)?.size()? * node.int("group", 1).max(1) as usize;
    let mut shape = vec![x.first()?.clone(), Dim::Size(filters)];
    let spatial = x.len().checked_sub(2)?;
    for axis in 0..spatial {
        let attribute = |name, default| node.ints(name).and_then(|v| v.get(axis)).copied().unwrap_or(default);
        let (input, kernel) = (x[axis + 2].size()? as i64, kernels.get(axis + 2)?.size()? as i64);
        let stride = attribute("strides", 1);
        let same = node.string("auto_pad", "NOTSET").starts_with("SAME");
        let pads =
            node.ints("pads").map_or(0, |pads| pads.get(axis).unwrap_or(&0) + pads.get(axis + spatial).unwrap_or(&0));
        let reach =
            stride * (input - 1) + attribute("output_padding", 0) + (kernel - 1) * attribute("dilations", 1) + 1;
        let length = match node.ints("output_shape").and_then(|lengths| lengths.get(axis)) {
            Some(length) => *length,
            // Padding only takes away, so kernels shorter than the stride do not reach that far.
            None if same => (input * stride).min(reach),
            None => reach - pads,
        };
        shape.push(Dim::Size(usize::try_from(length).ok()?));
    }
    Some(shape)
}

/// The lengths after a window of `kernel` slid over `input`.
fn slide(node: &Node, input: &[Dim], kernel: &[usize]) -> Result<Vec<Dim>> {
    let spatial = kernel.len();
    (0..spatial)
        .map(|axis| match &input[axis] {
            Dim::Size(length) => positions(node, axis, spatial, *length, kernel[axis]).map(Dim::Size),
            Dim::Symbol(_) => Ok(open(node, axis + 2)),
        })
        .collect()
}

/// How many places a window of `kernel` has on `length` elements of `axis`.
fn positions(node: &Node, axis: usize, spatial: usize, length: usize, kernel: usize) -> Result<usize> {
    let attribute = |name, default| {
        let value = node.ints(name).and_then(|values| values.get(axis)).copied().unwrap_or(default);
        usize::try_from(value).map_err(|_| node.error(format!("its {name} are negative")))
    };
    let (stride, dilation) = (attribute("strides", 1)?, attribute("dilations", 1)?);
    if stride == 0 || kernel == 0 {
        return Err(node.error("its kernel or its strides are 0"));
    }
    let pads = node.ints("pads").unwrap_or_default();
    let pad = |index: usize| pads.get(index).copied().unwrap_or(0);
    let reach = (dilation.saturating_mul(kernel - 1) + 1) as i64;
    match node.string("auto_pad", "NOTSET") {
        "SAME_UPPER" | "SAME_LOWER" => Ok(length.div_ceil(stride)),
        auto_pad => {
            let (before, after) = if auto_pad == "VALID" { (0, 0) } else { (pad(axis), pad(axis + spatial)) };
            let room = length as i64 + before + after - reach;
            let room = usize::try_from(room).map_err(|_| node.error("its window is larger than its input"))?;
            Ok(places(room, stride, node.int("ceil_mode", 0) != 0, length as i64 + before))
        }
    }
}

/// With `ceil`, a last window may reach beyond the end, but it must begin before `end`, the input's end.
fn places(room: usize, stride: usize, ceil: bool, end: i64) -> usize {
    let places = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
    if ceil && ((places - 1) * stride) as i64 >= end { places - 1 } else { places }
}
