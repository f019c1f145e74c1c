//! A model's layers as Keras counts them: a convolution or dense layer with its bias and activation is one.

mod config;
mod features;
mod kind;
mod names;

use std::collections::{HashMap, HashSet};

pub use config::{KerasShape, LayerConfig, Padding};
pub use features::feature_layer;
pub use kind::LayerKind;

use super::{
    Dim, Graph, Layout, Node, Shape, Shapes,
    adapt::{changes_layout, layouts},
};

/// A layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The layer's name: Keras' in a graph shaped like VGG16, else what the exporter called it, tidied.
    pub name: String,
    /// Other names of it: those of what is fused with it, and of the modules of which it is the last layer.
    pub aliases: Vec<String>,
    /// What the layer does.
    pub kind: LayerKind,
    /// The node that does it; an `InputLayer` has an empty one.
    pub node: Node,
    /// The values the layer reads, without its parameters.
    pub inputs: Vec<String>,
    /// The value before the activation.
    pub preactivation: String,
    /// The fused activation in Keras' words, such as `relu`.
    pub activation: Option<&'static str>,
    /// The value the layer gives: after its activation.
    pub output: String,
    /// The layer's parameters by Keras' name (`kernel`, `bias`, `gamma`, ...) and the initializer that holds them.
    pub parameters: Vec<(&'static str, String)>,
    /// The shape of what the layer gives, empty where it is not known.
    pub output_shape: Shape,
    /// Where in that shape the channels are: last for a dense layer at each position, which no transpose follows yet.
    pub layout: Layout,
}

impl Layer {
    /// Whether the layer gives feature maps [N, C, H, W].
    pub fn has_feature_maps(&self) -> bool {
        self.output_shape.len() == 4 && self.layout == Layout::ChannelsFirst
    }
}

/// The layers of `graph` in the order of computation, the input first.
///
/// What only handles shapes, passes its input on, or puts channels elsewhere as no Keras model does, is no layer.
pub fn layers(graph: &Graph, shapes: &Shapes) -> Vec<Layer> {
    let mut layers: Vec<Layer> = graph.inputs.iter().map(|input| input_layer(&input.name)).collect();
    let mut walk = Walk { graph, shapes, consumers: graph.consumers(), fused: HashMap::new(), passed: HashMap::new() };
    let pictures = picture_values(graph);
    for (index, node) in graph.nodes.iter().enumerate() {
        let reads_picture = node.inputs.iter().any(|name| pictures.contains(name.as_str()));
        if !reads_picture || walk.fused.contains_key(&index) || node.op_type == "Shape" {
            continue;
        }
        if matches!(node.op_type.as_str(), "Identity" | "Cast") || changes_layout(node) {
            walk.pass(node);
        } else {
            let layer = walk.layer(layers.len(), node, &pictures);
            layers.push(layer);
        }
    }
    let layouts = layouts(graph, shapes);
    for layer in &mut layers {
        layer.output_shape = shapes.get(&layer.output).cloned().unwrap_or_default();
        layer.layout = layouts.get(layer.output.as_str()).copied().unwrap_or_default();
    }
    let mut fused: Vec<(usize, usize)> = walk.fused.into_iter().collect();
    fused.sort_unstable();
    let fused: Vec<(usize, &Node)> = fused.into_iter().map(|(node, layer)| (layer, &graph.nodes[node])).collect();
    names::assign(&mut layers, &fused);
    layers
}

/// The channels, height and width of the feature maps that are flattened right before `layer`, one of the `layers` of `graph`.
///
/// `None` where no `Flatten` is before it, or what is flattened has its channels last already.
pub fn flattened_before(layer: &Layer, layers: &[Layer], graph: &Graph, shapes: &Shapes) -> Option<[usize; 3]> {
    let maker = layers.iter().find(|other| layer.inputs.first() == Some(&other.output));
    let maps = maker.filter(|layer| layer.kind == LayerKind::Flatten)?.node.input(0)?;
    match (layouts(graph, shapes).get(maps).copied().unwrap_or_default(), shapes.get(maps)?.get(1..)?) {
        (Layout::ChannelsFirst, [channels, height, width]) => Some([channels.size()?, height.size()?, width.size()?]),
        _ => None,
    }
}

fn input_layer(name: &str) -> Layer {
    Layer {
        name: name.to_owned(),
        aliases: Vec::new(),
        kind: LayerKind::InputLayer,
        node: Node::default(),
        inputs: Vec::new(),
        preactivation: name.to_owned(),
        activation: None,
        output: name.to_owned(),
        parameters: Vec::new(),
        output_shape: Vec::new(),
        layout: Layout::default(),
    }
}

/// The values that depend on the picture's pixels, not only on its size.
pub(super) fn picture_values(graph: &Graph) -> HashSet<&str> {
    let mut values: HashSet<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
    for node in &graph.nodes {
        if node.op_type != "Shape" && node.inputs.iter().any(|name| values.contains(name.as_str())) {
            values.extend(node.outputs.iter().map(String::as_str).filter(|name| !name.is_empty()));
        }
    }
    values
}

struct Walk<'g> {
    graph: &'g Graph,
    shapes: &'g Shapes,
    consumers: HashMap<&'g str, Vec<usize>>,
    /// The nodes that belong to an earlier layer, and the index of that layer.
    fused: HashMap<usize, usize>,
    /// Values that no layer makes, and the value of a layer that each is of.
    passed: HashMap<&'g str, &'g str>,
}

impl<'g> Walk<'g> {
    /// The layer number `place`, of which `node` is the first node.
    fn layer(&mut self, place: usize, node: &'g Node, pictures: &HashSet<&str>) -> Layer {
        let mut kind = LayerKind::of(node, self.shapes);
        let mut parameters = kind::parameters(node, self.graph);
        let mut output = node.output(0).unwrap_or_default();
        let mut activation = None;
        if kind == LayerKind::Dense && node.op_type == "MatMul" {
            output = self.fuse_bias(place, output, &mut parameters);
        }
        if let Some(normalized) = self.fuse_normalization(place, node, &mut parameters) {
            (kind, output) = (LayerKind::BatchNormalization, normalized);
        }
        let preactivation = output.to_owned();
        if kind.has_activation() {
            (activation, output) = self.fuse_activation(place, output);
        } else if let Some(product) = node.input(0).and_then(|value| self.fuse_silu(place, value)) {
            (kind, activation, output) = (LayerKind::Activation, Some("silu"), product);
        }
        let inputs = node.inputs.iter().map(String::as_str).filter(|name| pictures.contains(name));
        let inputs = inputs.map(|name| (*self.passed.get(name).unwrap_or(&name)).to_owned()).collect();
        Layer {
            name: String::new(),
            aliases: Vec::new(),
            kind,
            node: node.clone(),
            inputs,
            preactivation,
            activation,
            output: output.to_owned(),
            parameters,
            output_shape: Vec::new(),
            layout: Layout::default(),
        }
    }

    /// Takes `node` for one that gives what it reads.
    fn pass(&mut self, node: &'g Node) {
        if let (Some(input), Some(output)) = (node.input(0), node.output(0)) {
            self.passed.insert(output, self.passed.get(input).copied().unwrap_or(input));
        }
    }

    /// The node that alone reads `value`, unless the value is an output of the graph as well.
    fn sole_consumer(&self, value: &str) -> Option<(usize, &'g Node)> {
        match self.consumers.get(value)?.as_slice() {
            &[index] if self.graph.outputs.iter().all(|output| output.name != value) => {
                Some((index, &self.graph.nodes[index]))
            }
            _ => None,
        }
    }

    /// The sum of `product` and a constant vector, if that is all `product` is for.
    fn fuse_bias<'v>(&mut self, place: usize, product: &'v str, parameters: &mut Vec<(&'static str, String)>) -> &'v str
    where
        'g: 'v,
    {
        let Some((index, node)) = self.sole_consumer(product) else { return product };
        let bias = node.inputs.iter().find(|name| *name != product);
        let bias =
            bias.filter(|name| self.graph.initializers.get(*name).is_some_and(|tensor| tensor.shape().len() == 1));
        match (node.op_type.as_str(), bias, node.output(0)) {
            ("Add", Some(bias), Some(sum)) => {
                self.fused.insert(index, place);
                parameters.push(("bias", bias.clone()));
                sum
            }
            _ => product,
        }
    }

    /// The end of a batch normalization that TensorFlow's exporters left as a product and a sum with constants, if `node` begins one.
    fn fuse_normalization(
        &mut self,
        place: usize,
        node: &'g Node,
        parameters: &mut Vec<(&'static str, String)>,
    ) -> Option<&'g str> {
        let (scope, _) = node.name.rsplit_once('/').filter(|(scope, _)| scope.ends_with("/batchnorm"))?;
        let (index, sum) = self.sole_consumer(node.output(0).filter(|_| node.op_type == "Mul")?)?;
        let constant =
            |node: &Node| node.inputs.iter().find(|name| self.graph.initializers.contains_key(*name)).cloned();
        let (gamma, beta) = (constant(node)?, constant(sum)?);
        if sum.op_type != "Add" || !sum.name.starts_with(scope) {
            return None;
        }
        self.fused.insert(index, place);
        parameters.extend([("gamma", gamma), ("beta", beta)]);
        sum.output(0)
    }

    /// The activation of `value` and its name, if that is all `value` is for.
    fn fuse_activation<'v>(&mut self, place: usize, value: &'v str) -> (Option<&'static str>, &'v str)
    where
        'g: 'v,
    {
        if let Some((index, node)) = self.sole_consumer(value)
            && let (Some(name), Some(output)) = (kind::activation(node, self.graph), node.output(0))
        {
            self.fused.insert(index, place);
            return (Some(name), output);
        }
        match self.fuse_silu(place, value) {
            Some(product) => (Some("silu"), product),
            None => (None, value),
        }
    }

    /// `value * sigmoid(value)`, which has no operator of its own before opset 24, if that is all `value` is for.
    fn fuse_silu(&mut self, place: usize, value: &str) -> Option<&'g str> {
        let &[sigmoid, product] = self.consumers.get(value)?.as_slice() else { return None };
        let gate = self.graph.nodes[sigmoid].output(0).filter(|_| self.graph.nodes[sigmoid].op_type == "Sigmoid")?;
        let (index, node) = self.sole_consumer(gate)?;
        if index != product || node.op_type != "Mul" {
            return None;
        }
        self.fused.extend([(sigmoid, place), (product, place)]);
        node.output(0)
    }
}

/// The lengths after the batch, if all are known.
fn sizes(shapes: &Shapes, value: Option<&str>) -> Option<Vec<usize>> {
    shapes.get(value?)?.get(1..)?.iter().map(Dim::size).collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
