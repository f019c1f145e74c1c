//! What a layer has learnt: statistics, histograms, and the numbers themselves.

use ndarray_npy::WriteNpyExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{Error, Result, excerpt, quoted},
    model::{Model, Parameter},
    onnx::Layer,
};

/// The bytes that a `NumPy` file's header takes.
const HEADER: usize = 128;
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
    /// After a `Flatten`, a dense layer's rows go by height, width and channel, since Keras flattens the channels last.
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
    /// The parameter: `kernel`, `bias`, `gamma`, `beta`, `moving_mean`, `moving_variance` or `alpha`. By default all; an npy file needs one.
    #[param(pattern = "^(kernel|bias|gamma|beta|moving_mean|moving_variance|alpha)$")]
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
        let numbers: usize = parameters.iter().map(|parameter| parameter.shape().iter().product::<usize>()).sum();
        let mut file = Vec::with_capacity(HEADER + numbers * size_of::<f32>());
        for parameter in &parameters {
            let numbers = match self.order {
                AxisOrder::Keras => parameter.in_keras_order()?,
                AxisOrder::Onnx => parameter.values()?,
            };
            // Row by row: not every reader of such files knows Fortran's order.
            numbers.as_standard_layout().write_npy(&mut file).map_err(|error| Error::internal(error.to_string()))?;
        }
        Ok(file)
    }

    fn chosen<'m>(&self, model: &'m Model, layer: &Layer) -> Result<Vec<Parameter<'m>>> {
        let mut parameters = model.parameters(layer);
        if parameters.is_empty() {
            let others = model.layers().iter().filter(|layer| !layer.parameters.is_empty());
            let others = quoted(others.map(|layer| layer.name.as_str()));
            let message = format!("layer `{}` has no weights; use one of {others}", layer.name);
            return Err(Error::unprocessable("unsuitable_layer", message));
        }
        let Some(wanted) = &self.tensor else { return Ok(parameters) };
        let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name).collect();
        if !names.contains(&wanted.as_str()) {
            let wanted = excerpt(wanted);
            let message = format!("layer `{}` has no tensor `{wanted}`; it has {}", layer.name, quoted(names));
            return Err(Error::unprocessable("unknown_tensor", message));
        }
        parameters.retain(|parameter| parameter.name == wanted);
        Ok(parameters)
    }

    fn summarise(&self, parameter: &Parameter<'_>) -> Result<Statistics> {
        let shape = match self.order {
            AxisOrder::Keras => parameter.keras_shape(),
            AxisOrder::Onnx => parameter.shape().to_vec(),
        };
        let (mut count, mut sum, mut min, mut max) = (0.0, 0.0, f32::INFINITY, f32::NEG_INFINITY);
        parameter.visit(|value| {
            count += 1.0;
            sum += f64::from(value);
            (min, max) = (min.min(value), max.max(value));
        })?;
        let mean: f64 = sum / count;
        let mut squares = 0.0;
        let mut histogram = Histogram::empty(min, max);
        parameter.visit(|value| {
            squares += (f64::from(value) - mean) * (f64::from(value) - mean);
            histogram.count(value);
        })?;
        Ok(Statistics { name: parameter.name, shape, mean, std: (squares / count).sqrt(), min, max, histogram })
    }
}

impl Histogram {
    /// A histogram of no values yet, for those from `min` to `max`; as `NumPy`'s it is 1 wide where these are equal.
    fn empty(min: f32, max: f32) -> Self {
        let (first, last) = if min < max { (min, max) } else { (min - 0.5, max + 0.5) };
        let width = (last - first) / BINS as f32;
        let mut edges: Vec<f32> = (0..BINS).map(|edge| first + width * edge as f32).collect();
        edges.push(last);
        Self { counts: vec![0; BINS], edges }
    }

    /// Counts `value` in the bin whose edges it lies between, or on the lower one of; the last bin has its upper edge too.
    fn count(&mut self, value: f32) {
        let (first, last) = (self.edges[0], self.edges[BINS]);
        let mut bin = (((value - first) / (last - first) * BINS as f32) as usize).min(BINS - 1);
        // The division rounds: the edges decide.
        if value < self.edges[bin] {
            bin = bin.saturating_sub(1);
        } else if bin < BINS - 1 && value >= self.edges[bin + 1] {
            bin += 1;
        }
        self.counts[bin] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[f32]) -> Histogram {
        let mut histogram = Histogram::empty(values[0], values[values.len() - 1]);
        for value in values {
            histogram.count(*value);
        }
        histogram
    }

    #[test]
    fn a_histogram_counts_every_value_and_the_largest_in_the_last_bin() {
        let counted = histogram(&[0.0, 0.1, 31.9, 32.0]);
        assert_eq!((counted.counts[0], counted.counts[31]), (2, 2));
        assert_eq!((counted.edges[1], counted.edges.len()), (1.0, 33));
        let equal = histogram(&[1.0, 1.0, 1.0]);
        assert_eq!((equal.edges[0], equal.edges[32], equal.counts[16]), (0.5, 1.5, 3));
    }

    #[test]
    fn a_value_on_an_edge_is_counted_above_it() {
        let edges = Histogram::empty(-0.3, 0.7).edges;
        let counted = histogram(&edges);
        assert_eq!(counted.edges, edges);
        assert!(counted.counts[..31].iter().all(|count| *count == 1) && counted.counts[31] == 2);
    }
}
