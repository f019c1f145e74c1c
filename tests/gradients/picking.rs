//! Slices, lists of places and borders against finite differences.

use glassbox::onnx::{Attribute, Node, Tensor};
use proptest::prelude::*;

use super::{Inputs, check, check_in_any_opset, graph};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slice(axis in 1..=2_i64, start in -5..=4_i64, end in -5..=4_i64, step in prop::sample::select(vec![-3_i64, -2, -1, 1, 2, 3]), seed: u64) {
        let (length, place) = (4, |index: i64| if index < 0 { index + 4 } else { index });
        let (first, last) = (place(start).clamp(0, length - 1), place(end).clamp(-1, length));
        prop_assume!(if step > 0 { first < last && place(start) < length } else { first > last });
        let constants = [("s", start), ("e", end), ("a", axis), ("t", step)].map(|(name, value)| (name, Tensor::from_ints(&[value])));
        check_in_any_opset(graph(&[4, 4], vec![Node::new("Slice", ["x", "s", "e", "a", "t"], ["y"])], constants.to_vec()), seed, Inputs::Kinked);
    }

    #[test]
    fn slice_of_several_axes(starts in prop::array::uniform2(0..=1_i64), backwards: bool, seed: u64) {
        let (ends, step) = if backwards { ([i64::MIN, i64::MIN], -1) } else { ([i64::from(i32::MAX), -1], 1) };
        let starts = if backwards { [-1, 2] } else { starts };
        let list = |batch: i64, [first, second]: [i64; 2]| Tensor::from_ints(&[batch, first, second]);
        let constants = vec![
            ("s", list(0, starts)),
            ("e", list(i64::MAX, ends)),
            ("a", list(0, [2, 1])),
            ("t", list(1, [step, step])),
        ];
        check_in_any_opset(graph(&[3, 3], vec![Node::new("Slice", ["x", "s", "e", "a", "t"], ["y"])], constants), seed, Inputs::Kinked);
    }

    #[test]
    fn gather(axis in prop::sample::select(vec![1_i64, 2, 3, -1, -3]), indices in prop::collection::vec(-3..=2_i64, 1..=5), shape in 0..3_usize, seed: u64) {
        let shape = match shape {
            0 => vec![],
            1 => vec![indices.len()],
            _ => vec![1, indices.len()],
        };
        let indices = if shape.is_empty() { &indices[..1] } else { &indices[..] };
        let indices = Tensor::from_ints(indices).reshaped(shape).unwrap();
        let node = Node::new("Gather", ["x", "i"], ["y"]).with_int("axis", axis);
        check_in_any_opset(graph(&[3, 3, 3], vec![node], vec![("i", indices)]), seed, Inputs::Kinked);
    }

    #[test]
    fn gather_of_a_permutation(permutation in Just(vec![0, 1, 2, 3]).prop_shuffle(), taken in 1..=4_usize, seed: u64) {
        let node = Node::new("Gather", ["x", "i"], ["y"]).with_int("axis", 1);
        let indices = Tensor::from_ints(&permutation[..taken]);
        check_in_any_opset(graph(&[4, 2], vec![node], vec![("i", indices)]), seed, Inputs::Kinked);
    }

    #[test]
    fn pad_with_a_constant(pads in prop::array::uniform4(-1..=2_i64), with_axes: bool, seed: u64) {
        let [top, left, bottom, right] = pads;
        let given = if with_axes { vec![top, left, bottom, right] } else { vec![0, 0, top, left, 0, 0, bottom, right] };
        let constants = vec![("p", Tensor::from_ints(&given)), ("v", Tensor::scalar(0.5)), ("a", Tensor::from_ints(&[-2, 3]))];
        let node = Node::new("Pad", ["x", "p", "v", if with_axes { "a" } else { "" }], ["y"]);
        let mut graph = graph(&[2, 3, 3], vec![node], constants);
        graph.opset = 18;
        graph.prune();
        check(&graph, seed, Inputs::Kinked);
    }

    #[test]
    fn pad_with_its_own_elements(
        mode in prop::sample::select(vec!["reflect", "edge", "wrap"]), pads in prop::array::uniform4(0..=2_i64), seed: u64
    ) {
        let [top, left, bottom, right] = pads;
        let constants = vec![("p", Tensor::from_ints(&[0, 0, top, left, 0, 0, bottom, right]))];
        let node = Node::new("Pad", ["x", "p"], ["y"]).with("mode", Attribute::String(mode.to_owned()));
        let mut graph = graph(&[2, 3, 3], vec![node], constants);
        graph.opset = 19;
        check(&graph, seed, Inputs::Kinked);
    }
}
