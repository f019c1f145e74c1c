//! Convolution.

use super::Result;
use super::context::{Context, input, new_node, refuse};
use super::phases;
use super::rules::Contributions;
use super::window::Window;
use crate::onnx::{Node, Tensor};

/// `y = W * x + b`, `x` `[n, C, H, W]`, `W` `[M, C/g, kh, kw]`, `y` `[n, M, H', W']`: `dx` correlates `dy` with the kernels transposed.
///
/// With stride 1 and constant kernels that is itself a convolution, with the kernels flipped and their channels exchanged
/// (`[C, M/g, kh, kw]`) and padding `dilation * (k - 1) - pad`. On the CPU that is 1.2 to 1.5 times as fast as a
/// `ConvTranspose`, which stays for all other cases and reads `W` as it lies. Few channels `C` are computed in [`phases`] before either.
pub(super) fn conv(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    if ctx.wants(node, 1) || ctx.wants(node, 2) {
        return Err(refuse(node, "its kernels or its bias depend on the input"));
    }
    let kernel = input(node, 1)?;
    let window = Window::of(ctx, node, &kernel_size(ctx, node)?)?;
    let group = node.int("group", 1).max(1);

    let constant = ctx.constant(kernel).cloned();
    if let Some(kernels) = constant.as_ref().filter(|_| group == 1)
        && let Some(dx) = phases::conv(ctx, kernel, kernels, &window, dy)?
    {
        return Ok(vec![(0, dx)]);
    }
    let dx = match (window.mirrored_pads(), constant) {
        (Some(pads), Some(tensor)) => {
            let transposed = transposed_kernels(ctx, kernel, &tensor, group as usize)?;
            let axes = [window.rows, window.columns];
            new_node("Conv", [dy, &transposed])
                .with_int("group", group)
                .with_ints("kernel_shape", axes.map(|axis| axis.kernel as i64))
                .with_ints("dilations", axes.map(|axis| axis.dilation as i64))
                .with_ints("pads", pads)
        }
        _ => window.transposed(new_node("ConvTranspose", [dy, kernel]).with_int("group", group)),
    };
    Ok(vec![(0, ctx.emit(dx))])
}

/// `y` scatters `x` `[n, C, H, W]` by `W` `[C, M/g, kh, kw]` into `[n, M, H', W']`: `dx` is `dy` convolved with `W`, of the same stride and padding.
pub(super) fn conv_transpose(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    if ctx.wants(node, 1) || ctx.wants(node, 2) {
        return Err(refuse(node, "its kernels or its bias depend on the input"));
    }
    let kernel = input(node, 1)?;
    let window = Window::of_transposed(ctx, node, &kernel_size(ctx, node)?)?;
    let pads = window.exact_pads().ok_or_else(|| refuse(node, "its output goes on beyond its kernels"))?;
    let axes = [window.rows, window.columns];
    let dx = new_node("Conv", [dy, kernel])
        .with_int("group", node.int("group", 1).max(1))
        .with_ints("kernel_shape", axes.map(|axis| axis.kernel as i64))
        .with_ints("strides", axes.map(|axis| axis.stride as i64))
        .with_ints("dilations", axes.map(|axis| axis.dilation as i64))
        .with_ints("pads", pads);
    Ok(vec![(0, ctx.emit(dx))])
}

/// The kernels' size, `[kh, kw]`.
fn kernel_size(ctx: &Context<'_>, node: &Node) -> Result<Vec<usize>> {
    let dims = ctx.dims(node, input(node, 1)?)?;
    let size = dims.iter().skip(2).copied().collect::<Option<Vec<_>>>();
    size.ok_or_else(|| refuse(node, "the size of its kernels is not known"))
}

/// The constant `[C, M/g, kh, kw]` of the kernels flipped and with input and output channels exchanged in each group.
///
/// Its name depends only on the kernels' name, so that all gradient graphs of a model can share it.
fn transposed_kernels(ctx: &mut Context<'_>, name: &str, kernels: &Tensor, group: usize) -> Result<String> {
    let values = kernels.floats()?;
    let &[out_channels, in_channels, height, width] = kernels.shape() else {
        return Err(super::Error::Graph(crate::onnx::Error::Invalid(format!("`{name}` does not hold kernels"))));
    };
    let transposed = || {
        let (out_channels, area) = (out_channels / group, height * width);
        let mut transposed = Vec::with_capacity(values.len());
        for group in 0..group {
            for input in 0..in_channels {
                for output in 0..out_channels {
                    let kernel = ((group * out_channels + output) * in_channels + input) * area;
                    transposed.extend(values[kernel..kernel + area].iter().rev());
                }
            }
        }
        Tensor::from_floats(&[in_channels * group, out_channels, height, width], &transposed)
    };
    let suffix = if group == 1 { String::new() } else { format!("_{group}_groups") };
    Ok(ctx.tensor(format!("{name}/transposed{suffix}"), transposed))
}
