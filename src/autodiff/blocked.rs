//! Elementwise sums and products as convolutions of 1x1.
//!
//! ONNX Runtime runs convolutions in a layout of its own, blocks of channels side by side (`NCHWc`), and copies values to and from it for
//! operators that it cannot run there. Those copies take longer than the elementwise operators of a backward pass: a convolution in
//! their place needs none.

use super::context::{Context, new_node};
use super::reduce::filled;
use crate::onnx::Node;

/// Channels come in blocks of 16 with AVX-512, and of 8 otherwise.
pub(super) const BLOCK: usize = 16;

/// The number of channels of `value` of `node`, if it can be in blocks: feature maps of a known number of channels that fills them.
///
/// Whether it is in blocks is ONNX Runtime's choice. Where it is not, beside no convolution or on processors without that layout, the
/// convolutions here give the same values and take up to twice as long as plain operators.
pub(super) fn channels(ctx: &Context<'_>, node: &Node, value: &str) -> Option<usize> {
    match *ctx.dims(node, value).ok()? {
        [_, Some(channels), _, _] if channels > 0 && channels.is_multiple_of(BLOCK) => Some(channels),
        _ => None,
    }
}

/// `factor * value + offset`, for `value` of so many `channels`.
pub(super) fn scale(ctx: &mut Context<'_>, value: &str, channels: usize, factor: f32, offset: f32) -> String {
    let weights = filled(ctx, &[channels, 1, 1, 1], factor);
    let mut inputs = vec![value.to_owned(), weights];
    if offset != 0.0 {
        inputs.push(filled(ctx, &[channels], offset));
    }
    ctx.emit(new_node("Conv", inputs).with_ints("kernel_shape", [1, 1]).with_int("group", channels as i64))
}

/// `factor * value` in each of so many `channels`, for `value` of one channel.
pub(super) fn spread(ctx: &mut Context<'_>, value: &str, channels: usize, factor: f32) -> String {
    let weights = filled(ctx, &[channels, 1, 1, 1], factor);
    ctx.emit(new_node("Conv", [value.to_owned(), weights]).with_ints("kernel_shape", [1, 1]))
}
