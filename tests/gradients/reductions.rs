//! Reductions against finite differences.

use glassbox::onnx::{Node, Tensor};
use proptest::prelude::*;

use super::{Inputs, POSITIVE, SMOOTH, check, graph};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reductions(axes in prop::sample::subsequence(vec![1, 2, 3], 1..=3), negative: bool, keep: bool, opset in 17..=21_i64, seed: u64) {
        let axes: Vec<i64> = axes.into_iter().map(|axis| if negative { axis - 4 } else { axis }).collect();
        for op_type in ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"] {
            let constants = vec![("axes", Tensor::from_ints(&axes))];
            let node = if op_type == "ReduceSum" || opset >= 18 {
                Node::new(op_type, ["x", "axes"], ["y"])
            } else {
                Node::new(op_type, ["x"], ["y"]).with_ints("axes", axes.clone())
            };
            let mut graph = graph(&[2, 3, 2], vec![node.with_int("keepdims", i64::from(keep))], constants);
            graph.opset = opset;
            graph.prune();
            let inputs = match op_type {
                // The norm has a kink where all of its elements are 0.
                "ReduceL2" if seed % 2 == 0 => POSITIVE,
                "ReduceL2" => Inputs::Smooth(-2.0, -0.5),
                "ReduceSumSquare" | "ReduceLogSumExp" => SMOOTH,
                _ => Inputs::Kinked,
            };
            check(&graph, seed, inputs);
        }
    }
}
