//! Normalization: with constant statistics, with those of the value itself, and by neighbouring channels.

use super::Result;
use super::context::{Context, input, new_node, output, refuse};
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

/// `z = (x - mean) / deviation` over axes and `y = scale * z + bias`: with `dz = dy * scale`,
/// `dx = (dz - mean(dz) - z * mean(dz * z)) / deviation`.
pub(super) fn layer(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    check_parameters(ctx, node)?;
    let (x, scale) = (input(node, 0)?, input(node, 1)?);
    let sizes = ctx.sizes(node, x)?;
    let (axis, rank) = (node.int("axis", -1), sizes.len() as i64 + 1);
    let axis = if axis < 0 { axis + rank } else { axis };
    if !(1..rank).contains(&axis) {
        return Err(refuse(node, "it mixes the pictures of a batch"));
    }
    let (mean, inverse) = (ctx.further_output(node, 1)?, ctx.further_output(node, 2)?);
    let centred = ctx.op("Sub", [x, &mean]);
    let z = ctx.op("Mul", [&centred, &inverse]);
    let dz = ctx.op("Mul", [dy, scale]);
    let together = Together::along(axis as usize..=sizes.len(), &sizes);
    Ok(vec![(0, together.carry(ctx, &dz, &z, &inverse))])
}

/// `y = scale * z + bias` with `z` each feature map's `(x - mean) / deviation`: `dx` is as a `LayerNormalization`'s.
pub(super) fn instance(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    check_parameters(ctx, node)?;
    let x = input(node, 0)?;
    let sizes = ctx.sizes(node, x)?;
    let together = Together::along(2..=sizes.len(), &sizes);
    let (z, inverse) = together.standardize(ctx, node, x);
    let dz = scaled_by_channel(ctx, node, dy, sizes.len() + 1)?;
    Ok(vec![(0, together.carry(ctx, &dz, &z, &inverse))])
}

/// As `InstanceNormalization`, but over all channels of a group: `dx` is as a `LayerNormalization`'s.
///
/// Operator set 18 has a scale for each group, 21 one for each channel.
pub(super) fn group(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    check_parameters(ctx, node)?;
    let x = input(node, 0)?;
    let sizes = ctx.sizes(node, x)?;
    let groups = usize::try_from(node.int("num_groups", 1)).unwrap_or_default();
    let channels = *sizes.first().ok_or_else(|| refuse(node, "its input has no channels"))?;
    if groups == 0 || channels % groups != 0 {
        return Err(refuse(node, "its groups do not fit its channels"));
    }
    let size = sizes.iter().product::<usize>() / groups;
    let view = [-1, groups as i64, size as i64];
    let scale_length = ctx.dims(node, input(node, 1)?)?;
    let dz = if scale_length == [Some(channels)] {
        let dz = scaled_by_channel(ctx, node, dy, sizes.len() + 1)?;
        ctx.reshape(&dz, &view)
    } else {
        let dy = ctx.reshape(dy, &view);
        scaled_by_channel(ctx, node, &dy, view.len())?
    };
    let grouped = ctx.reshape(x, &view);
    let together = Together::along([2], &[groups, size]);
    let (z, inverse) = together.standardize(ctx, node, &grouped);
    let dx = together.carry(ctx, &dz, &z, &inverse);
    let view = ctx.view(node, x)?;
    Ok(vec![(0, ctx.reshape(&dx, &view))])
}

fn check_parameters(ctx: &Context<'_>, node: &Node) -> Result<()> {
    if ctx.wants(node, 1) || ctx.wants(node, 2) {
        return Err(refuse(node, "its scale or its bias depend on the input"));
    }
    Ok(())
}

/// `dy`, of `rank` axes, times the scale of each channel (axis 1).
fn scaled_by_channel(ctx: &mut Context<'_>, node: &Node, dy: &str, rank: usize) -> Result<String> {
    let shape: Vec<i64> = (0..rank).map(|axis| if axis == 1 { -1 } else { 1 }).collect();
    let scale = ctx.reshape(input(node, 1)?, &shape);
    Ok(ctx.op("Mul", [dy, &scale]))
}

/// Elements that are standardized together: all along some axes.
struct Together {
    axes: Vec<i64>,
    /// One over how many they are.
    share: f32,
}

impl Together {
    /// The elements along `axes` of a value that has `sizes` after its batch.
    fn along(axes: impl IntoIterator<Item = usize>, sizes: &[usize]) -> Self {
        let axes: Vec<usize> = axes.into_iter().collect();
        let count: usize = axes.iter().map(|axis| sizes[axis - 1]).product();
        Self { axes: axes.into_iter().map(|axis| axis as i64).collect(), share: 1.0 / count as f32 }
    }

    fn mean(&self, ctx: &mut Context<'_>, value: &str) -> String {
        let share = ctx.scalar(self.share);
        let sum = ctx.sum_over(value, &self.axes);
        ctx.op("Mul", [sum, share])
    }

    /// `z = (x - mean) / deviation` and `1 / deviation`, with the epsilon of `node`.
    fn standardize(&self, ctx: &mut Context<'_>, node: &Node, x: &str) -> (String, String) {
        let mean = self.mean(ctx, x);
        let centred = ctx.op("Sub", [x, &mean]);
        let square = ctx.op("Mul", [centred.as_str(), &centred]);
        let variance = self.mean(ctx, &square);
        let epsilon = ctx.scalar(node.float("epsilon", 1e-5));
        let variance = ctx.op("Add", [variance, epsilon]);
        let deviation = ctx.op("Sqrt", [variance]);
        let inverse = ctx.op("Reciprocal", [deviation]);
        (ctx.op("Mul", [&centred, &inverse]), inverse)
    }

    /// `dx = (dz - mean(dz) - z * mean(dz * z)) / deviation`, with `inverse` for `1 / deviation`.
    fn carry(&self, ctx: &mut Context<'_>, dz: &str, z: &str, inverse: &str) -> String {
        let mean = self.mean(ctx, dz);
        let along = ctx.op("Mul", [dz, z]);
        let along = self.mean(ctx, &along);
        let along = ctx.op("Mul", [z, &along]);
        let rest = ctx.op("Sub", [dz, &mean]);
        let rest = ctx.op("Sub", [rest, along]);
        ctx.op("Mul", [rest.as_str(), inverse])
    }
}

/// `y = x * s^-beta` with `s = bias + alpha * mean(x^2)` over the `size` channels around each:
/// `dx = dy * s^-beta - 2 alpha beta * x * mean(dy * x * s^(-beta - 1))`, over the channels that each is around.
pub(super) fn local_response(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let x = input(node, 0)?;
    let (alpha, beta, bias) = (node.float("alpha", 1e-4), node.float("beta", 0.75), node.float("bias", 1.0));
    let size = node.int("size", 0);
    if size < 1 {
        return Err(refuse(node, "it has no size"));
    }
    let (before, after) = ((size - 1) / 2, size / 2);

    let square = ctx.op("Mul", [x, x]);
    let mean = mean_of_channels(ctx, node, &square, [before, after])?;
    let (slope, bias) = (ctx.scalar(alpha), ctx.scalar(bias));
    let mean = ctx.op("Mul", [mean, slope]);
    let s = ctx.op("Add", [mean, bias]);
    let exponent = ctx.scalar(-beta);
    let power = ctx.op("Pow", [s.as_str(), &exponent]);

    let direct = ctx.op("Mul", [dy, &power]);
    let through = ctx.op("Mul", [direct.as_str(), x]);
    let through = ctx.op("Div", [through, s]);
    let through = mean_of_channels(ctx, node, &through, [after, before])?;
    let factor = ctx.scalar(2.0 * alpha * beta);
    let through = ctx.op("Mul", [through, factor]);
    let through = ctx.op("Mul", [x, &through]);
    Ok(vec![(0, ctx.op("Sub", [direct, through]))])
}

/// The mean over each channel's neighbours, as many before and after it as said, counting those that do not exist as 0.
fn mean_of_channels(ctx: &mut Context<'_>, node: &Node, value: &str, [before, after]: [i64; 2]) -> Result<String> {
    let x = input(node, 0)?;
    let sizes = ctx.sizes(node, x)?;
    let channels = *sizes.first().ok_or_else(|| refuse(node, "its input has no channels"))?;
    let area: usize = sizes[1..].iter().product();
    // A pool slides over spatial axes, so the channels have to be one.
    let column = ctx.reshape(value, &[-1, 1, channels as i64, area as i64]);
    let pool = new_node("AveragePool", [column])
        .with_ints("kernel_shape", [before + 1 + after, 1])
        .with_ints("strides", [1, 1])
        .with_ints("pads", [before, 0, after, 0])
        .with_int("count_include_pad", 1);
    let mean = ctx.emit(pool);
    let view = ctx.view(node, x)?;
    Ok(ctx.reshape(&mean, &view))
}
