//! The way back through a convolution of few channels, such as the first one, of a picture's three.
//!
//! ONNX Runtime computes the channels that a convolution makes in blocks of 16. Where 3 would fill one of them badly, the convolution
//! makes squares of 2x2 neighbours at once, as 12 channels, which `DepthToSpace` puts in their places: sub-pixel convolution (Shi et al.
//! 2016, "Real-Time Single Image and Video Super-Resolution"). For VGG16's first layer, two threads, that is 2.5 ms instead of 4.1.

use super::Result;
use super::blocked::BLOCK;
use super::context::{Context, new_node};
use super::window::{Axis, Window};
use crate::onnx::{Attribute, Tensor};

/// The VJP of a convolution of `[n, C, H, W]` with the constant `kernels` `[M, C, kh, kw]`; `None` where squares do not pay or do not
/// come out even.
pub(super) fn conv(
    ctx: &mut Context<'_>,
    name: &str,
    kernels: &Tensor,
    window: &Window,
    dy: &str,
) -> Result<Option<String>> {
    let &[outputs, inputs, ..] = kernels.shape() else { return Ok(None) };
    let side = BLOCK.checked_div(inputs).map_or(0, usize::isqrt);
    if side < 2 || !outputs.is_multiple_of(BLOCK) {
        return Ok(None);
    }
    let (Some(rows), Some(columns)) = (Phases::of(&window.rows, side), Phases::of(&window.columns, side)) else {
        return Ok(None);
    };
    let values = kernels.floats()?;
    let of = |axis: &Phases| (axis.taps, axis.before, axis.padding, axis.forward_stride);
    let weights = ctx.tensor(format!("{name}/{side}_phases/{:?}/{:?}", of(&rows), of(&columns)), || {
        let shape = [side * side * inputs, outputs, rows.taps, columns.taps];
        let mut weights = Vec::with_capacity(shape.iter().product());
        for channel in 0..shape[0] {
            let (phase, input) = (channel / inputs, channel % inputs);
            for output in 0..outputs {
                let kernel = &values[(output * inputs + input) * rows.kernel * columns.kernel..];
                for (down, right) in (0..rows.taps).flat_map(|down| (0..columns.taps).map(move |right| (down, right))) {
                    let element = rows.element(phase / side, down).zip(columns.element(phase % side, right));
                    weights.push(element.map_or(0.0, |(row, column)| kernel[row * columns.kernel + column]));
                }
            }
        }
        Tensor::from_floats(&shape, &weights)
    });
    let phases = new_node("Conv", [dy, &weights])
        .with_ints("kernel_shape", [rows.taps as i64, columns.taps as i64])
        .with_ints("strides", [rows.stride as i64, columns.stride as i64])
        .with_ints("pads", [rows.before, columns.before, rows.after, columns.after]);
    let phases = ctx.emit(phases);
    let squares = new_node("DepthToSpace", [phases])
        .with_int("blocksize", side as i64)
        .with("mode", Attribute::String("DCR".to_owned()));
    Ok(Some(ctx.emit(squares)))
}

/// One axis of the convolution from `dy` to squares: tap `t` of square `i` is on element `stride * i + t - before`.
struct Phases {
    taps: usize,
    stride: usize,
    before: i64,
    after: i64,
    kernel: usize,
    /// The padding before the first element, and the stride, of the convolution forward.
    padding: i64,
    forward_stride: i64,
}

impl Phases {
    /// `None` where the squares would not cover the input exactly, or the convolution would have to cut `dy`.
    fn of(axis: &Axis, side: usize) -> Option<Self> {
        if axis.dilation != 1 || !side.is_multiple_of(axis.stride) || !axis.input.is_multiple_of(side) {
            return None;
        }
        let (kernel, padding, forward_stride) = (axis.kernel as i64, axis.before as i64, axis.stride as i64);
        // Place `p` of square `i` is reached from element `stride * i + u` by the kernel's element `p + padding - forward_stride * u`.
        let before = (kernel - 1 - padding).div_euclid(forward_stride);
        let taps = (side as i64 - 1 + padding) / forward_stride + before + 1;
        let stride = side / axis.stride;
        let reach = (axis.input / side - 1) * stride;
        let after = reach as i64 + taps - axis.output as i64 - before;
        let taps = usize::try_from(taps).ok()?;
        let phases = Self { taps, stride, before, after, kernel: axis.kernel, padding, forward_stride };
        (before >= 0 && after >= 0).then_some(phases)
    }

    /// The element of the kernel that connects place `phase` of a square with tap `tap`.
    fn element(&self, phase: usize, tap: usize) -> Option<usize> {
        let element = phase as i64 + self.padding - self.forward_stride * (tap as i64 - self.before);
        usize::try_from(element).ok().filter(|&element| element < self.kernel)
    }
}
