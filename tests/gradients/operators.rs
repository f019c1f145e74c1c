//! Products, arithmetic and changes of layout against finite differences.

use glassbox::onnx::{Attribute, DataType, Node, Tensor};
use proptest::prelude::*;

use super::{Inputs, Numbers, POSITIVE, SMOOTH, check, check_in_any_opset, graph};

fn unary(op_type: &str) -> Node {
    Node::new(op_type, ["x"], ["y"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gemm(inputs in 1..=5_usize, outputs in 1..=5_usize, transposed: bool, alpha in 0.5..2.0_f32, beta in 0.5..2.0_f32, seed: u64) {
        let mut numbers = Numbers::new(seed);
        let weights = numbers.tensor(&if transposed { [outputs, inputs] } else { [inputs, outputs] });
        let node = Node::new("Gemm", ["x", "w", "c"], ["y"])
            .with("alpha", Attribute::Float(alpha))
            .with("beta", Attribute::Float(beta))
            .with_int("transB", i64::from(transposed));
        check_in_any_opset(graph(&[inputs], vec![node], vec![("w", weights), ("c", numbers.tensor(&[outputs]))]), seed, Inputs::Kinked);
    }

    #[test]
    fn matmul_with_a_constant(rows in prop::option::of(1..=3_usize), inputs in 1..=4_usize, outputs in 1..=4_usize, seed: u64) {
        let sizes: Vec<usize> = rows.into_iter().chain([inputs]).collect();
        let weights = Numbers::new(seed).tensor(&[inputs, outputs]);
        check_in_any_opset(graph(&sizes, vec![Node::new("MatMul", ["x", "w"], ["y"])], vec![("w", weights)]), seed, Inputs::Kinked);
    }

    #[test]
    fn matmul_from_the_left(rows in 1..=3_usize, inner in 1..=3_usize, columns in 1..=3_usize, seed: u64) {
        let weights = Numbers::new(seed).tensor(&[rows, inner]);
        check_in_any_opset(graph(&[inner, columns], vec![Node::new("MatMul", ["w", "x"], ["y"])], vec![("w", weights)]), seed, Inputs::Kinked);
    }

    #[test]
    fn matmul_repeated_over_a_batch_dimension(heads in 1..=3_usize, seed: u64) {
        // [n, 1, 3, 2] x [heads, 2, 2], then x [heads, 2, 3] from the left.
        let mut numbers = Numbers::new(seed);
        let (right, left) = (numbers.tensor(&[heads, 2, 2]), numbers.tensor(&[heads, 2, 3]));
        let nodes = |inputs| vec![Node::new("MatMul", inputs, ["y"])];
        check_in_any_opset(graph(&[1, 3, 2], nodes(["x", "w"]), vec![("w", right)]), seed, Inputs::Kinked);
        check_in_any_opset(graph(&[1, 3, 2], nodes(["w", "x"]), vec![("w", left)]), seed, Inputs::Kinked);
    }

    #[test]
    fn matmul_of_activations(rows in 1..=3_usize, columns in 1..=3_usize, heads in prop::option::of(1..=2_usize), seed: u64) {
        let sizes: Vec<usize> = heads.into_iter().chain([rows, columns]).collect();
        let mut permutation: Vec<i64> = (0..=sizes.len() as i64).collect();
        permutation.swap(sizes.len() - 1, sizes.len());
        let nodes = vec![
            Node::new("Sigmoid", ["x"], ["s"]),
            Node::new("Transpose", ["s"], ["t"]).with_ints("perm", permutation),
            Node::new("MatMul", ["x", "t"], ["y"]),
        ];
        check_in_any_opset(graph(&sizes, nodes, vec![]), seed, SMOOTH);
    }

    #[test]
    fn arithmetic_of_activations(
        op_type in prop::sample::select(vec!["Add", "Sub", "Mul", "Div"]), repeated in 0..3_usize, swapped: bool, seed: u64
    ) {
        // One operand is a mean of the other over no axis, over one, or over both.
        let axes: &[i64] = [&[][..], &[2], &[2, 3]][repeated];
        let reduced = match axes {
            [] => Node::new("Sigmoid", ["x"], ["r"]),
            axes => Node::new("ReduceMean", ["x"], ["r"]).with_ints("axes", axes),
        };
        let operands = if swapped { ["r", "x"] } else { ["x", "r"] };
        check(&graph(&[2, 3, 2], vec![reduced, Node::new(op_type, operands, ["y"])], vec![]), seed, POSITIVE);
    }

    #[test]
    fn arithmetic_with_constants(
        op_type in prop::sample::select(vec!["Add", "Sub", "Mul", "Div", "Sum"]), shape in 0..4_usize, swapped: bool, seed: u64
    ) {
        let shape: &[usize] = [&[][..], &[2], &[3, 1, 1], &[1, 3, 2, 2]][shape];
        let constant = Numbers::new(seed).uniform(shape, 0.5, 2.0);
        let constant = Tensor::from_floats(shape, constant.as_slice().unwrap());
        let operands = if swapped { ["c", "x"] } else { ["x", "c"] };
        check_in_any_opset(graph(&[3, 2, 2], vec![Node::new(op_type, operands, ["y"])], vec![("c", constant)]), seed, POSITIVE);
    }

    #[test]
    fn reshapes(choice in 0..7_usize, seed: u64) {
        let axes = || vec![("axes", Tensor::from_ints(&[2]))];
        let (sizes, node, constants): (&[usize], _, _) = match choice {
            0 => (&[2, 3, 2], unary("Flatten"), vec![]),
            1 => (&[2, 3, 2], Node::new("Reshape", ["x", "s"], ["y"]), vec![("s", Tensor::from_ints(&[0, 3, -1]))]),
            2 => (&[3, 1], Node::new("Squeeze", ["x", "axes"], ["y"]), axes()),
            3 => (&[3, 2], Node::new("Unsqueeze", ["x", "axes"], ["y"]), axes()),
            4 => (&[2, 3, 2], unary("Cast").with_int("to", DataType::Float as i64), vec![]),
            5 => (&[2, 3, 2], unary("Dropout"), vec![]),
            _ => (&[2, 3, 2], unary("Identity"), vec![]),
        };
        check_in_any_opset(graph(sizes, vec![node], constants), seed, Inputs::Kinked);
    }

    #[test]
    fn reshape_to_a_computed_shape(seed: u64) {
        let nodes = vec![
            unary("Dropout"),
            Node::new("Shape", ["y"], ["all"]),
            Node::new("Gather", ["all", "first"], ["batch"]),
            Node::new("Concat", ["batch", "rest"], ["shape"]).with_int("axis", 0),
            Node::new("Reshape", ["y", "shape"], ["z"]),
        ];
        let constants = vec![("first", Tensor::from_ints(&[0])), ("rest", Tensor::from_ints(&[-1]))];
        let graph = graph(&[2, 3], nodes, constants);
        let mut shapes = super::shapes(&{
            let mut floats = graph.clone();
            floats.nodes = vec![graph.nodes[0].clone(), Node::new("Flatten", ["y"], ["z"])];
            floats.prune();
            floats
        });
        shapes.remove("shape");
        let vjps = [glassbox::autodiff::Vjp { rule: glassbox::autodiff::Rule::Standard, wrt: vec!["x"] }];
        let gradients = glassbox::autodiff::differentiate(&graph, &shapes, "z", &vjps, &[]).unwrap();
        let (x, dz) = (Numbers::new(seed).uniform(&[1, 2, 3], -1.0, 1.0), Numbers::new(seed).uniform(&[2, 6], -1.0, 1.0));
        let outputs = crate::onnx_runtime::run(&gradients, &[("x", &x), ("cotangent", &dz)]);
        prop_assert_eq!(outputs["gradient/standard/x"].iter().collect::<Vec<_>>(), dz.iter().collect::<Vec<_>>());
    }

    #[test]
    fn transpose(permutation in Just(vec![1, 2, 3]).prop_shuffle(), seed: u64) {
        let permutation: Vec<i64> = [0].into_iter().chain(permutation).collect();
        check_in_any_opset(graph(&[2, 3, 4], vec![unary("Transpose").with_ints("perm", permutation)], vec![]), seed, Inputs::Kinked);
    }

    #[test]
    fn tile(repeats in prop::array::uniform3(1..=3_i64), seed: u64) {
        let repeats = Tensor::from_ints(&[1, repeats[0], repeats[1], repeats[2]]);
        check_in_any_opset(graph(&[2, 1, 2], vec![Node::new("Tile", ["x", "r"], ["y"])], vec![("r", repeats)]), seed, Inputs::Kinked);
    }

    #[test]
    fn expand(shape in 0..4_usize, seed: u64) {
        let shape: &[i64] = [&[1, 2, 3, 4][..], &[3, 1], &[4], &[1, 1, 1, 1]][shape];
        let node = Node::new("Expand", ["x", "s"], ["y"]);
        check_in_any_opset(graph(&[2, 3, 1], vec![node], vec![("s", Tensor::from_ints(shape))]), seed, Inputs::Kinked);
    }

    #[test]
    fn space_and_depth(block in 1..=3_i64, mode in prop::sample::select(vec![None, Some("DCR"), Some("CRD")]), seed: u64) {
        let (blocks, size) = ((block * block) as usize, block as usize);
        let node = unary("DepthToSpace").with_int("blocksize", block);
        let node = match mode {
            Some(mode) => node.with("mode", Attribute::String(mode.to_owned())),
            None => node,
        };
        check_in_any_opset(graph(&[2 * blocks, 1, 2], vec![node], vec![]), seed, Inputs::Kinked);
        let node = unary("SpaceToDepth").with_int("blocksize", block);
        check_in_any_opset(graph(&[2, size, 2 * size], vec![node], vec![]), seed, Inputs::Kinked);
    }

    #[test]
    fn split_into_equal_parts_but_the_last(parts in 1..=3_usize, length in 3..=5_usize, seed: u64) {
        prop_assume!(length.div_ceil(parts) * (parts - 1) < length);
        let names = ["a", "b", "c"];
        let nodes = vec![
            Node::new("Split", ["x"], names[..parts].iter().copied()).with_int("axis", 1).with_int("num_outputs", parts as i64),
            Node::new("Concat", names[..parts].iter().rev().copied(), ["y"]).with_int("axis", 1),
        ];
        let mut graph = graph(&[length, 2], nodes, vec![]);
        graph.opset = 18;
        check(&graph, seed, Inputs::Kinked);
    }

    #[test]
    fn concat_and_split(axis in 1..=3_i64, negative: bool, seed: u64) {
        let axis = if negative { axis - 4 } else { axis };
        let nodes = vec![
            Node::new("Split", ["x", "parts"], ["a", "b", "c"]).with_int("axis", axis),
            Node::new("Relu", ["b"], ["r"]),
            Node::new("Concat", ["c", "x", "r", "c"], ["y"]).with_int("axis", axis),
        ];
        check_without_shapes_of_parts(&nodes, axis, seed);
    }

}

/// Checks a graph that splits `x` into three parts of 1, 2 and 1 along `axis`.
fn check_without_shapes_of_parts(nodes: &[Node], axis: i64, seed: u64) {
    let mut sizes = [2, 2, 2];
    sizes[(axis.rem_euclid(4) - 1) as usize] = 4;
    let graph = graph(&sizes, nodes.to_vec(), vec![("parts", Tensor::from_ints(&[1, 2, 1]))]);
    check(&graph, seed, Inputs::Kinked);
}
