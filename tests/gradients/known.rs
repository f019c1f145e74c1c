//! Known answers: ties, rectifier rules, and what is in the graph.

use glassbox::autodiff::{self, COTANGENT, Error, Rule, Vjp, gradient_name};
use glassbox::onnx::{Attribute, Graph, Node, Tensor};
use ndarray::ArrayD;

use super::{gradient, gradient_by, gradient_graph, graph, shapes};
use crate::onnx_runtime::run;

fn array(shape: &[usize], values: &[f32]) -> ArrayD<f32> {
    ArrayD::from_shape_vec(shape, values.to_vec()).unwrap()
}

fn op_types(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.op_type.as_str()).collect()
}

fn max_pool(strides: i64) -> Node {
    max_pool_of("x", strides)
}

fn max_pool_of(value: &str, strides: i64) -> Node {
    Node::new("MaxPool", [value], ["y"]).with_ints("kernel_shape", [2, 2]).with_ints("strides", [strides; 2])
}

#[test]
fn the_first_of_several_maxima_takes_all_in_tiles() {
    #[rustfmt::skip]
    let x = [
        3.0, 3.0,   0.0, 1.0,
        3.0, 3.0,   1.0, 1.0,
    ];
    let [cotangent, other] = [[5.0, 7.0], [1.0, 2.0]];
    let routed = |[first, second]: [f32; 2]| [first, 0.0, 0.0, second, 0.0, 0.0, 0.0, 0.0];
    // 16 channels are computed in ONNX Runtime's blocked layout.
    for channels in [1, 16] {
        let graph = gradient_graph(&graph(&[channels, 2, 4], vec![max_pool(2)], vec![]), Rule::Standard);
        let x = array(&[1, channels, 2, 4], &x.repeat(channels));
        let gradient = |graph: &Graph, cotangents: &[[f32; 2]]| {
            let values: Vec<f32> = cotangents.iter().flat_map(|cotangent| cotangent.repeat(channels)).collect();
            let cotangents = array(&[cotangents.len(), channels, 1, 2], &values);
            run(graph, &[("x", &x), (COTANGENT, &cotangents)]).remove(&gradient_name(Rule::Standard, "x")).unwrap()
        };
        let both = [routed(cotangent).repeat(channels), routed(other).repeat(channels)].concat();
        assert_eq!(gradient(&graph, &[cotangent, other]), array(&[2, channels, 2, 4], &both));
        assert!(!op_types(&graph).contains(&"ScatterElements"));

        let alone = gradient(&graph.with_batch(1), &[cotangent]);
        assert_eq!(alone, array(&[1, channels, 2, 4], &routed(cotangent).repeat(channels)));
    }
}

#[test]
fn the_first_of_several_maxima_takes_all_where_windows_overlap_and_overlaps_add_up() {
    let graph = graph(&[1, 2, 3], vec![max_pool(1)], vec![]);
    #[rustfmt::skip]
    let x = array(&[1, 1, 2, 3], &[
        0.0, 3.0, 3.0,
        3.0, 3.0, 3.0,
    ]);
    let gradient = gradient(&graph, &x, &array(&[1, 1, 1, 2], &[5.0, 7.0]));
    assert_eq!(gradient, array(&[1, 1, 2, 3], &[0.0, 12.0, 0.0, 0.0, 0.0, 0.0]));
    assert!(op_types(&gradient_graph(&graph, Rule::Standard)).contains(&"ScatterElements"));
}

#[test]
fn the_gradient_of_a_picture_is_computed_in_squares_where_they_come_out_even() {
    let squares = |channels, size, stride| {
        let kernels = Tensor::from_floats(&[16, channels, 3, 3], &vec![1.0; 16 * channels * 9]);
        let conv = Node::new("Conv", ["x", "w"], ["y"]).with_ints("strides", [stride; 2]).with_ints("pads", [1; 4]);
        let graph = graph(&[channels, size, size], vec![conv], vec![("w", kernels)]);
        op_types(&gradient_graph(&graph, Rule::Standard)).contains(&"DepthToSpace")
    };
    assert!(squares(3, 8, 1) && squares(3, 8, 2) && squares(1, 8, 1));
    assert!(!squares(3, 9, 1), "9 is odd");
    assert!(!squares(5, 8, 1), "a block holds 3 elements of 5 channels");
    assert!(!squares(3, 12, 3), "the side of a square is no multiple of the stride");
}

#[test]
fn the_first_global_maximum_takes_all() {
    let graph = graph(&[1, 2, 2], vec![Node::new("GlobalMaxPool", ["x"], ["y"])], vec![]);
    let gradient = gradient(&graph, &array(&[1, 1, 2, 2], &[0.0, 2.0, 2.0, 1.0]), &array(&[1, 1, 1, 1], &[4.0]));
    assert_eq!(gradient, array(&[1, 1, 2, 2], &[0.0, 4.0, 0.0, 0.0]));
}

#[test]
fn equal_extremes_share() {
    let reduced = Node::new("ReduceMax", ["x"], ["y"]).with_ints("axes", [1]).with_int("keepdims", 0);
    let gradient_of_reduced =
        gradient(&graph(&[3], vec![reduced], vec![]), &array(&[1, 3], &[3.0, 3.0, 1.0]), &array(&[1], &[6.0]));
    assert_eq!(gradient_of_reduced, array(&[1, 3], &[3.0, 3.0, 0.0]));
    let max = Node::new("Max", ["x", "three"], ["y"]);
    let graph = graph(&[3], vec![max], vec![("three", Tensor::scalar(3.0))]);
    let gradient = gradient(&graph, &array(&[1, 3], &[3.0, 1.0, 5.0]), &array(&[1, 3], &[4.0; 3]));
    assert_eq!(gradient, array(&[1, 3], &[2.0, 0.0, 4.0]));
}

#[test]
fn a_norm_of_0_has_the_slope_0() {
    let norm = Node::new("ReduceL2", ["x"], ["y"]).with_ints("axes", [2]);
    let graph = graph(&[2, 2], vec![norm], vec![]);
    let gradient = gradient(&graph, &array(&[1, 2, 2], &[0.0, 0.0, 3.0, -4.0]), &array(&[1, 2, 1], &[5.0, 5.0]));
    assert_eq!(gradient, array(&[1, 2, 2], &[0.0, 0.0, 3.0, -4.0]));
}

#[test]
fn what_moves_the_batch_away_from_the_first_axis_is_refused() {
    let refused = |nodes: Vec<Node>, constants: Vec<(&str, Tensor)>| {
        let graph = graph(&[4, 2], nodes, constants);
        let vjps = [Vjp { rule: Rule::Standard, wrt: vec!["x"] }];
        let error = autodiff::differentiate(&graph, &graph.shapes().unwrap(), "y", &vjps, &[]).unwrap_err();
        assert!(matches!(error, Error::Node { .. }), "{error}");
        error.to_string()
    };
    let node = |op_type, inputs: &[&str]| Node::new(op_type, inputs.iter().copied(), ["y"]);
    let transpose = node("Transpose", &["x"]).with_ints("perm", [1, 0, 2]);
    assert!(refused(vec![transpose], vec![]).contains("the batch as the first axis"));
    let target = || vec![("c", Tensor::from_ints(&[2, -1]))];
    assert!(refused(vec![node("Reshape", &["x", "c"])], target()).contains("the batch as the first axis"));
    assert!(refused(vec![node("ReduceMax", &["x"])], vec![]).contains("mixes the pictures"));
    assert!(refused(vec![node("LogSoftmax", &["x"]).with_int("axis", -3)], vec![]).contains("mixes the pictures"));
    let index = || vec![("c", Tensor::from_ints(&[0]))];
    assert!(refused(vec![node("Gather", &["x", "c"])], index()).contains("changes the batch"));
    let repeats = vec![("c", Tensor::from_ints(&[2, 1, 1]))];
    assert!(refused(vec![node("Tile", &["x", "c"])], repeats).contains("repeats the pictures"));
}

#[test]
fn forms_of_an_operator_that_have_no_rule_are_refused_with_what_is_different() {
    let refused = |sizes: &[usize], node: Node, constants: Vec<(&str, Tensor)>, reason: &str| {
        let graph = graph(sizes, vec![node.clone()], constants);
        let vjps = [Vjp { rule: Rule::Standard, wrt: vec!["x"] }];
        let error = autodiff::differentiate(&graph, &graph.shapes().unwrap(), "y", &vjps, &[]).unwrap_err();
        let error = glassbox::error::Error::from(error);
        assert_eq!(error.code, "not_differentiable");
        assert!(error.message.contains(reason) && error.message.contains(&format!("({})", node.op_type)), "{error}");
    };
    let node = |op_type, inputs: &[&str]| Node::new(op_type, inputs.iter().copied(), ["y"]);
    let cubic = node("Resize", &["x", "", "c"]).with("mode", Attribute::String("cubic".to_owned()));
    refused(&[1, 4, 4], cubic, vec![("c", Tensor::from_floats(&[4], &[1.0, 1.0, 2.0, 2.0]))], "`cubic`");
    let vector = vec![("c", Tensor::from_floats(&[4], &[1.0; 4]))];
    refused(&[4], node("MatMul", &["x", "c"]), vector, "one of its operands is a vector");
    for axes in [1, 3] {
        let pool = node("MaxPool", &["x"]).with_ints("kernel_shape", vec![2; axes]);
        refused(&[&[1][..], &vec![4; axes]].concat(), pool, vec![], "two spatial axes");
        let kernel = [&[1, 1][..], &vec![2; axes]].concat();
        let kernel = Tensor::from_floats(&kernel, &vec![1.0; kernel.iter().product()]);
        refused(
            &[&[1][..], &vec![4; axes]].concat(),
            node("Conv", &["x", "c"]),
            vec![("c", kernel)],
            "two spatial axes",
        );
    }
}

#[test]
fn rectifiers_follow_the_rule() {
    let high = || vec![("zero", Tensor::scalar(0.0)), ("six", Tensor::scalar(6.0))];
    let graphs = [
        graph(&[4], vec![Node::new("Relu", ["x"], ["y"])], vec![]),
        graph(&[4], vec![Node::new("Clip", ["x", "zero", "six"], ["y"])], high()),
    ];
    for graph in graphs {
        let (x, dy) = (array(&[1, 4], &[1.0, 2.0, -1.0, 0.0]), array(&[1, 4], &[-3.0, 4.0, 5.0, 6.0]));
        let by = |rule| gradient_by(&graph, rule, &x, &dy).into_raw_vec_and_offset().0;
        assert_eq!(by(Rule::Standard), [-3.0, 4.0, 0.0, 0.0]);
        assert_eq!(by(Rule::Guided), [0.0, 4.0, 0.0, 0.0]);
        assert_eq!(by(Rule::Deconvnet), [0.0, 4.0, 5.0, 6.0]);
    }
}

/// Two convolutions with `Relu`, a branch that nothing needs, and a head.
#[test]
fn a_rectifier_is_passed_after_the_max_pool_that_alone_reads_it() {
    let graph = graph(&[1, 2, 4], vec![Node::new("Relu", ["x"], ["r"]), max_pool_of("r", 2)], vec![]);
    #[rustfmt::skip]
    let x = array(&[1, 1, 2, 4], &[
        -1.0, -2.0,   -1.0, 3.0,
        -3.0, -1.0,    3.0, 2.0,
    ]);
    let cotangents = array(&[2, 1, 1, 2], &[5.0, 7.0, 5.0, -7.0]);
    let of_second_tile = |values: [f32; 2]| {
        let tile = |value| [0.0, 0.0, 0.0, value, 0.0, 0.0, 0.0, 0.0];
        array(&[2, 1, 2, 4], &values.map(tile).concat())
    };
    for (rule, expected) in [(Rule::Standard, [7.0, -7.0]), (Rule::Guided, [7.0, 0.0])] {
        let vjps = [Vjp { rule, wrt: vec!["x", "r"] }];
        let result = autodiff::differentiate(&graph, &shapes(&graph), "y", &vjps, &[]).unwrap();
        let masked = |value: &str| {
            result
                .nodes
                .iter()
                .any(|node| node.op_type == "HardSigmoid" && node.inputs.iter().any(|name| name == value))
        };
        assert!(masked("y") && !masked("r"), "the maxima are rectified, not what is pooled");

        let gradients = run(&result, &[("x", &x), (COTANGENT, &cotangents)]);
        assert_eq!(gradients[&gradient_name(rule, "x")], of_second_tile(expected), "{rule}");
        let before = &gradients[&gradient_name(rule, "r")];
        let tiles = [[5.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 0.0], [5.0, 0.0, 0.0, -7.0, 0.0, 0.0, 0.0, 0.0]];
        assert_eq!(
            *before,
            array(&[2, 1, 2, 4], &tiles.concat()),
            "the pool itself gives to the first of all zeros, too"
        );
    }
}

fn network() -> Graph {
    let kernels = |seed| super::Numbers::new(seed).tensor(&[2, 2, 3, 3]);
    let conv = |x, w, y| Node::new("Conv", [x, w], [y]).with_ints("pads", [1, 1, 1, 1]);
    let nodes = vec![
        conv("x", "w1", "conv1"),
        Node::new("Relu", ["conv1"], ["relu1"]),
        Node::new("Exp", ["relu1"], ["unneeded"]),
        conv("relu1", "w2", "conv2"),
        Node::new("Relu", ["conv2"], ["relu2"]),
        Node::new("GlobalAveragePool", ["relu2"], ["pool"]),
        Node::new("Flatten", ["pool"], ["logits"]),
        Node::new("Softmax", ["logits"], ["probabilities"]),
    ];
    graph(&[2, 4, 4], nodes, vec![("w1", kernels(1)), ("w2", kernels(2))])
}

#[test]
fn several_rules_and_values_share_one_forward_pass() {
    let network = network();
    let vjps = [
        Vjp { rule: Rule::Standard, wrt: vec!["x", "relu1"] },
        Vjp { rule: Rule::Guided, wrt: vec!["x"] },
        Vjp { rule: Rule::Deconvnet, wrt: vec!["x", "logits"] },
    ];
    let result = autodiff::differentiate(&network, &shapes(&network), "logits", &vjps, &["logits", "relu2"]).unwrap();

    let outputs: Vec<_> = result.outputs.iter().map(|output| output.name.as_str()).collect();
    let gradients = ["standard/x", "standard/relu1", "guided/x", "deconvnet/x", "deconvnet/logits"];
    let expected: Vec<_> = ["logits", "relu2"]
        .into_iter()
        .map(str::to_owned)
        .chain(gradients.map(|name| format!("gradient/{name}")))
        .collect();
    assert_eq!(outputs, expected);
    for name in ["conv1", "relu1", "conv2", "relu2", "pool", "logits"] {
        assert_eq!(result.nodes.iter().filter(|node| node.name == name).count(), 1, "{name}");
    }
    assert!(result.nodes.iter().all(|node| node.name != "unneeded" && node.name != "probabilities"));
    let masks = op_types(&result).into_iter().filter(|&op_type| op_type == "HardSigmoid").count();
    assert_eq!(masks, 2, "each ReLU's mask is made once");

    let mut numbers = super::Numbers::new(3);
    let (x, cotangent) = (numbers.uniform(&[1, 2, 4, 4], -1.0, 1.0), numbers.uniform(&[3, 2], -1.0, 1.0));
    let together = run(&result, &[("x", &x), (COTANGENT, &cotangent)]);
    let flat = |rule| {
        let vjps = [Vjp { rule, wrt: vec!["x"] }];
        let alone = autodiff::differentiate(&network, &shapes(&network), "logits", &vjps, &[]).unwrap();
        run(&alone, &[("x", &x), (COTANGENT, &cotangent)]).remove(&gradient_name(rule, "x")).unwrap()
    };
    for rule in [Rule::Standard, Rule::Guided, Rule::Deconvnet] {
        assert_eq!(together[&gradient_name(rule, "x")], flat(rule));
    }
    assert_eq!(together["gradient/deconvnet/logits"], cotangent);
}

#[test]
fn the_way_back_ends_at_the_value_asked_for() {
    let network = network();
    let vjps = [Vjp { rule: Rule::Standard, wrt: vec!["relu2"] }];
    let result = autodiff::differentiate(&network, &shapes(&network), "logits", &vjps, &["logits", "relu2"]).unwrap();
    let expected = ["Conv", "Relu", "Conv", "Relu", "GlobalAveragePool", "Flatten", "Reshape", "Mul", "Expand"];
    assert_eq!(op_types(&result), expected);
    let transposed = result.initializers.keys().filter(|name| name.contains("transposed")).count();
    assert_eq!(transposed, 0, "kernels are transposed only where they are needed");
}

#[test]
fn the_gradient_of_a_mean_holds_no_constant_as_large_as_what_it_is_of() {
    let mean = Node::new("ReduceMean", ["x"], ["y"]).with_ints("axes", [2, 3]);
    for node in [Node::new("GlobalAveragePool", ["x"], ["y"]), mean] {
        let network = graph(&[3, 1024, 1024], vec![node], vec![]);
        let vjps = [Vjp { rule: Rule::Standard, wrt: vec!["x"] }];
        let result = autodiff::differentiate(&network, &shapes(&network), "y", &vjps, &[]).unwrap();
        let held: usize = result.initializers.values().map(|tensor| tensor.data().len()).sum();
        assert!(held < 1000, "{held}");
    }
}

#[test]
fn the_same_gradient_can_be_two_outputs() {
    let network = graph(&[3], vec![Node::new("Neg", ["x"], ["y"])], vec![]);
    let vjps = [Rule::Standard, Rule::Guided].map(|rule| Vjp { rule, wrt: vec!["x"] });
    let result = autodiff::differentiate(&network, &shapes(&network), "y", &vjps, &[]).unwrap();
    let x = array(&[1, 3], &[1.0, 2.0, 3.0]);
    let outputs = run(&result, &[("x", &x), (COTANGENT, &x)]);
    assert_eq!(outputs["gradient/standard/x"], -x.clone());
    assert_eq!(outputs["gradient/guided/x"], -x);
}

#[test]
fn a_constant_branch_needs_no_rule() {
    let nodes = vec![Node::new("Erf", ["c"], ["e"]), Node::new("Mul", ["x", "e"], ["y"])];
    let graph = graph(&[3], nodes, vec![("c", Tensor::from_floats(&[1], &[0.5]))]);
    let gradient = gradient(&graph, &array(&[1, 3], &[1.0; 3]), &array(&[1, 3], &[1.0, 2.0, 3.0]));
    super::assert_near(&gradient, &array(&[1, 3], &[0.5205, 1.041, 1.5615]), 1e-3);
}

#[test]
fn an_operator_without_a_rule_is_named_only_if_it_is_in_the_way() {
    let nodes = vec![Node::new("CumSum", ["x", "axis"], ["e"]), Node::new("Neg", ["e"], ["y"])];
    let axis = Tensor::from_ints(&[1]).reshaped(vec![]).unwrap();
    let graph = graph(&[3], nodes, vec![("axis", axis)]);
    let differentiate = |value| {
        let vjps = [Vjp { rule: Rule::Standard, wrt: vec![value] }];
        autodiff::differentiate(&graph, &shapes(&graph), "y", &vjps, &[])
    };
    let error = differentiate("x").unwrap_err();
    assert_eq!(error, Error::NoRule { op_type: "CumSum".to_owned(), node: "e".to_owned() });
    let error = glassbox::error::Error::from(error);
    assert_eq!(error.code, "not_differentiable");
    assert!(error.message.contains("`CumSum`") && error.message.contains("`e`"), "{error}");
    assert!(differentiate("e").is_ok());
}

#[test]
fn values_that_are_unknown_or_not_upstream_are_named() {
    let network = network();
    let differentiate = |target, value| {
        let vjps = [Vjp { rule: Rule::Standard, wrt: vec![value] }];
        autodiff::differentiate(&network, &shapes(&network), target, &vjps, &[]).unwrap_err()
    };
    assert_eq!(differentiate("logits", "nowhere"), Error::UnknownValue("nowhere".to_owned()));
    let expected = Error::NotUpstream { value: "relu2".to_owned(), target: "conv1".to_owned() };
    assert_eq!(differentiate("conv1", "relu2"), expected);
}
