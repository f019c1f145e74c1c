//! Normalization with constant statistics.

use super::Result;
use super::context::{Context, input, output, refuse};
use super::rules::Contributions;
use crate::onnx::{Node, Tensor};

/// `y = scale * (x - mean) / sqrt(var + epsilon) + bias` for each channel: `dx = dy * scale / sqrt(var + epsilon)`.
pub(super) fn batch(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    if node.int("training_mode", 0) != 0 {
        return Err(refuse(node, "it is in training mode; export the model for inference"));
    }
    let missing = || refuse(node, "its scale or its variance is missing");
    let scale = ctx.constant_floats(node, 1)?.ok_or_else(missing)?;
    let variance = ctx.constant_floats(node, 4)?.ok_or_else(missing)?;
    let rank = ctx.rank(node, input(node, 0)?)?;
    if scale.len() != variance.len() || rank < 2 {
        return Err(refuse(node, "its statistics do not fit each other"));
    }
    let epsilon = node.float("epsilon", 1e-5);
    let name = format!("{}/slope", output(node, 0)?);
    let slope = ctx.tensor(name, || {
        let slopes: Vec<f32> =
            scale.iter().zip(&variance).map(|(scale, variance)| scale / (variance + epsilon).sqrt()).collect();
        let mut shape = vec![1; rank];
        shape[1] = slopes.len();
        Tensor::from_floats(&shape, &slopes)
    });
    Ok(vec![(0, ctx.op("Mul", [dy, &slope]))])
}
