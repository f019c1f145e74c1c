//! Which element of a max-pool's window is the first of its largest, as a mask of 1 and 0.
//!
//! `x - y`, with `y` upsampled, is 0 for the largest elements of each window and negative for all others. A further [`STEP`] for each
//! position in the window leaves one largest, which the pool finds again. Elements whose difference is less than a few [`STEP`]s count as
//! equal or nearly so, and a window must have a finite maximum: infinities besides may only be negative.

use super::Result;
use super::blocked;
use super::context::{Context, input, new_node, output};
use super::pool::upsample;
use super::window::Window;
use crate::onnx::{Attribute, Node, Tensor};

/// How much each position in a window counts less than the one before: 2^-100, too little to outweigh any difference that matters.
const STEP: f32 = f32::from_bits((127 - 100) << 23);

/// The mask of a max-pool whose windows lie side by side.
///
/// Its blocked form is the same sums, each written so that ONNX Runtime computes it in its layout for convolutions. Measured with
/// ONNX Runtime 1.31, two threads, in a saliency of full VGG16: with the rectifiers' masks in that layout, too, all that is neither a
/// convolution nor a dense layer takes 17 ms of 330 instead of 31.
pub(super) fn first_of_tiles(ctx: &mut Context<'_>, node: &Node, window: &Window) -> Result<String> {
    let (x, y) = (input(node, 0)?, output(node, 0)?);
    let kernel = [window.rows.kernel, window.columns.kernel];
    let positions = positions(ctx, kernel, [window.rows.input, window.columns.input]);
    let sides = kernel.map(|side| side as i64);
    let pool =
        |ranked: &str| new_node("MaxPool", [ranked]).with_ints("kernel_shape", sides).with_ints("strides", sides);

    let Some(channels) = blocked::channels(ctx, node, x) else {
        let largest = upsample(ctx, y, kernel);
        let ranked = ranked(ctx, x, &largest, &positions);
        let first = ctx.emit(pool(&ranked));
        let first = upsample(ctx, &first, kernel);
        return Ok(equal(ctx, &ranked, &first));
    };
    let negative = blocked::scale(ctx, y, channels, -1.0, 0.0);
    let negative = upsample(ctx, &negative, kernel);
    let below = ctx.op("Add", [x, &negative]);
    let one = ctx.unfolded_scalar(1.0);
    let positions = ctx.op("Mul", [positions, one]);
    let positions = blocked::spread(ctx, &positions, channels, -1.0);
    let ranked = ctx.op("Add", [positions, below]);
    let first = ctx.emit(pool(&ranked));
    let first = blocked::scale(ctx, &first, channels, -1.0 / STEP, 1.0);
    let first = upsample(ctx, &first, kernel);
    let ranked = blocked::scale(ctx, &ranked, channels, 1.0 / STEP, 0.0);
    let sum = ctx.op("Add", [ranked, first]);
    Ok(ctx.op("Relu", [sum]))
}

/// The mask of a max-pool over whole feature maps of `size`.
pub(super) fn first_of_map(ctx: &mut Context<'_>, x: &str, y: &str, size: [usize; 2]) -> String {
    let positions = positions(ctx, size, size);
    let ranked = ranked(ctx, x, y, &positions);
    let first = ctx.op("GlobalMaxPool", [ranked.as_str()]);
    equal(ctx, &ranked, &first)
}

/// `x - largest`, less what its position in the window takes.
fn ranked(ctx: &mut Context<'_>, x: &str, largest: &str, positions: &str) -> String {
    let below = ctx.op("Sub", [x, largest]);
    ctx.op("Sub", [below.as_str(), positions])
}

/// 1 where `ranked` is the `first` of its window, 0 where it is at least [`STEP`] less.
fn equal(ctx: &mut Context<'_>, ranked: &str, first: &str) -> String {
    let behind = ctx.op("Sub", [first, ranked]);
    let step = new_node("HardSigmoid", [behind])
        .with("alpha", Attribute::Float(-1.0 / STEP))
        .with("beta", Attribute::Float(1.0));
    ctx.emit(step)
}

/// The constant `[1, 1, H, W]` of each element's place in its tile of `kernel`, in row-major order, in [`STEP`]s.
fn positions(ctx: &mut Context<'_>, kernel: [usize; 2], size: [usize; 2]) -> String {
    let ([kernel_height, kernel_width], [height, width]) = (kernel, size);
    ctx.tensor(format!("backward/positions/{kernel:?}/{size:?}"), || {
        let position = |row: usize, column: usize| (row % kernel_height) * kernel_width + column % kernel_width;
        let steps = |row: usize, column: usize| position(row, column) as f32 * STEP;
        let values: Vec<f32> = (0..height).flat_map(|row| (0..width).map(move |column| steps(row, column))).collect();
        Tensor::from_floats(&[1, 1, height, width], &values)
    })
}
