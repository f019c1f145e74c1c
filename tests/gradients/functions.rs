//! Functions of one element, and softmax, against finite differences.

use glassbox::onnx::{Attribute, Node, Tensor};
use proptest::prelude::*;

use super::{Inputs, Numbers, POSITIVE, SMOOTH, check, check_in_any_opset, graph};

fn unary(op_type: &str) -> Node {
    Node::new(op_type, ["x"], ["y"])
}

fn float(node: Node, name: &str, value: f32) -> Node {
    node.with(name, Attribute::Float(value))
}

/// Checks `node`, of operator set 20, on inputs drawn so.
fn check_at_20(node: Node, seed: u64, inputs: Inputs) {
    let mut graph = graph(&[2, 3, 3], vec![node], vec![]);
    graph.opset = 20;
    check(&graph, seed, inputs);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn kinked(
        op_type in prop::sample::select(vec!["Abs", "Relu", "LeakyRelu", "HardSigmoid", "HardSwish", "ThresholdedRelu"]),
        alpha in -0.5..0.5_f32,
        seed: u64
    ) {
        let node = match op_type {
            "LeakyRelu" => float(unary(op_type), "alpha", alpha),
            // The line must not bend within a step of the inputs, odd multiples of 0.05.
            "HardSigmoid" => float(unary(op_type), "alpha", 0.25),
            "ThresholdedRelu" => float(unary(op_type), "alpha", (alpha * 10.0).round() / 10.0),
            _ => unary(op_type),
        };
        check_in_any_opset(graph(&[2, 3, 3], vec![node], vec![]), seed, Inputs::Kinked);
    }

    #[test]
    fn smooth(
        op_type in prop::sample::select(vec!["Erf", "Exp", "Neg", "Sigmoid", "Softplus", "Softsign", "Tanh"]), seed: u64
    ) {
        check_in_any_opset(graph(&[2, 3], vec![unary(op_type)], vec![]), seed, SMOOTH);
    }

    #[test]
    fn of_positive_numbers(op_type in prop::sample::select(vec!["Log", "Reciprocal", "Sqrt"]), seed: u64) {
        check_in_any_opset(graph(&[2, 3], vec![unary(op_type)], vec![]), seed, POSITIVE);
    }

    #[test]
    fn linear_then_exponential(
        op_type in prop::sample::select(vec!["Celu", "Elu", "Selu"]), alpha in prop::option::of(0.3..2.0_f32), seed: u64
    ) {
        let node = alpha.map_or_else(|| unary(op_type), |alpha| float(unary(op_type), "alpha", alpha));
        check_in_any_opset(graph(&[2, 3, 3], vec![node], vec![]), seed, Inputs::Kinked);
    }

    #[test]
    fn gelu(approximate in prop::sample::select(vec![None, Some("none"), Some("tanh")]), seed: u64) {
        let node = match approximate {
            Some(approximate) => unary("Gelu").with("approximate", Attribute::String(approximate.to_owned())),
            None => unary("Gelu"),
        };
        check_at_20(node, seed, SMOOTH);
    }

    #[test]
    fn mish(seed: u64) {
        check_at_20(unary("Mish"), seed, SMOOTH);
    }

    #[test]
    fn prelu(shape in 0..4_usize, seed: u64) {
        let shape: &[usize] = [&[1][..], &[2, 1, 1], &[1, 2, 1, 1], &[2, 3, 3]][shape];
        let slope = Numbers::new(seed).tensor(shape);
        let node = Node::new("PRelu", ["x", "slope"], ["y"]);
        check_in_any_opset(graph(&[2, 3, 3], vec![node], vec![("slope", slope)]), seed, Inputs::Kinked);
    }

    #[test]
    fn clip(low in prop::option::of(-4..=0_i8), high in prop::option::of(1..=4_i8), seed: u64) {
        let inputs = ["x", low.map_or("", |_| "low"), high.map_or("", |_| "high")];
        let bounds = [("low", low), ("high", high)];
        let constants = bounds.into_iter().filter_map(|(name, bound)| Some((name, Tensor::scalar(f32::from(bound?) / 10.0))));
        check_in_any_opset(graph(&[2, 3, 3], vec![Node::new("Clip", inputs, ["y"])], constants.collect()), seed, Inputs::Kinked);
    }

    #[test]
    fn softmax_and_its_logarithm(op_type in prop::sample::select(vec!["Softmax", "LogSoftmax"]), axis in prop::sample::select(vec![None, Some(1), Some(2), Some(-1), Some(-2)]), seed: u64) {
        let node = unary(op_type);
        let node = match axis {
            Some(axis) => node.with_int("axis", axis),
            None => node,
        };
        check_in_any_opset(graph(&[3, 4], vec![node], vec![]), seed, SMOOTH);
    }
}
