//! What a layer has learnt: statistics, histograms, and the numbers themselves.

use ndarray::ArrayD;
use ndarray_npy::WriteNpyExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{Error, Result, quoted},
    model::{Model, Parameter},
    onnx::Layer,
};

/// How many bins a histogram has.
const BINS: usize = 32;

/// What a layer has learnt.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LayerWeights {
    /// The layer's name.
    #[schema(examples("block1_conv1"))]
    pub layer: String,
    /// Its parameters.
    pub tensors: Vec<Statistics>,
}

/// A parameter in short.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Statistics {
    /// Keras' name: `kernel`, `bias`, `gamma`, `beta`, `moving_mean`, `moving_variance`.
    #[schema(examples("kernel"))]
    pub name: &'static str,
    /// The lengths of the axes, in the order asked for.
    #[schema(example = json!([3, 3, 3, 16]))]
    pub shape: Vec<usize>,
    /// The mean.
    pub mean: f64,
    /// The standard deviation, as `NumPy` computes it (divided by n).
    pub std: f64,
    /// The smallest value.
    pub min: f32,
    /// The largest value.
    pub max: f32,
    /// How the values are spread between `min` and `max`.
    pub histogram: Histogram,
}

/// Counts of values, as `numpy.histogram` gives them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Histogram {
    /// How many values each bin has.
    pub counts: Vec<usize>,
    /// The bins' bounds, one more than there are bins.
    pub edges: Vec<f32>,
}

/// The order of a tensor's axes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AxisOrder {
    /// Keras': [H, W, in, out] for a convolution's kernel, [in, out] for a dense layer's.
    ///
    /// The rows of the first dense layer after a `Flatten` stay in the order of feature maps flattened channels first.
    #[default]
    Keras,
    /// The file's: [out, in, H, W] for a convolution's kernel.
    Onnx,
}

/// Which of a layer's parameters, in which order of axes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Weights {
    /// The parameter: `kernel`, `bias`, `gamma`, `beta`, `moving_mean` or `moving_variance`. By default all; an npy file needs one.
    pub tensor: Option<String>,
    /// The order of the axes.
    #[param(inline)]
    pub order: AxisOrder,
}

impl Weights {
    /// Statistics of the parameters of `layer`.
    ///
    /// A layer without the parameter, or with none at all, is a 422 that names what there is.
    pub fn statistics(&self, model: &Model, layer: &Layer) -> Result<LayerWeights> {
        let parameters = self.chosen(model, layer)?;
        let tensors = parameters.iter().map(|parameter| self.summarise(parameter)).collect::<Result<_>>()?;
        Ok(LayerWeights { layer: layer.name.clone(), tensors })
    }

    /// One parameter of `layer` as a `NumPy` file.
    ///
    /// No `tensor` named, or one that the layer does not have, is a 422.
    pub fn npy(&self, model: &Model, layer: &Layer) -> Result<Vec<u8>> {
        if self.tensor.is_none() {
            let message = "a NumPy file holds one tensor: name it, such as `tensor=kernel`";
            return Err(Error::unprocessable("missing_tensor", message));
        }
        let parameters = self.chosen(model, layer)?;
        let mut file = Vec::new();
        for parameter in &parameters {
            self.ordered(parameter)?.write_npy(&mut file).map_err(|error| Error::internal(error.to_string()))?;
        }
        Ok(file)
    }

    fn chosen(&self, model: &Model, layer: &Layer) -> Result<Vec<Parameter>> {
        let mut parameters = model.parameters(layer)?;
        if parameters.is_empty() {
            let others = model.layers().iter().filter(|layer| !layer.parameters.is_empty());
            let others = quoted(others.map(|layer| layer.name.as_str()));
            let message = format!("layer `{}` has no weights; use one of {others}", layer.name);
            return Err(Error::unprocessable("unsuitable_layer", message));
        }
        let Some(wanted) = &self.tensor else { return Ok(parameters) };
        let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name).collect();
        if !names.contains(&wanted.as_str()) {
            let message = format!("layer `{}` has no tensor `{wanted}`; it has {}", layer.name, quoted(names));
            return Err(Error::unprocessable("unknown_tensor", message));
        }
        parameters.retain(|parameter| parameter.name == wanted);
        Ok(parameters)
    }

    fn ordered(&self, parameter: &Parameter) -> Result<ArrayD<f32>> {
        match self.order {
            AxisOrder::Keras => parameter.in_keras_order(),
            AxisOrder::Onnx => Ok(parameter.values.clone()),
        }
    }

    fn summarise(&self, parameter: &Parameter) -> Result<Statistics> {
        let shape = self.ordered(parameter)?.shape().to_vec();
        let values = &parameter.values;
        let count = values.len().max(1) as f64;
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
        let min = values.iter().copied().fold(f32::INFINITY, f32::min);
        let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let histogram = Histogram::new(values, min, max);
        Ok(Statistics { name: parameter.name, shape, mean, std: variance.sqrt(), min, max, histogram })
    }
}

impl Histogram {
    /// The counts of `values`, which go from `min` to `max`; equal values all fall into the first bin.
    fn new(values: &ArrayD<f32>, min: f32, max: f32) -> Self {
        let mut counts = vec![0; BINS];
        let width = (max - min) / BINS as f32;
        for value in values {
            let bin = if width > 0.0 { ((value - min) / width) as usize } else { 0 };
            counts[bin.min(BINS - 1)] += 1;
        }
        Self { counts, edges: (0..=BINS).map(|edge| min + width * edge as f32).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_every_value_and_the_largest_in_the_last_bin() {
        let values = ArrayD::from_shape_vec(vec![4], vec![0.0, 0.1, 31.9, 32.0]).unwrap();
        let histogram = Histogram::new(&values, 0.0, 32.0);
        assert_eq!((histogram.counts[0], histogram.counts[31]), (2, 2));
        assert_eq!((histogram.edges[1], histogram.edges.len()), (1.0, 33));
        assert_eq!(Histogram::new(&ArrayD::ones(vec![3]), 1.0, 1.0).counts[0], 3);
    }
}
