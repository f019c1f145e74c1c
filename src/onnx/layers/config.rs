//! A layer's settings in Keras' terms.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Dim, Graph, Layer, LayerKind, Layout, Node, Shape, Shapes};

/// A layer as Keras' `get_config()` and `summary()` show it; settings that its kind does not have are left out.
///
/// Shapes are Keras': the channels last, and `null` for the batch and for what only a run tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct LayerConfig {
    /// The layer's name.
    #[schema(examples("block5_conv1"))]
    pub name: String,
    /// Keras' class.
    #[serde(rename = "type")]
    #[schema(examples("Conv2D"))]
    pub kind: String,
    /// The layers that it reads.
    #[schema(example = json!(["block4_pool"]))]
    pub connected_to: Vec<String>,
    /// The shapes of what it reads.
    #[schema(example = json!([[null, 14, 14, 512]]))]
    pub input_shape: Vec<KerasShape>,
    /// The shape of what it gives.
    #[schema(value_type = Vec<Option<usize>>, example = json!([null, 14, 14, 512]))]
    pub output_shape: KerasShape,
    /// How many numbers it has learnt.
    #[schema(examples(2_359_808))]
    pub parameters: usize,
    /// Those of them that training changes by gradients: not a batch normalization's moving statistics.
    pub trainable_parameters: usize,
    /// How many filters a convolution has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples(512))]
    pub filters: Option<usize>,
    /// How many units a dense layer has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<usize>,
    /// The height and width of a convolution's window.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!([3, 3]))]
    pub kernel_size: Option<Vec<usize>>,
    /// The height and width of a pool's window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_size: Option<Vec<usize>>,
    /// How far the window moves, down and right.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!([1, 1]))]
    pub strides: Option<Vec<usize>>,
    /// `same`, `valid`, or the zeros added: `[[top, bottom], [left, right]]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<Padding>,
    /// The distance between the window's elements.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!([1, 1]))]
    pub dilation_rate: Option<Vec<usize>>,
    /// Into how many parts the channels are split that are convolved apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples(1))]
    pub groups: Option<usize>,
    /// The fused activation; `linear` for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("relu"))]
    pub activation: Option<&'static str>,
    /// Whether there is a bias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_bias: Option<bool>,
    /// What a normalization adds to the variance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f32>,
}

/// A shape in Keras' order: batch, height, width, channels.
pub type KerasShape = Vec<Option<usize>>;

/// How a window meets the border.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Padding {
    /// `same` or `valid`.
    #[schema(examples("same"))]
    Named(&'static str),
    /// `[[top, bottom], [left, right]]`
    Explicit([[i64; 2]; 2]),
}

impl LayerConfig {
    /// The settings of `layer`, one of `layers`, the layers of `graph`.
    pub fn of(layer: &Layer, layers: &[Layer], graph: &Graph, shapes: &Shapes) -> Self {
        let maker = |input: &String| layers.iter().find(|other| other.output == *input);
        let layout_of = |input: &String| maker(input).map(|layer| layer.layout).unwrap_or_default();
        let count = |(_, tensor): &(&str, String)| graph.initializers.get(tensor).map_or(0, super::super::Tensor::len);
        let trains = |(role, _): &&(&str, String)| !role.starts_with("moving_");
        let mut config = Self {
            name: layer.name.clone(),
            kind: layer.kind.to_string(),
            connected_to: layer.inputs.iter().filter_map(maker).map(|layer| layer.name.clone()).collect(),
            input_shape: layer.inputs.iter().map(|input| keras_shape(shapes.get(input), layout_of(input))).collect(),
            output_shape: keras_shape(Some(&layer.output_shape), layer.layout),
            parameters: layer.parameters.iter().map(count).sum(),
            trainable_parameters: layer.parameters.iter().filter(trains).map(count).sum(),
            ..Self::default()
        };
        config.fill_settings(layer, graph, shapes);
        config
    }

    fn fill_settings(&mut self, layer: &Layer, graph: &Graph, shapes: &Shapes) {
        let node = &layer.node;
        let tensor = |wanted: &str| {
            let (_, name) = layer.parameters.iter().find(|(role, _)| *role == wanted)?;
            graph.initializers.get(name)
        };
        let channels = self.output_shape.last().copied().flatten();
        let input = node.input(0).and_then(|input| shapes.get(input));
        if layer.kind.is_convolution() {
            let kernel: Vec<usize> =
                tensor("kernel").and_then(|kernel| kernel.shape().get(2..)).unwrap_or_default().to_vec();
            self.filters = channels;
            self.padding = padding(node, input, &kernel);
            self.dilation_rate = Some(list(node, "dilations", kernel.len()));
            self.strides = Some(list(node, "strides", kernel.len()));
            self.groups = Some(node.int("group", 1).max(1) as usize);
            self.kernel_size = Some(kernel);
        }
        if matches!(layer.kind, LayerKind::MaxPooling2D | LayerKind::AveragePooling2D) {
            let window = list(node, "kernel_shape", 2);
            self.padding = padding(node, input, &window);
            self.strides = Some(list(node, "strides", window.len()));
            self.pool_size = Some(window);
        }
        if layer.kind == LayerKind::Dense {
            self.units = channels;
        }
        if layer.kind.has_activation() {
            self.activation = Some(layer.activation.unwrap_or("linear"));
            self.use_bias = Some(tensor("bias").is_some());
        }
        if layer.kind == LayerKind::Activation {
            self.activation = layer.activation.or_else(|| super::kind::activation(node, graph));
        }
        if matches!(node.op_type.as_str(), "BatchNormalization" | "LayerNormalization") {
            self.epsilon = Some(node.float("epsilon", 1e-5));
        }
    }
}

/// `shape`, whose channels are where `layout` says, in Keras' order.
fn keras_shape(shape: Option<&Shape>, layout: Layout) -> KerasShape {
    let mut sizes: KerasShape = shape.into_iter().flatten().map(Dim::size).collect();
    if sizes.len() > 2 && layout == Layout::ChannelsFirst {
        sizes[1..].rotate_left(1);
    }
    if let Some(batch) = sizes.first_mut() {
        *batch = None;
    }
    sizes
}

/// The list attribute `name`, or ones.
fn list(node: &Node, name: &str, rank: usize) -> Vec<usize> {
    node.ints(name).map_or_else(|| vec![1; rank], |values| values.iter().map(|&value| value.max(0) as usize).collect())
}

/// How the window of `node` meets the border; `None` where its input's size is not known.
///
/// `same` is what Keras pads under that name: as many zeros as make ceil(size / stride) places, the odd one last.
fn padding(node: &Node, input: Option<&Shape>, kernel: &[usize]) -> Option<Padding> {
    match node.string("auto_pad", "NOTSET") {
        "SAME_UPPER" => return Some(Padding::Named("same")),
        "VALID" => return Some(Padding::Named("valid")),
        _ => {}
    }
    let pads = node.ints("pads").map_or_else(|| vec![0; 4], <[i64]>::to_vec);
    let &[top, left, bottom, right] = pads.as_slice() else { return None };
    if pads.iter().all(|&pad| pad == 0) {
        return Some(Padding::Named("valid"));
    }
    let (strides, dilations) = (list(node, "strides", 2), list(node, "dilations", 2));
    let keras_pads = |axis: usize| {
        let (size, stride) = (input?.get(axis + 2)?.size()?, *strides.get(axis)?);
        let reach = dilations.get(axis)?.checked_mul(kernel.get(axis)?.checked_sub(1)?)?.checked_add(1)?;
        let places = size.checked_sub(1)?.checked_div(stride)?;
        let total = (places * stride + reach).saturating_sub(size) as i64;
        Some([total / 2, total - total / 2])
    };
    let explicit = [[top, bottom], [left, right]];
    if keras_pads(0)? == explicit[0] && keras_pads(1)? == explicit[1] {
        return Some(Padding::Named("same"));
    }
    Some(Padding::Explicit(explicit))
}
