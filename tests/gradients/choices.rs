//! Powers, extremes and choices against finite differences.

use bytes::Bytes;
use glassbox::onnx::{DataType, Node, Tensor};
use proptest::prelude::*;

use super::{Inputs, Numbers, POSITIVE, SMOOTH, check_in_any_opset, graph};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn power_with_a_constant_exponent(exponent in prop::sample::select(vec![2.0_f32, 3.0, 0.5, -1.0, 1.0, 0.0]), whole: bool, seed: u64) {
        let constant = if whole { Tensor::from_ints(&[exponent as i64]) } else { Tensor::scalar(exponent) };
        check_in_any_opset(graph(&[2, 3], vec![Node::new("Pow", ["x", "e"], ["y"])], vec![("e", constant)]), seed, POSITIVE);
        let exponents = Numbers::new(seed).tensor(&[2, 1]);
        check_in_any_opset(graph(&[2, 3], vec![Node::new("Pow", ["x", "e"], ["y"])], vec![("e", exponents)]), seed, POSITIVE);
    }

    #[test]
    fn power_with_an_exponent_that_depends_on_the_input(seed: u64) {
        let base = Tensor::from_floats(&[3], &[0.5, 2.0, 1.5]);
        check_in_any_opset(graph(&[2, 3], vec![Node::new("Pow", ["b", "x"], ["y"])], vec![("b", base)]), seed, SMOOTH);
        let nodes = vec![Node::new("Sigmoid", ["x"], ["s"]), Node::new("Pow", ["s", "x"], ["y"])];
        check_in_any_opset(graph(&[2, 3], nodes, vec![]), seed, SMOOTH);
    }

    #[test]
    fn extremes_of_several(op_type in prop::sample::select(vec!["Max", "Min", "Mean"]), seed: u64) {
        // The elements lie at 0.05, 0.15, ..., the constants a third of 0.1 beyond and what is moved two thirds: no operand is
        // nearer than a step to another.
        let constants = vec![("c", Tensor::scalar(0.1833)), ("d", Tensor::from_floats(&[2, 1], &[-0.4167, -0.0167]))];
        let nodes = vec![
            Node::new("Slice", ["x", "zero", "one", "two"], ["part"]),
            Node::new("Add", ["part", "shift"], ["moved"]),
            Node::new(op_type, ["x", "c", "moved", "d"], ["y"]),
        ];
        let ints = [("zero", 0), ("one", 1), ("two", 2)].map(|(name, value)| (name, Tensor::from_ints(&[value])));
        let constants = [constants, ints.to_vec(), vec![("shift", Tensor::scalar(0.3667))]].concat();
        check_in_any_opset(graph(&[2, 3], nodes, constants), seed, Inputs::Kinked);
    }

    #[test]
    fn extremes_of_one(op_type in prop::sample::select(vec!["Max", "Min", "Mean", "Sum"]), seed: u64) {
        check_in_any_opset(graph(&[2, 3], vec![Node::new(op_type, ["x"], ["y"])], vec![]), seed, Inputs::Kinked);
    }

    #[test]
    fn choice_by_a_constant(conditions in prop::array::uniform3(0..=1_u8), seed: u64) {
        let condition = Tensor::new(DataType::Bool, vec![3], Bytes::copy_from_slice(&conditions)).unwrap();
        let nodes = vec![
            Node::new("ReduceSum", ["x", "axes"], ["sum"]),
            Node::new("Where", ["condition", "x", "sum"], ["y"]),
        ];
        check_in_any_opset(graph(&[2, 3], nodes, vec![("condition", condition), ("axes", Tensor::from_ints(&[-1]))]), seed, Inputs::Kinked);
    }

    #[test]
    fn choice_by_the_input(seed: u64) {
        let nodes = vec![
            Node::new("Greater", ["x", "low"], ["condition"]),
            Node::new("Sigmoid", ["x"], ["s"]),
            Node::new("Where", ["condition", "s", "low"], ["y"]),
        ];
        check_in_any_opset(graph(&[2, 3], nodes, vec![("low", Tensor::scalar(0.2))]), seed, Inputs::Kinked);
    }
}
