//! What an operator of an old set gives is what its upgraded form gives.

use glassbox::onnx::{Attribute, DataType, Dim, Graph, Node, Tensor, ValueInfo};
use ndarray::ArrayD;

use crate::onnx_runtime::run;

fn node(op_type: &str, inputs: &[&str]) -> Node {
    Node::new(op_type, inputs.iter().copied(), ["y"])
}

fn floats(node: Node, name: &str, values: &[f32]) -> Node {
    node.with(name, Attribute::Floats(values.to_vec()))
}

fn float(node: Node, name: &str, value: f32) -> Node {
    node.with(name, Attribute::Float(value))
}

fn text(node: Node, name: &str, value: &str) -> Node {
    node.with(name, Attribute::String(value.to_owned()))
}

/// Checks `node` of operator set `opset`, from `x` [1, 2, 3, 4] to `y`.
fn check(opset: i64, node: Node, constants: &[(&str, Tensor)]) {
    let shape = Some([1, 2, 3, 4].map(Dim::Size).to_vec());
    let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
    let graph = Graph {
        opset,
        inputs: vec![value("x", shape)],
        outputs: vec![value("y", None)],
        initializers: constants.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect(),
        nodes: vec![node],
        ..Graph::default()
    };
    let x = ArrayD::from_shape_fn(vec![1, 2, 3, 4], |index| ((index[1] * 12 + index[2] * 4 + index[3]) as f32).sin());
    let before = run(&graph, &[("x", &x)]);
    let mut upgraded = graph.clone().upgrade().unwrap();
    upgraded.fold_shapes().unwrap();
    assert_eq!(upgraded.opset, 17);
    let after = run(&upgraded, &[("x", &x)]);
    let difference = (&before["y"] - &after["y"]).mapv(f32::abs).fold(0.0, |a: f32, &b| a.max(b));
    assert!(difference < 1e-6, "{:?}: {} and {}", graph.nodes[0], before["y"], after["y"]);
}

#[test]
fn resizing() {
    for scale in [2.0, 1.5] {
        for mode in ["nearest", "linear"] {
            let upsample = text(floats(node("Upsample", &["x"]), "scales", &[1.0, 1.0, scale, 2.0]), "mode", mode);
            check(7, upsample, &[]);
        }
    }
    for (height, width) in [(2.0, 1.5), (0.6, 0.7), (0.5, 0.3)] {
        let scales = [("scales", Tensor::from_floats(&[4], &[1.0, 1.0, height, width]))];
        for mode in ["nearest", "linear"] {
            check(10, text(node("Resize", &["x", "scales"]), "mode", mode), &scales);
            if height > 1.0 {
                check(9, text(node("Upsample", &["x", "scales"]), "mode", mode), &scales);
            }
        }
    }
}

#[test]
fn softmax() {
    for op_type in ["Softmax", "LogSoftmax"] {
        check(7, node(op_type, &["x"]), &[]);
        for axis in 0..4 {
            check(9, node(op_type, &["x"]).with_int("axis", axis), &[]);
        }
        check(11, node(op_type, &["x"]).with_int("axis", -2), &[]);
    }
}

#[test]
fn attributes_that_became_inputs() {
    check(7, float(float(node("Clip", &["x"]), "min", -0.5), "max", 0.25), &[]);
    check(7, float(node("Clip", &["x"]), "max", 0.25), &[]);
    check(7, float(node("Pad", &["x"]).with_ints("pads", [0, 0, 1, 2, 0, 0, 0, 1]), "value", 0.5), &[]);
    check(7, text(node("Pad", &["x"]).with_ints("pads", [0, 0, 1, 2, 0, 0, 0, 1]), "mode", "reflect"), &[]);
    check(
        7,
        node("Slice", &["x"]).with_ints("starts", [1, -3]).with_ints("ends", [9, -1]).with_ints("axes", [2, 3]),
        &[],
    );
    check(7, node("Slice", &["x"]).with_ints("starts", [0, 1]).with_ints("ends", [1, 2]), &[]);
    for op_type in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2"] {
        check(7, node(op_type, &["x"]).with_ints("axes", [2, 3]).with_int("keepdims", 0), &[]);
    }
    check(7, node("Squeeze", &["x"]).with_ints("axes", [0]), &[]);
    check(11, node("Unsqueeze", &["x"]).with_ints("axes", [1, -1]), &[]);
    let split = Node::new("Split", ["x"], ["rest", "y"]).with_int("axis", 3).with_ints("split", [1, 3]);
    check(7, split, &[]);
    check(7, Node::new("Split", ["x"], ["rest", "y"]).with_int("axis", 3), &[]);
}

#[test]
fn normalization_and_dropout() {
    let constants = [("s", [1.5, -0.5]), ("b", [0.5, 0.25]), ("m", [0.1, -0.2]), ("v", [0.5, 2.0])];
    let constants = constants.map(|(name, values)| (name, Tensor::from_floats(&[2], &values)));
    for opset in [7, 9] {
        let node = float(node("BatchNormalization", &["x", "s", "b", "m", "v"]), "epsilon", 0.01);
        let node = if opset == 7 { node.with_int("spatial", 1) } else { node };
        check(opset, node, &constants);
    }
    check(7, float(node("Dropout", &["x"]), "ratio", 0.4), &[]);
    check(10, float(node("LRN", &["x"]).with_int("size", 3), "alpha", 0.3), &[]);
}
