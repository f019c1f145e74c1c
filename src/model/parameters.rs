//! A layer's parameters as numbers.

use ndarray::{ArrayD, IxDyn};

use super::Model;
use crate::{
    error::{Error, Result},
    onnx::{self, Layer, LayerKind, Tensor},
};

/// A parameter of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter<'m> {
    /// Keras' name: `kernel`, `bias`, `gamma`, ...
    pub name: &'static str,
    tensor: &'m Tensor,
    axes: Axes,
}

/// How ONNX's axes become Keras'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axes {
    /// They are the same.
    Same,
    /// [a, b, H, W] becomes [H, W, b, a].
    ChannelsLast,
    /// [groups * multiplier, 1, H, W] becomes [H, W, groups, multiplier].
    Depthwise { groups: usize },
    /// A dense layer's kernel becomes [in, out].
    Dense {
        /// Whether it is [out, in].
        transposed: bool,
        /// The channels, height and width of the feature maps that were flattened before the layer, whose rows then go by
        /// height, width and channel instead of channel, height and width.
        flattened: Option<[usize; 3]>,
    },
}

impl Parameter<'_> {
    /// Shows each number to `visit`, in ONNX's order, without a copy of them all.
    pub fn visit(&self, visit: impl FnMut(f32)) -> Result<()> {
        self.tensor.visit_floats(visit).map_err(|error| self.unreadable(&error))
    }

    /// The lengths of the axes in ONNX's order: [out, in, H, W] for a convolution's kernel.
    pub fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    /// The lengths of the axes in Keras' order.
    pub fn keras_shape(&self) -> Vec<usize> {
        match (self.axes, self.shape()) {
            (Axes::ChannelsLast, &[a, b, height, width]) => vec![height, width, b, a],
            (Axes::Depthwise { groups }, &[filters, _, height, width]) => {
                vec![height, width, groups, filters / groups]
            }
            (Axes::Dense { transposed: true, .. }, &[outputs, inputs]) => vec![inputs, outputs],
            (_, shape) => shape.to_vec(),
        }
    }

    /// The numbers in ONNX's order: [out, in, H, W] for a convolution's kernel.
    pub fn values(&self) -> Result<ArrayD<f32>> {
        let numbers = self.tensor.floats().map_err(|error| self.unreadable(&error))?;
        ArrayD::from_shape_vec(IxDyn(self.shape()), numbers).map_err(|error| self.unreadable(&error))
    }

    /// The numbers in Keras' order.
    ///
    /// A kernel is [H, W, in, out] for a convolution, [H, W, in, multiplier] for a depthwise one, [H, W, out, in] for a
    /// transposed one, and [in, out] for a dense layer. Keras flattens feature maps with the channels last, ONNX with the
    /// channels first: the rows of a dense layer right after a `Flatten` are put into Keras' order too.
    pub fn in_keras_order(&self) -> Result<ArrayD<f32>> {
        let values = self.values()?;
        // Numbers that lie in order keep their place; others are copied once.
        let reshaped = |values: ArrayD<f32>, shape: &[usize]| {
            let values = if values.is_standard_layout() { values } else { values.as_standard_layout().into_owned() };
            values.into_shape_with_order(shape).map_err(|error| self.unreadable(&error))
        };
        Ok(match self.axes {
            Axes::Same | Axes::Dense { transposed: false, flattened: None } => values,
            Axes::ChannelsLast => values.permuted_axes(&[2, 3, 1, 0][..]),
            Axes::Depthwise { groups } => {
                let shape = [groups, self.shape()[0] / groups, self.shape()[2], self.shape()[3]];
                reshaped(values, &shape)?.permuted_axes(&[2, 3, 0, 1][..])
            }
            Axes::Dense { transposed: true, flattened: None } => values.reversed_axes(),
            Axes::Dense { transposed: true, flattened: Some([channels, height, width]) } => {
                let maps = reshaped(values, &[self.shape()[0], channels, height, width])?;
                reshaped(maps.permuted_axes(&[2, 3, 1, 0][..]), &self.keras_shape())?
            }
            Axes::Dense { transposed: false, flattened: Some([channels, height, width]) } => {
                let maps = reshaped(values, &[channels, height, width, self.shape()[1]])?;
                reshaped(maps.permuted_axes(&[1, 2, 0, 3][..]), &self.keras_shape())?
            }
        })
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> Error {
        Error::internal(format!("a {} cannot be read: {error}", self.name))
    }
}

impl Model {
    /// The parameters of `layer`, one of this model's; none for a layer that has learnt nothing.
    pub fn parameters(&self, layer: &Layer) -> Vec<Parameter<'_>> {
        let held = |(name, tensor): &(&'static str, String)| {
            let tensor = self.programs.graph().initializers.get(tensor)?;
            let axes = if *name == "kernel" { self.kernel_axes(layer, tensor) } else { Axes::Same };
            Some(Parameter { name, tensor, axes })
        };
        layer.parameters.iter().filter_map(held).collect()
    }

    fn kernel_axes(&self, layer: &Layer, kernel: &Tensor) -> Axes {
        match (&layer.kind, kernel.shape().len()) {
            (LayerKind::DepthwiseConv2D, 4) => Axes::Depthwise { groups: layer.node.int("group", 1).max(1) as usize },
            (kind, 4) if kind.is_convolution() => Axes::ChannelsLast,
            (LayerKind::Dense, 2) => {
                let transposed = has_rows_of_outputs(layer);
                let inputs = kernel.shape()[usize::from(transposed)];
                let flattened =
                    onnx::flattened_before(layer, &self.layers, self.programs.graph(), self.programs.shapes());
                let flattened = flattened.filter(|maps| maps.iter().product::<usize>() == inputs);
                Axes::Dense { transposed, flattened }
            }
            _ => Axes::Same,
        }
    }

    /// The filters of `layer`, [out, in, H, W], or [out, in / groups, H, W] where its channels are convolved in groups.
    ///
    /// A layer that does not convolve is a 422 that names those that do.
    pub fn filters(&self, layer: &Layer) -> Result<ArrayD<f32>> {
        let kernel = self.parameters(layer).into_iter().find(|parameter| parameter.name == "kernel");
        match kernel {
            Some(kernel) if layer.kind.is_convolution() && kernel.shape().len() == 4 => {
                let mut values = kernel.values()?;
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

/// Whether a dense layer's kernel is [out, in].
fn has_rows_of_outputs(layer: &Layer) -> bool {
    let is_kernel = |name: &str| layer.parameters.iter().any(|(role, held)| *role == "kernel" && held == name);
    match layer.node.op_type.as_str() {
        "Gemm" => layer.node.int("transB", 0) == 1,
        _ => layer.node.input(0).is_some_and(is_kernel),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(shape: &[usize], axes: Axes) -> ArrayD<f32> {
        let numbers: Vec<f32> = (0..shape.iter().product::<usize>()).map(|value| value as f32).collect();
        let tensor = Tensor::from_floats(shape, &numbers);
        let parameter = Parameter { name: "kernel", tensor: &tensor, axes };
        let values = parameter.in_keras_order().unwrap();
        assert_eq!(values.shape(), parameter.keras_shape());
        values
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
        assert_eq!(parameter(&[2, 3], Axes::Dense { transposed: true, flattened: None }).shape(), [3, 2]);
        assert_eq!(parameter(&[2, 3], Axes::Dense { transposed: false, flattened: None }).shape(), [2, 3]);
        assert_eq!(parameter(&[2, 3], Axes::Same).shape(), [2, 3]);
    }

    #[test]
    fn rows_after_a_flattening_go_by_height_width_and_channel() {
        let flattened = Some([2, 3, 4]);
        let kernel = parameter(&[5, 24], Axes::Dense { transposed: true, flattened });
        // The row of the second channel at row 1, column 2.
        assert_eq!(kernel[[(4 + 2) * 2 + 1, 3]] as usize, 3 * 24 + 12 + 4 + 2);
        let kernel = parameter(&[24, 5], Axes::Dense { transposed: false, flattened });
        assert_eq!(kernel[[(4 + 2) * 2 + 1, 3]] as usize, (12 + 4 + 2) * 5 + 3);
    }
}
