use super::super::{DataType, Tensor, ValueInfo};
use super::*;

/// Builds networks one layer after the other.
struct Network(Graph, String);

impl Network {
    fn new() -> Self {
        let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
        let shape = vec![Dim::Symbol("n".to_owned()), 3.into(), 32.into(), 32.into()];
        let graph = Graph {
            opset: 17,
            inputs: vec![value("x", Some(shape))],
            outputs: vec![value("", None)],
            ..Graph::default()
        };
        Self(graph, "x".to_owned())
    }

    fn then(mut self, node: Node, parameters: &[(&str, &[usize])]) -> Self {
        let output = format!("v{}", self.0.nodes.len());
        let mut node = Node { inputs: vec![self.1.clone()], outputs: vec![output.clone()], ..node };
        for (name, shape) in parameters {
            node.inputs.push((*name).to_owned());
            let values = vec![0.0; shape.iter().product()];
            self.0.initializers.insert((*name).to_owned(), Tensor::from_floats(shape, &values));
        }
        self.0.outputs[0].name.clone_from(&output);
        self.0.nodes.push(node);
        Self(self.0, output)
    }

    fn conv(self, name: &str, shape: [usize; 4]) -> Self {
        let node =
            Node { name: format!("/{name}/Conv"), ..Node::new("Conv", [""; 0], [""; 0]).with_ints("pads", [1; 4]) };
        self.then(node, &[(&format!("{name}.weight"), &shape)])
    }

    fn op(self, op_type: &str) -> Self {
        let node = Node { name: format!("/{op_type}_{}", self.0.nodes.len()), ..Node::new(op_type, [""; 0], [""; 0]) };
        self.then(node, &[])
    }

    fn pool(self) -> Self {
        let node =
            Node::new("MaxPool", [""; 0], [""; 0]).with_ints("kernel_shape", [2, 2]).with_ints("strides", [2, 2]);
        self.then(Node { name: "/pool".to_owned(), ..node }, &[])
    }

    fn dense(self, name: &str, shape: [usize; 2]) -> Self {
        let node = Node { name: format!("/{name}/Gemm"), ..Node::new("Gemm", [""; 0], [""; 0]).with_int("transB", 1) };
        self.then(node, &[(&format!("{name}.weight"), &shape)])
    }

    fn layers(&self) -> Vec<Layer> {
        layers(&self.0, &self.0.shapes().unwrap())
    }
}

fn vgg16_base() -> Network {
    let mut network = Network::new();
    let mut channels = 3;
    for (block, count) in [2, 2, 3, 3, 3].into_iter().enumerate() {
        for conv in 0..count {
            network = network.conv(&format!("features.{block}{conv}"), [4, channels, 3, 3]).op("Relu");
            channels = 4;
        }
        network = network.pool();
    }
    network
}

fn names(network: &Network) -> Vec<String> {
    network.layers().into_iter().map(|layer| layer.name).collect()
}

#[test]
fn a_vgg16_has_kerass_names_whoever_exported_it() {
    let network = vgg16_base().op("Flatten").dense("classifier.0", [8, 4]).op("Relu").dense("classifier.3", [8, 8]);
    let network = network.op("Relu").dense("classifier.6", [5, 8]).op("Softmax");
    let layers = network.layers();
    assert_eq!(layers.len(), 1 + 13 + 5 + 1 + 3);
    let expected = ["x", "block1_conv1", "block1_conv2", "block1_pool", "block2_conv1"];
    assert_eq!(names(&network)[..5], expected);
    assert_eq!(names(&network)[17..], ["block5_conv3", "block5_pool", "flatten", "fc1", "fc2", "predictions"]);
    assert_eq!(layers[1].activation, Some("relu"));
    assert_eq!((layers[1].preactivation.as_str(), layers[1].output.as_str()), ("v0", "v1"));
    assert_eq!(layers.last().unwrap().activation, Some("softmax"));
    assert_eq!(feature_layer(&layers).unwrap().name, "block5_conv3");
}

#[test]
fn a_fine_tuned_vgg16_keeps_the_names_of_its_base() {
    let network = vgg16_base().op("GlobalAveragePool").op("Flatten").dense("head", [5, 4]);
    assert_eq!(names(&network)[17..], ["block5_conv3", "block5_pool", "global_average_pooling2d", "flatten", "head"]);
}

#[test]
fn a_layer_without_a_name_has_keras_name_for_its_kind() {
    let network = Network::new().conv("stem", [4, 3, 3, 3]).op("Relu").pool().pool();
    assert_eq!(names(&network), ["x", "stem", "max_pooling2d", "max_pooling2d_1"]);
}

#[test]
fn kinds_are_kerass() {
    let depthwise = Node::new("Conv", [""; 0], [""; 0]).with_int("group", 4);
    let network = Network::new()
        .conv("a", [4, 3, 3, 3])
        .then(Node { name: "dw".to_owned(), ..depthwise }, &[("dw.weight", &[4, 1, 3, 3])])
        .op("HardSwish")
        .op("GlobalAveragePool")
        .op("Flatten")
        .then(
            Node { name: "/fc/MatMul".to_owned(), ..Node::new("MatMul", [""; 0], [""; 0]) },
            &[("fc.weight", &[4, 5])],
        )
        .then(Node { name: "/fc/Add".to_owned(), ..Node::new("Add", [""; 0], [""; 0]) }, &[("fc.bias", &[5])])
        .op("Softmax");
    let layers = network.layers();
    let kinds: Vec<String> = layers.iter().map(|layer| layer.kind.to_string()).collect();
    assert_eq!(kinds, ["InputLayer", "Conv2D", "DepthwiseConv2D", "GlobalAveragePooling2D", "Flatten", "Dense"]);
    assert_eq!(layers[2].activation, Some("hard_swish"));
    let expected = [("kernel", "fc.weight".to_owned()), ("bias", "fc.bias".to_owned())];
    assert_eq!((layers[5].parameters.as_slice(), layers[5].activation), (expected.as_slice(), Some("softmax")));
}

#[test]
fn an_activation_of_a_value_read_elsewhere_is_a_layer_of_its_own() {
    let mut network = Network::new().conv("a", [4, 3, 3, 3]).op("Relu");
    network.0.nodes.push(Node::new("Add", ["v0", "v1"], ["sum"]));
    let kinds: Vec<String> = network.layers().iter().map(|layer| layer.kind.to_string()).collect();
    assert_eq!(kinds, ["InputLayer", "Conv2D", "Activation", "Add"]);
}

#[test]
fn a_sigmoid_times_its_input_is_one_activation() {
    let mut network = Network::new().conv("a", [4, 3, 3, 3]).op("Sigmoid");
    network.0.nodes.push(Node::new("Mul", ["v0", "v1"], ["silu"]));
    network.0.outputs[0].name = "silu".to_owned();
    let layers = network.layers();
    assert_eq!((layers.len(), layers[1].activation, layers[1].output.as_str()), (2, Some("silu"), "silu"));
}

fn config(network: &Network, index: usize) -> LayerConfig {
    let shapes = network.0.shapes().unwrap();
    let layers = layers(&network.0, &shapes);
    LayerConfig::of(&layers[index], &layers, &network.0, &shapes)
}

#[test]
fn a_convolutions_settings_are_kerass() {
    let network = Network::new().conv("a", [4, 3, 3, 3]).op("Relu");
    let expected = LayerConfig {
        name: "a".to_owned(),
        kind: "Conv2D".to_owned(),
        connected_to: vec!["x".to_owned()],
        input_shape: vec![vec![None, Some(32), Some(32), Some(3)]],
        output_shape: vec![None, Some(32), Some(32), Some(4)],
        parameters: 108,
        trainable_parameters: 108,
        filters: Some(4),
        kernel_size: Some(vec![3, 3]),
        strides: Some(vec![1, 1]),
        padding: Some(Padding::Named("same")),
        dilation_rate: Some(vec![1, 1]),
        groups: Some(1),
        activation: Some("relu"),
        use_bias: Some(false),
        ..LayerConfig::default()
    };
    assert_eq!(config(&network, 1), expected);
}

#[test]
fn padding_that_keras_has_no_name_for_is_spelled_out() {
    let strided = |pads: [i64; 4]| {
        let node = Node::new("Conv", [""; 0], [""; 0]).with_ints("pads", pads).with_ints("strides", [2, 2]);
        let network = Network::new().then(Node { name: "a".to_owned(), ..node }, &[("w", &[4, 3, 3, 3])]);
        config(&network, 1).padding.unwrap()
    };
    assert_eq!(strided([1, 1, 1, 1]), Padding::Explicit([[1, 1], [1, 1]]));
    assert_eq!(strided([0, 0, 1, 1]), Padding::Named("same"));
    assert_eq!(strided([0, 0, 0, 0]), Padding::Named("valid"));
}

#[test]
fn moving_statistics_are_parameters_that_do_not_train() {
    let parameters: &[(&str, &[usize])] = &[("g", &[3]), ("b", &[3]), ("m", &[3]), ("v", &[3])];
    let node = Node::new("BatchNormalization", [""; 0], [""; 0]);
    let config = config(&Network::new().then(Node { name: "bn".to_owned(), ..node }, parameters), 1);
    assert_eq!((config.parameters, config.trainable_parameters, config.epsilon), (12, 6, Some(1e-5)));
}

#[test]
fn feature_maps_that_are_flattened_before_a_dense_layer_are_known() {
    let flattened = |network: &Network| {
        let layers = network.layers();
        flattened_before(layers.last().unwrap(), &layers, &network.0, &network.0.shapes().unwrap())
    };
    let maps = || Network::new().conv("c", [8, 3, 3, 3]).pool();
    assert_eq!(flattened(&maps().op("Flatten").dense("fc", [10, 8 * 16 * 16])), Some([8, 16, 16]));
    assert_eq!(flattened(&maps().op("Sigmoid").op("Flatten").dense("fc", [10, 8 * 16 * 16])), Some([8, 16, 16]));
    let transpose = Node::new("Transpose", [""; 0], [""; 0]).with_ints("perm", [0, 2, 3, 1]);
    let channels_last = maps().then(transpose, &[]).op("Tanh").op("Flatten").dense("fc", [10, 8 * 16 * 16]);
    assert_eq!(flattened(&channels_last), None);
    let transpose = Node::new("Transpose", [""; 0], [""; 0]).with_ints("perm", [0, 2, 3, 1]);
    assert_eq!(flattened(&maps().then(transpose, &[]).op("Flatten").dense("fc", [10, 8 * 16 * 16])), None);
    let second = maps().op("Flatten").dense("fc1", [10, 8 * 16 * 16]).dense("fc2", [10, 10]);
    assert_eq!(flattened(&second), None);
}
