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
    let window = Window::of(node, axis, spatial, length, kernel)?;
    if node.string("auto_pad", "NOTSET").starts_with("SAME") {
        return Ok(length.div_ceil(window.stride));
    }
    let places = if node.int("ceil_mode", 0) == 0 { window.places() } else { window.places_up() };
    places.ok_or_else(|| node.error("its window is larger than its input"))
}

/// A window that slides over one axis, with padding that the node states.
pub(super) struct Window {
    /// The axis' elements.
    length: usize,
    /// From a window's first element to its last, both counted.
    reach: usize,
    stride: usize,
    before: i64,
    /// Padding after the last element.
    pub after: i64,
}

impl Window {
    /// The window of `kernel` on `length` elements of the `axis` of `node`, one of `spatial`.
    pub fn of(node: &Node, axis: usize, spatial: usize, length: usize, kernel: usize) -> Result<Self> {
        let attribute = |name, default| {
            let value = node.ints(name).and_then(|values| values.get(axis)).copied().unwrap_or(default);
            usize::try_from(value).map_err(|_| node.error(format!("its {name} are negative")))
        };
        let (stride, dilation) = (attribute("strides", 1)?, attribute("dilations", 1)?);
        if stride == 0 || kernel == 0 {
            return Err(node.error("its kernel or its strides are 0"));
        }
        let pads = node.ints("pads").filter(|_| node.string("auto_pad", "NOTSET") != "VALID").unwrap_or_default();
        let pad = |index: usize| pads.get(index).copied().unwrap_or(0);
        let reach = dilation.saturating_mul(kernel - 1).saturating_add(1);
        Ok(Self { length, reach, stride, before: pad(axis), after: pad(axis + spatial) })
    }

    /// How many places there are; `None` where not even one window fits.
    pub fn places(&self) -> Option<usize> {
        Some(self.room()? / self.stride + 1)
    }

    /// How many there are by `ceil_mode`: a last window may reach beyond the end, but it must begin before the input's end.
    pub fn places_up(&self) -> Option<usize> {
        let last = self.room()?.div_ceil(self.stride);
        let begins_beyond = (last * self.stride) as i64 >= self.length as i64 + self.before;
        Some(if begins_beyond { last } else { last + 1 })
    }

    /// How many the shape inference of ONNX takes for those by `ceil_mode`, up to operator set 21.
    pub fn places_up_in_onnx(&self) -> Option<usize> {
        Some(self.room()?.div_ceil(self.stride) + 1)
    }

    /// The padding after the last element with which there are as many `places` as by `ceil_mode`.
    pub fn after_for(&self, places: usize) -> i64 {
        let end = ((places.max(1) - 1) * self.stride + self.reach) as i64;
        self.after.max(end - self.before - self.length as i64)
    }

    /// How far the first window can be moved.
    fn room(&self) -> Option<usize> {
        usize::try_from(self.length as i64 + self.before + self.after - self.reach as i64).ok()
    }
}
