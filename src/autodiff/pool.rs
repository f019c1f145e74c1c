//! Pooling.
//!
//! Where several elements of a max-pool's window are the largest, the first in row-major order takes the whole
//! gradient, as in PyTorch and as ONNX Runtime's `Indices` say.

use super::Result;
use super::context::{Context, input, new_node, output, refuse};
use super::maxima;
use super::reduce::{filled, spread};
use super::rules::Contributions;
use super::window::{Axis, Window};
use crate::onnx::{Attribute, Node, Tensor};

/// `y = max` over each window of `x`: the first maximum of each window gets the window's `dy`, and overlapping windows add up.
///
/// Windows that lie side by side go by a mask, [`tiled_max`]; all others by scattering, [`scattered_max`]. Measured with ONNX Runtime
/// 1.31 for 2x2 windows on `[1, 64, 224, 224]` between two convolutions, two threads, in all (best of 15; one cotangent, then three), when
/// masks were made by comparing with `Equal`: 30 and 60 ms; scattering took 39 and 78, `MaxUnpool` 46 and 63, comparing upsampled indices
/// 38 and 68. Comparing a `[1, 64, 112, 2, 112, 2]` view, with no upsampling, took 65 ms more.
pub(super) fn max(ctx: &mut Context<'_>, node: &Node, output: usize, dy: &str) -> Result<Contributions> {
    if output != 0 {
        return Ok(Vec::new());
    }
    let window = Window::of(ctx, node, &kernel_shape(node)?)?;
    let dx = if window.tiles() { tiled_max(ctx, node, &window, dy)? } else { scattered_max(ctx, node, dy)? };
    Ok(vec![(0, dx)])
}

/// `y = max` over each feature map: the first maximum of the map gets its `dy`.
pub(super) fn global_max(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let (x, y) = (input(node, 0)?, output(node, 0)?);
    let &[_, height, width] = ctx.sizes(node, x)?.as_slice() else {
        return Err(refuse(node, "only feature maps with two spatial axes have a gradient here"));
    };
    let mask = maxima::first_of_map(ctx, x, y, [height, width]);
    Ok(vec![(0, ctx.op("Mul", [dy, &mask]))])
}

/// The VJP where windows lie side by side.
///
/// The mask is that of the forward pass whatever the cotangents, so those of any batch share it.
fn tiled_max(ctx: &mut Context<'_>, node: &Node, window: &Window, dy: &str) -> Result<String> {
    let (x, y) = (input(node, 0)?, output(node, 0)?);
    let kernel = [window.rows.kernel, window.columns.kernel];
    let mask = maxima::first_of_tiles(ctx, node, window)?;
    let route = Route { x: x.to_owned(), y: y.to_owned(), dy: dy.to_owned(), mask, kernel };
    let dx = route.follow(ctx, dy);
    ctx.remember_route(&dx, route);
    Ok(dx)
}

/// How a cotangent goes back through a max-pool whose windows lie side by side.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// What is pooled.
    pub(super) x: String,
    /// The maxima.
    pub(super) y: String,
    /// The cotangent of `y`.
    pub(super) dy: String,
    /// 1 for the first maximum of each window, 0 for the others.
    mask: String,
    kernel: [usize; 2],
}

impl Route {
    /// `dy`, of the shape of `y`, at the place of each maximum.
    pub(super) fn follow(&self, ctx: &mut Context<'_>, dy: &str) -> String {
        let dy = upsample(ctx, dy, self.kernel);
        ctx.op("Mul", [self.mask.as_str(), &dy])
    }
}

/// `value` with each element repeated over a tile of `kernel`.
pub(super) fn upsample(ctx: &mut Context<'_>, value: &str, kernel: [usize; 2]) -> String {
    let scales = ctx.tensor(format!("backward/scales/{kernel:?}"), || {
        Tensor::from_floats(&[4], &[1.0, 1.0, kernel[0] as f32, kernel[1] as f32])
    });
    let text = |value: &str| Attribute::String(value.to_owned());
    let resize = new_node("Resize", [value, "", &scales])
        .with("mode", text("nearest"))
        .with("coordinate_transformation_mode", text("asymmetric"))
        .with("nearest_mode", text("floor"));
    ctx.emit(resize)
}

/// The VJP for windows of any kind: `dy` is added into zeros at the places that the pool's second output names.
///
/// That output counts through the whole batch; the remainder by `C * H * W` counts through one picture's `x`.
fn scattered_max(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<String> {
    if node.int("storage_order", 0) != 0 {
        return Err(refuse(node, "its indices are column-major (storage_order)"));
    }
    let x = input(node, 0)?;
    let size: usize = ctx.sizes(node, x)?.iter().product();
    let pooled: usize = ctx.sizes(node, output(node, 0)?)?.iter().product();
    let view = ctx.view(node, x)?;

    let indices = ctx.further_output(node, 1)?;
    let size_scalar = ctx.tensor(format!("backward/int/{size}"), || int_scalar(size));
    let indices = ctx.op("Mod", [indices, size_scalar]);
    let indices = ctx.reshape(&indices, &[-1, pooled as i64]);
    let dy = ctx.reshape(dy, &[-1, pooled as i64]);
    let shape = ctx.op("Shape", [dy.as_str()]);
    let indices = ctx.op("Expand", [indices, shape]);

    let batch = ctx.emit(new_node("Shape", [dy.as_str()]).with_int("start", 0).with_int("end", 1));
    let row = ctx.ints(&[size as i64]);
    let shape = ctx.emit(new_node("Concat", [batch, row]).with_int("axis", 0));
    let zero = ctx.unfolded_scalar(0.0);
    let zeros = ctx.op("Expand", [zero, shape]);
    let scatter = new_node("ScatterElements", [zeros, indices, dy])
        .with_int("axis", 1)
        .with("reduction", Attribute::String("add".to_owned()));
    let dx = ctx.emit(scatter);
    Ok(ctx.reshape(&dx, &view))
}

/// An int64 scalar, which [`Tensor::from_ints`] cannot make: it makes lists.
fn int_scalar(value: usize) -> Tensor {
    let list = Tensor::from_ints(&[value as i64]);
    list.reshaped(Vec::new()).unwrap_or(list)
}

/// `y = mean` over each window of `x`: each element gets `dy / count` of every window it is in.
///
/// The counts differ between windows where padding does not count.
pub(super) fn average(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let kernel = kernel_shape(node)?;
    let window = Window::of(ctx, node, &kernel)?;
    let (x, y) = (input(node, 0)?, output(node, 0)?);
    let counts = reciprocal_counts(ctx, node, &window);
    let dy = ctx.op("Mul", [dy, &counts]);
    if window.tiles() {
        return Ok(vec![(0, upsample(ctx, &dy, [window.rows.kernel, window.columns.kernel]))]);
    }
    // All channels alike: as further pictures of one channel they need one small kernel of ones.
    let (mut single, view) = (ctx.view(node, y)?, ctx.view(node, x)?);
    single[1] = 1;
    let dy = ctx.reshape(&dy, &single);
    let ones = filled(ctx, &[1, 1, kernel[0], kernel[1]], 1.0);
    let dx = match window.mirrored_pads() {
        Some(pads) => {
            let dilations = [window.rows, window.columns].map(|axis| axis.dilation as i64);
            new_node("Conv", [dy, ones]).with_ints("pads", pads).with_ints("dilations", dilations)
        }
        None => window.transposed(new_node("ConvTranspose", [dy, ones])),
    };
    let dx = ctx.emit(dx);
    Ok(vec![(0, ctx.reshape(&dx, &view))])
}

/// The constant `[1, 1, H', W']` of one over each window's number of elements.
fn reciprocal_counts(ctx: &mut Context<'_>, node: &Node, window: &Window) -> String {
    let include = node.int("count_include_pad", 0) != 0;
    // The counts at the border depend on the input's size too, which may differ where the output's is the same.
    let sizes = [window.rows.input, window.columns.input];
    let name = format!("{}/reciprocal_counts_of_{sizes:?}", node.outputs.first().map_or("", String::as_str));
    ctx.tensor(name, || {
        let counts = |axis: Axis, after: usize| -> Vec<usize> {
            (0..axis.output).map(|index| axis.elements(index, include.then_some(after))).collect()
        };
        let (rows, columns) = (counts(window.rows, window.after[0]), counts(window.columns, window.after[1]));
        let values: Vec<f32> =
            rows.iter().flat_map(|row| columns.iter().map(move |column| 1.0 / (row * column) as f32)).collect();
        Tensor::from_floats(&[1, 1, rows.len(), columns.len()], &values)
    })
}

/// `y = mean` over each feature map `[H, W]`: `dx = dy / (H * W)`.
pub(super) fn global_average(ctx: &mut Context<'_>, node: &Node, dy: &str) -> Result<Contributions> {
    let sizes = ctx.sizes(node, input(node, 0)?)?;
    let spatial = sizes.get(1..).unwrap_or_default();
    let shape: Vec<usize> = [1, 1].iter().chain(spatial).copied().collect();
    let factor = 1.0 / spatial.iter().product::<usize>() as f32;
    Ok(vec![(0, spread(ctx, dy, &shape, factor))])
}

fn kernel_shape(node: &Node) -> Result<Vec<usize>> {
    let kernel = node.ints("kernel_shape").ok_or_else(|| refuse(node, "it has no kernel_shape"))?;
    Ok(kernel.iter().map(|&side| side.max(0) as usize).collect())
}
