//! Normalization against finite differences.

use glassbox::onnx::{Attribute, Graph, Node, Tensor};
use proptest::prelude::*;

use super::{Inputs, Numbers, SMOOTH, check, check_in_any_opset, graph};

fn epsilon(node: Node, value: f32) -> Node {
    node.with("epsilon", Attribute::Float(value))
}

/// `node` with `scale` and `bias` of a shape.
fn scaled(sizes: &[usize], node: Node, shape: &[usize], seed: u64) -> Graph {
    let mut numbers = Numbers::new(seed);
    let constants = vec![("scale", numbers.tensor(shape)), ("bias", numbers.tensor(shape))];
    graph(sizes, vec![node], constants)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batch_normalization(spatial in prop::option::of(1..=3_usize), epsilon in 1e-5..0.1_f32, seed: u64) {
        let mut numbers = Numbers::new(seed);
        let sizes: Vec<usize> = [3].into_iter().chain(spatial.map(|side| [side, 2]).into_iter().flatten()).collect();
        let variance = Tensor::from_floats(&[3], numbers.uniform(&[3], 0.1, 2.0).as_slice().unwrap());
        let node = Node::new("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"]).with("epsilon", Attribute::Float(epsilon));
        let constants = vec![("s", numbers.tensor(&[3])), ("b", numbers.tensor(&[3])), ("m", numbers.tensor(&[3])), ("v", variance)];
        check_in_any_opset(graph(&sizes, vec![node], constants), seed, Inputs::Kinked);
    }

    #[test]
    fn layer_normalization(axis in prop::sample::select(vec![None, Some(-1), Some(-2), Some(1), Some(2)]), with_bias: bool, seed: u64) {
        let sizes = [2, 3, 4];
        let first = axis.map_or(3, |axis: i64| axis.rem_euclid(4)) as usize;
        let mut node = epsilon(Node::new("LayerNormalization", ["x", "scale", "bias"], ["y"]), 0.01);
        if let Some(axis) = axis {
            node = node.with_int("axis", axis);
        }
        if !with_bias {
            node.inputs.truncate(2);
        }
        let mut graph = scaled(&sizes, node, &sizes[first - 1..], seed);
        graph.prune();
        check_in_any_opset(graph, seed, SMOOTH);
    }

    #[test]
    fn instance_normalization(width in prop::option::of(1..=3_usize), seed: u64) {
        let sizes: Vec<usize> = [2, 3].into_iter().chain(width).collect();
        let node = epsilon(Node::new("InstanceNormalization", ["x", "scale", "bias"], ["y"]), 0.01);
        check_in_any_opset(scaled(&sizes, node, &[2], seed), seed, SMOOTH);
    }

    #[test]
    fn group_normalization(groups in prop::sample::select(vec![1_usize, 2, 4]), opset in 18..=21_i64, seed: u64) {
        let node = epsilon(Node::new("GroupNormalization", ["x", "scale", "bias"], ["y"]), 0.01);
        let count = if opset < 21 { groups } else { 4 };
        let mut graph = scaled(&[4, 2, 2], node.with_int("num_groups", groups as i64), &[count], seed);
        graph.opset = opset;
        check(&graph, seed, SMOOTH);
    }

    #[test]
    fn local_response_normalization(
        channels in 1..=6_usize, size in prop::sample::select(vec![1, 3, 5]), alpha in 0.1..2.0_f32, beta in 0.3..1.0_f32, seed: u64
    ) {
        let node = Node::new("LRN", ["x"], ["y"])
            .with_int("size", size)
            .with("alpha", Attribute::Float(alpha))
            .with("beta", Attribute::Float(beta))
            .with("bias", Attribute::Float(1.5));
        check_in_any_opset(graph(&[channels, 2, 2], vec![node], vec![]), seed, SMOOTH);
    }
}
