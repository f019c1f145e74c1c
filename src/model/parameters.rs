//! A layer's parameters as numbers.

use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::Model;
use crate::{
    error::{Error, Result},
    onnx::{Layer, LayerKind, Node},
};

/// A parameter of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Keras' name: `kernel`, `bias`, `gamma`, ...
    pub name: &'static str,
    /// The numbers with their axes in ONNX's order: [out, in, H, W] for a convolution's kernel.
    pub values: ArrayD<f32>,
    axes: Axes,
}

/// How ONNX's axes become Keras'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axes {
    /// They are the same.
    Same,
    /// [a, b] becomes [b, a].
    Transposed,
    /// [a, b, H, W] becomes [H, W, b, a].
    ChannelsLast,
    /// [groups * multiplier, 1, H, W] becomes [H, W, groups, multiplier].
    Depthwise { groups: usize },
}

impl Parameter {
    /// The numbers with their axes in Keras' order.
    ///
    /// A kernel is [H, W, in, out] for a convolution, [H, W, in, multiplier] for a depthwise one, [H, W, out, in] for a
    /// transposed one, and [in, out] for a dense layer. The rows of the first dense layer after a `Flatten` stay in the order
    /// in which ONNX flattens feature maps, channels first, which is not Keras' own.
    pub fn in_keras_order(&self) -> Result<ArrayD<f32>> {
        let values = self.values.view();
        Ok(match self.axes {
            Axes::Same => values.into_owned(),
            Axes::Transposed => values.reversed_axes().as_standard_layout().into_owned(),
            Axes::ChannelsLast => permuted(values, [2, 3, 1, 0]),
            Axes::Depthwise { groups } => {
                let shape = values.shape();
                let split = [groups, shape[0] / groups, shape[2], shape[3]];
                let split = values.to_shape(split.as_slice()).map_err(|error| Error::internal(error.to_string()))?;
                permuted(split.view(), [2, 3, 0, 1])
            }
        })
    }
}

impl Model {
    /// The parameters of `layer`, one of this model's; none for a layer that has learnt nothing.
    pub fn parameters(&self, layer: &Layer) -> Result<Vec<Parameter>> {
        let held = |(name, tensor): &(&'static str, String)| {
            let tensor = self.programs.graph().initializers.get(tensor)?;
            Some((*name, tensor))
        };
        let read = |(name, tensor): (&'static str, &crate::onnx::Tensor)| {
            let internal = |error: String| Error::internal(format!("the {name} of `{}`: {error}", layer.name));
            let numbers = tensor.floats().map_err(|error| internal(error.to_string()))?;
            let values =
                ArrayD::from_shape_vec(IxDyn(tensor.shape()), numbers).map_err(|error| internal(error.to_string()))?;
            let axes = if name == "kernel" { kernel_axes(layer, values.ndim()) } else { Axes::Same };
            Ok(Parameter { name, values, axes })
        };
        layer.parameters.iter().filter_map(held).map(read).collect()
    }

    /// The filters of `layer`, [out, in, H, W], or [out, in / groups, H, W] where its channels are convolved in groups.
    ///
    /// A layer that does not convolve is a 422 that names those that do.
    pub fn filters(&self, layer: &Layer) -> Result<ArrayD<f32>> {
        let kernel = self.parameters(layer)?.into_iter().find(|parameter| parameter.name == "kernel");
        match kernel {
            Some(kernel) if layer.kind.is_convolution() && kernel.values.ndim() == 4 => {
                let mut values = kernel.values;
                if layer.kind == LayerKind::Conv2DTranspose {
                    values.swap_axes(0, 1);
                }
                Ok(values)
            }
            _ => {
                let convolutions = self.layers.iter().filter(|layer| layer.kind.is_convolution());
                let message = format!(
                    "layer `{}` has no filters; use one of {}",
                    layer.name,
                    super::quoted(convolutions.map(|layer| layer.name.as_str()))
                );
                Err(Error::unprocessable("unsuitable_layer", message))
            }
        }
    }
}

fn kernel_axes(layer: &Layer, dimensions: usize) -> Axes {
    match (&layer.kind, dimensions) {
        (LayerKind::DepthwiseConv2D, 4) => Axes::Depthwise { groups: layer.node.int("group", 1).max(1) as usize },
        (kind, 4) if kind.is_convolution() => Axes::ChannelsLast,
        (LayerKind::Dense, 2) if has_rows_of_outputs(&layer.node, layer) => Axes::Transposed,
        _ => Axes::Same,
    }
}

/// Whether a dense layer's kernel is [out, in].
fn has_rows_of_outputs(node: &Node, layer: &Layer) -> bool {
    let is_kernel = |name: &str| layer.parameters.iter().any(|(role, held)| *role == "kernel" && held == name);
    match node.op_type.as_str() {
        "Gemm" => node.int("transB", 0) == 1,
        _ => node.input(0).is_some_and(is_kernel),
    }
}

fn permuted(values: ArrayViewD<'_, f32>, axes: [usize; 4]) -> ArrayD<f32> {
    values.permuted_axes(axes.as_slice()).as_standard_layout().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(shape: &[usize], axes: Axes) -> ArrayD<f32> {
        let count = shape.iter().product::<usize>();
        let values = ArrayD::from_shape_vec(IxDyn(shape), (0..count).map(|value| value as f32).collect()).unwrap();
        Parameter { name: "kernel", values, axes }.in_keras_order().unwrap()
    }

    #[test]
    fn kernels_get_keras_axes() {
        let conv = parameter(&[4, 3, 2, 5], Axes::ChannelsLast);
        assert_eq!(conv.shape(), [2, 5, 3, 4]);
        assert_eq!(conv[[1, 2, 0, 3]] as usize, 3 * 30 + 5 + 2);
        let depthwise = parameter(&[6, 1, 2, 2], Axes::Depthwise { groups: 3 });
        assert_eq!(depthwise.shape(), [2, 2, 3, 2]);
        // The second filter of the third channel is the sixth of all.
        assert_eq!(depthwise[[0, 1, 2, 1]] as usize, 5 * 4 + 1);
        assert_eq!(parameter(&[2, 3], Axes::Transposed).shape(), [3, 2]);
        assert_eq!(parameter(&[2, 3], Axes::Same).shape(), [2, 3]);
    }
}
