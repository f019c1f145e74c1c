//! VGG16 as a graph.

use std::collections::BTreeMap;

use ndarray::Array4;

use super::{
    naming::{LayerName, Naming, convolutions, dense},
    weights::{Weights, invalid},
};
use crate::{
    error::{Error, Result},
    onnx::{DataType, Dim, Graph, Node, Tensor, ValueInfo},
};

/// The thirteen convolutions by block, and the three dense layers, which fit each other.
pub(super) struct Vgg16 {
    pub naming: Naming,
    blocks: Vec<Vec<Parameters>>,
    dense: Vec<Parameters>,
    /// The side of the last feature maps.
    side: usize,
}

/// A layer with its parameters in ONNX's layout: the kernel is [filters, channels, 3, 3] or [units, inputs].
struct Parameters {
    layer: String,
    kernel: Tensor,
    bias: Tensor,
}

impl Vgg16 {
    /// Takes the layers from `weights`; an error names the tensor that does not fit.
    pub fn read(weights: Weights) -> Result<Self> {
        let naming = weights.naming;
        let (convolutions, dense) = (convolutions(), dense());
        let layers = convolutions.iter().flatten().chain(&dense);
        let names: Vec<_> = layers.flat_map(|layer| layer.tensors(naming)).collect();
        let tensors = weights.take(&names)?;
        let mut reader = Reader { naming, tensors, reads: 3 };
        let mut blocks = Vec::new();
        for block in &convolutions {
            blocks.push(block.iter().map(|layer| reader.convolution(layer)).collect::<Result<_>>()?);
        }
        let side = reader.side_before(&dense[0])?;
        let sides = [side, 1, 1];
        let dense = dense.iter().zip(sides).map(|(layer, side)| reader.dense(layer, side)).collect::<Result<_>>()?;
        Ok(Self { naming, blocks, dense, side })
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.dense.last().map_or(0, |layer| layer.bias.len())
    }

    /// The side of the pictures in pixels, which five pools halve.
    pub fn size(&self) -> usize {
        self.side << self.blocks.len()
    }

    /// The graph from the picture `input` [batch, 3, size, size] to `predictions` [batch, classes], which are logits.
    pub fn into_graph(self) -> Graph {
        let (size, classes) = (self.size(), self.classes());
        let value = |name: &str, shape: &[Dim]| {
            let shape = [&[Dim::Symbol("batch".to_owned())], shape].concat();
            ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape: Some(shape) }
        };
        let mut graph = Graph { name: "vgg16".to_owned(), opset: 17, ..Graph::default() };
        graph.inputs.push(value("input", &[3.into(), size.into(), size.into()]));
        graph.outputs.push(value("predictions", &[classes.into()]));
        let mut chain = Chain { graph, last: "input".to_owned() };
        for (block, layers) in self.blocks.into_iter().enumerate() {
            for layer in layers {
                let name = layer.layer.clone();
                let conv = chain.layer("Conv", &format!("{name}/preactivation"), layer);
                chain.push(conv.with_ints("kernel_shape", [3, 3]).with_ints("pads", [1; 4]));
                chain.step("Relu", &name);
            }
            let pool = chain.node("MaxPool", &format!("block{}_pool", block + 1));
            chain.push(pool.with_ints("kernel_shape", [2, 2]).with_ints("strides", [2, 2]));
        }
        chain.step("Flatten", "flatten");
        for layer in self.dense {
            let name = layer.layer.clone();
            let is_last = name == "predictions";
            let output = if is_last { name.clone() } else { format!("{name}/preactivation") };
            let gemm = chain.layer("Gemm", &output, layer);
            chain.push(gemm.with_int("transB", 1));
            if !is_last {
                chain.step("Relu", &name);
            }
        }
        chain.graph
    }
}

/// Takes one layer after the other from the tensors.
struct Reader {
    naming: Naming,
    tensors: BTreeMap<String, Tensor>,
    /// How many channels the next layer reads.
    reads: usize,
}

impl Reader {
    fn convolution(&mut self, layer: &LayerName) -> Result<Parameters> {
        let reads = self.reads;
        self.layer(layer, 3, |naming, units| match naming {
            Naming::Torchvision | Naming::Timm => vec![units, reads, 3, 3],
            Naming::Keras => vec![3, 3, reads, units],
        })
    }

    /// A dense layer after feature maps of `side` x `side`; after another dense layer, of 1 x 1.
    fn dense(&mut self, layer: &LayerName, side: usize) -> Result<Parameters> {
        let (reads, inputs) = (self.reads, self.reads * side * side);
        let parameters = self.layer(layer, side, |naming, units| match naming {
            Naming::Timm if layer.keras != "predictions" => vec![units, reads, side, side],
            Naming::Torchvision | Naming::Timm => vec![units, inputs],
            Naming::Keras => vec![inputs, units],
        })?;
        let kernel = parameters.kernel.reshaped(vec![self.reads, inputs])?;
        Ok(Parameters { kernel, ..parameters })
    }

    /// The side of the feature maps that the dense `layer` reads.
    fn side_before(&self, layer: &LayerName) -> Result<usize> {
        let [kernel, bias] = layer.tensors(self.naming);
        let length = |name: &String| self.tensors.get(name).map_or(0, Tensor::len);
        let positions = length(&kernel).checked_div(length(&bias) * self.reads).unwrap_or(0);
        let side = positions.isqrt();
        if side == 0 || side * side != positions {
            let message = format!("`{kernel}` does not fit square feature maps of {} channels", self.reads);
            return Err(invalid(message));
        }
        Ok(side)
    }

    /// The next layer with its kernel as [units, channels, window, window]; `stored` says the shape it has in the file.
    fn layer(
        &mut self,
        layer: &LayerName,
        window: usize,
        stored: impl Fn(Naming, usize) -> Vec<usize>,
    ) -> Result<Parameters> {
        let [kernel_name, bias_name] = layer.tensors(self.naming);
        let mut take = |name: &str| {
            self.tensors.remove(name).ok_or_else(|| Error::internal(format!("the tensor `{name}` was not checked")))
        };
        let (kernel, bias) = (take(&kernel_name)?, take(&bias_name)?);
        let units = bias.len();
        for (name, tensor, shape) in
            [(bias_name, &bias, vec![units]), (kernel_name, &kernel, stored(self.naming, units))]
        {
            if tensor.shape() != shape || tensor.is_empty() {
                let message = format!("`{name}` has the shape {:?}, where VGG16 has {shape:?}", tensor.shape());
                return Err(invalid(message));
            }
        }
        let kernel = match self.naming {
            Naming::Torchvision | Naming::Timm => kernel,
            Naming::Keras => channels_first(&kernel, [window, window, self.reads, units])?,
        };
        self.reads = units;
        Ok(Parameters { layer: layer.keras.clone(), kernel, bias })
    }
}

/// A `kernel` of Keras, [height, width, channels, units], as [units, channels, height, width].
///
/// A dense layer's rows after a flattening are in this order as well.
fn channels_first(kernel: &Tensor, shape: [usize; 4]) -> Result<Tensor> {
    let stored = Array4::from_shape_vec(shape, kernel.floats()?).map_err(|error| Error::internal(error.to_string()))?;
    let permuted = stored.permuted_axes([3, 2, 0, 1]);
    let shape = permuted.shape().to_vec();
    let values: Vec<f32> = permuted.iter().copied().collect();
    drop(permuted);
    Ok(Tensor::from_floats(&shape, &values))
}

/// A graph in which every node reads the last one.
struct Chain {
    graph: Graph,
    last: String,
}

impl Chain {
    fn node(&self, op_type: &str, output: &str) -> Node {
        Node::new(op_type, [self.last.as_str()], [output])
    }

    fn push(&mut self, node: Node) {
        self.last = node.output(0).unwrap_or_default().to_owned();
        self.graph.nodes.push(node);
    }

    fn step(&mut self, op_type: &str, output: &str) {
        let node = self.node(op_type, output);
        self.push(node);
    }

    /// A node with the parameters of `layer`, which the graph gets.
    fn layer(&mut self, op_type: &str, output: &str, layer: Parameters) -> Node {
        let mut node = self.node(op_type, output);
        for (role, tensor) in [("kernel", layer.kernel), ("bias", layer.bias)] {
            let name = format!("{}/{role}", layer.layer);
            node.inputs.push(name.clone());
            self.graph.initializers.insert(name, tensor);
        }
        node
    }
}
