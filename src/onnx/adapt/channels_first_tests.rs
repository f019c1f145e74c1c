use super::*;
use crate::onnx::{DataType, Dim, ValueInfo};

/// `y`, made of feature maps `x` [n, 4, 6, 5] by the nodes between two transposes, which read and write channels last.
fn between(nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
    let shape = [Dim::Symbol("n".to_owned()), 4.into(), 6.into(), 5.into()];
    let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
    let last = Node::new("Transpose", ["x"], ["last"]).with_ints("perm", TO_LAST);
    let made = nodes.last().unwrap().outputs[0].clone();
    let first = Node::new("Transpose", [made], ["first".to_owned()]).with_ints("perm", TO_FIRST);
    Graph {
        opset: 17,
        inputs: vec![value("x", Some(shape.to_vec()))],
        outputs: vec![value("y", None)],
        nodes: [vec![last], nodes, vec![first, Node::new("Relu", ["first"], ["y"])]].concat(),
        initializers: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        ..Graph::default()
    }
}

/// The graph with its channels kept first, checked to make a `y` of the same shape.
fn rewritten(mut graph: Graph) -> Graph {
    let shape = graph.shapes().unwrap().remove("y");
    graph.keep_channels_first().unwrap();
    assert_eq!(graph.shapes().unwrap().remove("y"), shape);
    graph
}

/// The operators of the graph so rewritten, without the last.
fn operators(nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Vec<String> {
    let mut graph = rewritten(between(nodes, constants));
    graph.nodes.pop();
    graph.nodes.into_iter().map(|node| node.op_type).collect()
}

fn numbers<const N: usize>(shape: [usize; N]) -> Tensor {
    let count: usize = shape.iter().product();
    Tensor::from_floats(&shape, &(0..count).map(|index| index as f32).collect::<Vec<_>>())
}

#[test]
fn what_lies_between_two_transposes_is_computed_channels_first() {
    let one = |node: Node| operators(vec![node], vec![("bias", numbers([4])), ("scalar", Tensor::scalar(6.0))]);
    let node = |op_type, inputs: &[&str]| Node::new(op_type, inputs.iter().copied(), ["z"]);
    for (node, op_type) in [
        (node("Relu", &["last"]), "Relu"),
        (node("Clip", &["last", "", "scalar"]), "Clip"),
        (node("Add", &["last", "bias"]), "Add"),
        (node("Mul", &["scalar", "last"]), "Mul"),
        (node("PRelu", &["last", "bias"]), "PRelu"),
        (node("Softmax", &["last"]), "Softmax"),
        (node("Concat", &["last", "last"]).with_int("axis", 3), "Concat"),
        (node("ReduceMean", &["last"]).with_ints("axes", [1, 2]), "ReduceMean"),
        (node("ReduceMax", &["last"]).with_ints("axes", [-1]), "ReduceMax"),
    ] {
        assert_eq!(one(node), [op_type]);
    }
}

#[test]
fn constants_and_axes_are_moved() {
    let pads = Tensor::from_ints(&[0, 1, 2, 0, 0, 3, 4, 0]);
    let graph = rewritten(between(vec![Node::new("Pad", ["last", "pads"], ["z"])], vec![("pads", pads)]));
    let pads = graph.constant(&graph.nodes[0].inputs[1]).unwrap();
    assert_eq!(pads.ints().unwrap(), [0, 0, 1, 2, 0, 0, 3, 4]);

    let slice = Node::new("Slice", ["last", "starts", "ends"], ["z"]);
    let constants = || {
        vec![
            ("starts", Tensor::from_ints(&[0, 1])),
            ("ends", Tensor::from_ints(&[i64::MAX, 3])),
            ("a", numbers([5, 4])),
        ]
    };
    let graph = rewritten(between(vec![slice], constants()));
    assert_eq!(graph.constant(&graph.nodes[0].inputs[3]).unwrap().ints().unwrap(), [0, 2]);

    let graph = rewritten(between(vec![Node::new("Sub", ["a", "last"], ["z"])], constants()));
    let moved = graph.constant(&graph.nodes[0].inputs[0]).unwrap();
    assert_eq!(moved.shape(), [1, 4, 1, 5]);
    assert_eq!(moved.floats().unwrap()[..6], [0.0, 4.0, 8.0, 12.0, 16.0, 1.0]);
}

#[test]
fn a_gate_made_elsewhere_is_transposed_instead_of_the_maps() {
    let gate = vec![
        Node::new("ReduceMean", ["last"], ["means"]).with_ints("axes", [1, 2]).with_int("keepdims", 0),
        Node::new("MatMul", ["means", "w"], ["scores"]),
        Node::new("Reshape", ["scores", "shape"], ["gate"]),
        Node::new("Mul", ["last", "gate"], ["z"]),
    ];
    let constants = vec![("w", numbers([4, 4])), ("shape", Tensor::from_ints(&[-1, 1, 1, 4]))];
    assert_eq!(operators(gate, constants), ["ReduceMean", "MatMul", "Reshape", "Transpose", "Mul"]);
}

#[test]
fn a_transpose_stays_where_the_order_matters() {
    let dense = vec![Node::new("MatMul", ["last", "w"], ["scores"]), Node::new("Relu", ["scores"], ["z"])];
    let constants = || vec![("w", numbers([4, 4])), ("shape", Tensor::from_ints(&[-1, 6, 5, 4]))];
    assert_eq!(operators(dense, constants()), ["Transpose", "MatMul", "Relu", "Transpose"]);
    let flat = vec![Node::new("Flatten", ["last"], ["flat"]), Node::new("Reshape", ["flat", "shape"], ["z"])];
    assert_eq!(operators(flat, constants()), ["Transpose", "Flatten", "Reshape", "Transpose"]);
    let over_channels = Node::new("ReduceMean", ["last"], ["means"]).with_ints("axes", [3]).with_int("keepdims", 0);
    let back = Node::new("Unsqueeze", ["means", "axes"], ["z"]);
    let constants = vec![("axes", Tensor::from_ints(&[3]))];
    assert_eq!(operators(vec![over_channels, back], constants), ["Transpose", "ReduceMean", "Unsqueeze", "Transpose"]);
}

#[test]
fn outputs_keep_their_names() {
    let mut graph = between(vec![Node::new("Relu", ["last"], ["z"])], vec![]);
    graph.outputs[0].name = "first".to_owned();
    graph.keep_channels_first().unwrap();
    let operators: Vec<_> = graph.nodes.iter().map(|node| node.op_type.as_str()).collect();
    assert_eq!((operators.as_slice(), graph.nodes[1].output(0)), (["Relu", "Identity"].as_slice(), Some("first")));
    let mut graph = between(vec![Node::new("Relu", ["last"], ["z"])], vec![]);
    graph.outputs[0].name = "z".to_owned();
    graph.keep_channels_first().unwrap();
    assert_eq!(graph.nodes.last().unwrap().output(0), Some("z"));
    assert_eq!(graph.shapes().unwrap()["z"][3], Dim::Size(4));
}

#[test]
fn the_layout_of_maps_follows_from_transposes() {
    let dense = vec![Node::new("MatMul", ["last", "w"], ["scores"]), Node::new("Relu", ["scores"], ["z"])];
    let graph = between(dense, vec![("w", numbers([4, 4]))]);
    let layouts = layouts(&graph, &graph.shapes().unwrap());
    assert_eq!(["last", "scores", "z"].map(|name| layouts[name]), [Layout::ChannelsLast; 3]);
    assert!(!layouts.contains_key("first") && !layouts.contains_key("y"));
}
