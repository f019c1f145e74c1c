//! Graphs as other exporters write them, brought to one form: they must still compute the same.

use glassbox::onnx::{DataType, Dim, Graph, Layout, Node, Tensor, ValueInfo, layers};
use ndarray::ArrayD;

use crate::{gradients::Numbers, onnx_runtime::run};

const TO_LAST: [i64; 4] = [0, 2, 3, 1];
const TO_FIRST: [i64; 4] = [0, 3, 1, 2];

/// A network of TensorFlow's kind: channels last but for its convolutions and pools, which transposes surround.
fn channels_last() -> Graph {
    let mut numbers = Numbers::new(7);
    let first = |input: &str, output: &str| Node::new("Transpose", [input], [output]).with_ints("perm", TO_FIRST);
    let last = |input: &str, output: &str| Node::new("Transpose", [input], [output]).with_ints("perm", TO_LAST);
    let nodes = vec![
        Node::new("Transpose", ["conv1/kernel"], ["conv1/moved"]).with_ints("perm", [3, 2, 0, 1]),
        first("x", "x1"),
        Node::new("Conv", ["x1", "conv1/moved"], ["c1"]).with_ints("pads", [1, 1, 1, 1]),
        last("c1", "c2"),
        Node::new("Add", ["c2", "conv1/bias"], ["c3"]),
        Node::new("Relu", ["c3"], ["c4"]),
        Node::new("Pad", ["c4", "pads"], ["c5"]),
        first("c5", "p1"),
        Node::new("MaxPool", ["p1"], ["p2"]).with_ints("kernel_shape", [3, 3]).with_ints("strides", [2, 2]),
        last("p2", "p3"),
        Node::new("ReduceMean", ["p3"], ["g1"]).with_ints("axes", [1, 2]).with_int("keepdims", 0),
        Node::new("MatMul", ["g1", "gate/kernel"], ["g2"]),
        Node::new("Sigmoid", ["g2"], ["g3"]),
        Node::new("Reshape", ["g3", "gate/shape"], ["g4"]),
        Node::new("Mul", ["p3", "g4"], ["m1"]),
        Node::new("Concat", ["m1", "p3"], ["m2"]).with_int("axis", -1),
        Node::new("Slice", ["m2", "starts", "ends", "axes"], ["m3"]),
        Node::new("Sub", ["m3", "position"], ["m4"]),
        Node::new("Reshape", ["m4", "flat"], ["f1"]),
        Node::new("MatMul", ["f1", "dense/kernel"], ["f2"]),
        Node::new("Add", ["f2", "dense/bias"], ["f3"]),
        Node::new("Softmax", ["f3"], ["y"]),
    ];
    let floats = [
        ("conv1/kernel", numbers.tensor(&[3, 3, 3, 4])),
        ("conv1/bias", numbers.tensor(&[4])),
        ("gate/kernel", numbers.tensor(&[4, 4])),
        ("position", numbers.tensor(&[1, 2, 3, 8])),
        ("dense/kernel", numbers.tensor(&[2 * 3 * 8, 5])),
        ("dense/bias", numbers.tensor(&[5])),
    ];
    let ints = [
        ("pads", &[0, 1, 2, 0, 0, 0, 1, 0][..]),
        ("gate/shape", &[-1, 1, 1, 4]),
        ("starts", &[1]),
        ("ends", &[3]),
        ("axes", &[1]),
        ("flat", &[-1, 48]),
    ];
    let ints = ints.map(|(name, values)| (name, Tensor::from_ints(values)));
    let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
    let shape = vec![Dim::Symbol("n".to_owned()), 6.into(), 5.into(), 3.into()];
    Graph {
        opset: 17,
        inputs: vec![value("x", Some(shape))],
        outputs: vec![value("y", None)],
        nodes,
        initializers: floats.into_iter().chain(ints).map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        ..Graph::default()
    }
}

/// The only output of `graph`, called `y`, for `x`.
fn output(graph: &Graph, x: &ArrayD<f32>) -> ArrayD<f32> {
    run(graph, &[("x", x)]).remove("y").unwrap()
}

#[test]
fn a_channels_last_network_computes_the_same_with_its_channels_first() {
    let before = channels_last();
    let mut graph = before.clone();
    assert_eq!(graph.take_pictures().unwrap().layout, Layout::ChannelsLast);
    graph.fold_shapes().unwrap();
    graph.keep_channels_first().unwrap();
    graph.fold_biases().unwrap();
    // What is left transposes the gate, of one number for each channel, and the maps before they become a vector.
    let transposes = graph.nodes.iter().filter(|node| node.op_type == "Transpose").count();
    assert_eq!((before.nodes.iter().filter(|node| node.op_type == "Transpose").count(), transposes), (5, 2));
    let x = Numbers::new(8).uniform(&[3, 6, 5, 3], -1.0, 1.0);
    let moved = x.view().permuted_axes(vec![0, 3, 1, 2]).as_standard_layout().into_owned();
    let difference = output(&before, &x) - output(&graph, &moved);
    assert!(difference.iter().all(|d| d.abs() < 1e-5), "{difference}");
}

#[test]
fn the_layers_of_a_channels_last_network_are_keras() {
    let mut graph = channels_last();
    graph.take_pictures().unwrap();
    graph.fold_shapes().unwrap();
    graph.keep_channels_first().unwrap();
    graph.fold_biases().unwrap();
    let layers = layers(&graph, &graph.shapes().unwrap());
    let kinds: Vec<String> = layers.iter().map(|layer| layer.kind.to_string()).collect();
    let expected = [
        "InputLayer",
        "Conv2D",
        "ZeroPadding2D",
        "MaxPooling2D",
        "GlobalAveragePooling2D",
        "Dense",
        "Reshape",
        "Multiply",
        "Concatenate",
        "Slice",
        "Subtract",
        "Flatten",
        "Dense",
    ];
    assert_eq!(kinds, expected);
    assert_eq!((layers[1].activation, layers[1].parameters.len()), (Some("relu"), 2));
    assert!(layers[1].has_feature_maps());
}
