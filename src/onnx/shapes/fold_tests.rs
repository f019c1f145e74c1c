//! Chains as exporters write them, folded.

use super::super::{Attribute, DataType, ValueInfo};
use super::*;

fn symbolic<const N: usize>(rest: [usize; N]) -> Shape {
    std::iter::once(Dim::Symbol("n".to_owned())).chain(rest.map(Dim::Size)).collect()
}

fn ints(values: &[i64]) -> Tensor {
    Tensor::from_ints(values)
}

fn int(value: i64) -> Tensor {
    ints(&[value]).reshaped(Vec::new()).unwrap()
}

/// The graph of `nodes` from `x` to the last one's output, folded.
fn folded(x: Shape, nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
    let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
    let output = nodes.last().unwrap().outputs[0].clone();
    let mut graph = Graph {
        opset: 17,
        inputs: vec![value("x", Some(x))],
        outputs: vec![value(&output, None)],
        nodes,
        initializers: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        ..Graph::default()
    };
    graph.fold_shapes().unwrap();
    graph
}

fn op_types(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.op_type.as_str()).collect()
}

/// `size(x)[axis]` as PyTorch's legacy exporter writes it.
fn size(axis: &str, to: &str) -> [Node; 2] {
    let shape = format!("{to}_shape");
    [Node::new("Shape", ["x"], [shape.as_str()]), Node::new("Gather", [shape.as_str(), axis], [to])]
}

#[test]
fn the_legacy_exporters_channel_shuffle() {
    // x.view(batch, groups, channels // groups, height, width), of which the halves come by Div and two Casts.
    let [n, c, h, w] = [size("0", "n"), size("1", "c"), size("2", "h"), size("3", "w")];
    let unsqueeze = |from: &str| Node::new("Unsqueeze", [from, "zero"], [format!("{from}_list").as_str()]);
    let mut nodes: Vec<Node> = [n, c, h, w].into_iter().flatten().collect();
    nodes.extend([
        Node::new("Div", ["c", "groups"], ["half"]),
        Node::new("Cast", ["half"], ["half_int"]).with_int("to", 7),
        Node::new("Cast", ["half_int"], ["part"]).with_int("to", 7),
    ]);
    nodes.extend(["n", "part", "h", "w"].map(unsqueeze));
    let parts = ["n_list", "two", "part_list", "h_list", "w_list"];
    nodes.push(Node::new("Concat", parts, ["target"]).with_int("axis", 0));
    nodes.push(Node::new("Reshape", ["x", "target"], ["y"]));
    let constants = || {
        let axes = [("0", 0), ("1", 1), ("2", 2), ("3", 3), ("groups", 2)].map(|(name, value)| (name, int(value)));
        [axes.to_vec(), vec![("two", ints(&[2])), ("zero", ints(&[0]))]].concat()
    };
    let graph = folded(symbolic([116, 28, 28]), nodes.clone(), constants());
    assert_eq!(op_types(&graph), ["Reshape"]);
    assert_eq!(graph.initializers["y/target"], ints(&[0, 2, 58, 28, 28]));
    let graph = folded([1, 116, 28, 28].map(Dim::Size).to_vec(), nodes, constants());
    assert_eq!(graph.initializers["target"], ints(&[1, 2, 58, 28, 28]));
}

#[test]
fn sizes_scaled_as_floats_and_floored() {
    // interpolate(scale_factor=2.5): the sizes go through float and back.
    let [h, w] = [size("2", "h"), size("3", "w")];
    let scaled = |from: &str| {
        let name = |what: &str| format!("{from}_{what}");
        [
            Node::new("Cast", [from], [name("float")]).with_int("to", 1),
            Node::new("Mul", [name("float").as_str(), "factor"], [name("scaled")]),
            Node::new("Floor", [name("scaled")], [name("floor")]),
            Node::new("Cast", [name("floor")], [name("int")]).with_int("to", 7),
            Node::new("Unsqueeze", [name("int").as_str(), "zero"], [name("list")]),
        ]
    };
    let mut nodes: Vec<Node> = [h, w].into_iter().flatten().chain(scaled("h")).chain(scaled("w")).collect();
    nodes.extend([
        Node::new("Shape", ["x"], ["all"]),
        Node::new("Slice", ["all", "zero", "two", "zero"], ["front"]),
        Node::new("Concat", ["front", "h_list", "w_list"], ["sizes"]).with_int("axis", 0),
        Node::new("Resize", ["x", "", "", "sizes"], ["y"]),
    ]);
    let constants =
        vec![("2", int(2)), ("3", int(3)), ("factor", Tensor::scalar(2.5)), ("zero", ints(&[0])), ("two", ints(&[2]))];
    let graph = folded([1, 8, 5, 6].map(Dim::Size).to_vec(), nodes.clone(), constants.clone());
    assert_eq!(op_types(&graph), ["Resize"]);
    assert_eq!(graph.initializers["sizes"], ints(&[1, 8, 12, 15]));
    let graph = folded(symbolic([8, 5, 6]), nodes, constants);
    assert_eq!(graph.shapes().unwrap()["y"], symbolic([8, 12, 15]), "though the batch stays open");
}

#[test]
fn tensorflows_shapes_of_int32() {
    let to = |node: Node, code: i64| node.with_int("to", code);
    let nodes = vec![
        Node::new("Shape", ["x"], ["shape"]),
        to(Node::new("Cast", ["shape"], ["narrow"]), 6),
        Node::new("Slice", ["narrow", "zero", "one", "zero"], ["slice"]),
        Node::new("Squeeze", ["slice", "zero"], ["n"]),
        Node::new("Unsqueeze", ["n", "zero"], ["list"]),
        Node::new("Concat", ["list", "rest"], ["packed"]).with_int("axis", 0),
        to(Node::new("Cast", ["packed"], ["target"]), 7),
        Node::new("Reshape", ["x", "target"], ["y"]),
    ];
    let rest = Tensor::new(DataType::Int32, vec![1], 24_i32.to_le_bytes().to_vec().into()).unwrap();
    let constants = vec![("zero", ints(&[0])), ("one", ints(&[1])), ("rest", rest)];
    let graph = folded(symbolic([2, 3, 4]), nodes, constants);
    assert_eq!(op_types(&graph), ["Reshape"]);
    assert_eq!(graph.shapes().unwrap()["y"], symbolic([24]));
}

#[test]
fn the_legacy_exporters_expand() {
    // x.expand(n, 3, 4): -1 in the shape asked for would mean the length there is.
    let ones = || Attribute::Tensor(ints(&[1]));
    let [n, _] = [size("0", "n"), size("1", "c")];
    let mut nodes = n.to_vec();
    nodes.extend([
        Node::new("Unsqueeze", ["n", "zero"], ["list"]),
        Node::new("Concat", ["list", "rest"], ["asked"]).with_int("axis", 0),
        Node::new("Shape", ["asked"], ["rank"]),
        Node::new("ConstantOfShape", ["rank"], ["ones"]).with("value", ones()),
        Node::new("Mul", ["ones", "minus_one"], ["minus_ones"]),
        Node::new("Equal", ["asked", "minus_ones"], ["keeps"]),
        Node::new("Where", ["keeps", "ones", "asked"], ["shape"]),
        Node::new("Expand", ["x", "shape"], ["y"]),
    ]);
    let constants = vec![("0", int(0)), ("zero", ints(&[0])), ("rest", ints(&[3, -1])), ("minus_one", int(-1))];
    let graph = folded(symbolic([1, 4]), nodes.clone(), constants.clone());
    assert_eq!(graph.shapes().unwrap()["y"], symbolic([3, 4]));
    let graph = folded([2, 1, 4].map(Dim::Size).to_vec(), nodes, constants);
    assert_eq!(op_types(&graph), ["Expand"]);
    assert_eq!(graph.initializers["shape"], ints(&[2, 3, 1]));
}

#[test]
fn ranges_and_other_arithmetic() {
    let nodes = vec![
        Node::new("Range", ["start", "limit", "step"], ["range"]),
        Node::new("Mod", ["range", "three"], ["rest"]),
        Node::new("ReduceProd", ["list"], ["product"]).with_int("keepdims", 1),
        Node::new("Min", ["rest", "product"], ["least"]),
        Node::new("Sub", ["least", "start"], ["difference"]),
        Node::new("Neg", ["difference"], ["negative"]),
        Node::new("Gather", ["x", "negative"], ["y"]).with_int("axis", 1),
    ];
    let constants = vec![
        ("start", int(1)),
        ("limit", int(10)),
        ("step", int(2)),
        ("three", ints(&[3])),
        ("list", ints(&[1, 2, 1])),
    ];
    let graph = folded(symbolic([4]), nodes, constants);
    // range 1 3 5 7 9, rest 1 0 2 1 0, least 1 0 2 1 0, difference 0 -1 1 0 -1
    assert_eq!(graph.initializers["negative"], ints(&[0, 1, -1, 0, 1]));
    assert_eq!(op_types(&graph), ["Gather"]);
}

#[test]
fn statistics_left_as_arithmetic() {
    let nodes = vec![
        Node::new("Add", ["variance", "epsilon"], ["sum"]),
        Node::new("Sqrt", ["sum"], ["deviation"]),
        Node::new("Reciprocal", ["deviation"], ["inverse"]),
        Node::new("Mul", ["x", "inverse"], ["y"]),
    ];
    let variance = Tensor::from_floats(&[2, 1], &[0.25, 4.0]);
    let graph = folded(symbolic([2, 3]), nodes, vec![("variance", variance), ("epsilon", Tensor::scalar(0.0))]);
    assert_eq!(graph.initializers["inverse"], Tensor::from_floats(&[2, 1], &[2.0, 0.5]));
    assert_eq!(op_types(&graph), ["Mul"]);
}

#[test]
fn weights_in_another_layout() {
    let weights: Vec<f32> = (0..6).map(|value| value as f32).collect();
    let nodes = vec![
        Node::new("Identity", ["w"], ["same"]),
        Node::new("Transpose", ["same"], ["turned"]).with_ints("perm", [1, 0]),
        Node::new("Unsqueeze", ["turned", "zero"], ["more"]),
        Node::new("MatMul", ["x", "more"], ["y"]),
    ];
    let constants = vec![("w", Tensor::from_floats(&[2, 3], &weights)), ("zero", ints(&[0]))];
    let graph = folded(symbolic([4, 3]), nodes, constants);
    assert_eq!(op_types(&graph), ["MatMul"]);
    assert_eq!(graph.initializers["more"], Tensor::from_floats(&[1, 3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
}

#[test]
fn a_large_weight_is_turned_too() {
    let count = 2 * 3 * 1024;
    let weights: Vec<f32> = (0..count).map(|value| value as f32).collect();
    let node = Node::new("Transpose", ["w"], ["turned"]).with_ints("perm", [2, 0, 1]);
    let constants = vec![("w", Tensor::from_floats(&[2, 3, 1024], &weights))];
    let graph = folded(symbolic([1]), vec![node, Node::new("Mul", ["x", "turned"], ["y"])], constants);
    let turned = graph.initializers["turned"].floats().unwrap();
    assert_eq!(turned[..8], [0.0, 1024.0, 2048.0, 3072.0, 4096.0, 5120.0, 1.0, 1025.0]);
}

#[test]
fn the_legacy_exporters_padding() {
    // Pads of the last axis first become ONNX's: rows of [before, after], turned upside down, all befores and then all afters.
    let nodes = vec![
        Node::new("ConstantOfShape", ["missing"], ["zeros"]).with("value", Attribute::Tensor(ints(&[0]))),
        Node::new("Concat", ["pads", "zeros"], ["all"]).with_int("axis", 0),
        Node::new("Reshape", ["all", "pairs"], ["rows"]),
        Node::new("Slice", ["rows", "last", "before_first", "zero", "last"], ["turned"]),
        Node::new("Transpose", ["turned"], ["columns"]).with_ints("perm", [1, 0]),
        Node::new("Reshape", ["columns", "last"], ["list"]),
        Node::new("Cast", ["list"], ["onnx"]).with_int("to", 7),
        Node::new("Pad", ["x", "onnx", ""], ["y"]),
    ];
    let constants = vec![
        ("missing", ints(&[4])),
        ("pads", ints(&[1, 2, 3, 4])),
        ("pairs", ints(&[-1, 2])),
        ("last", ints(&[-1])),
        ("before_first", ints(&[-i64::MAX])),
        ("zero", ints(&[0])),
    ];
    let graph = folded(symbolic([3, 8, 8]), nodes, constants);
    assert_eq!(op_types(&graph), ["Pad"]);
    assert_eq!(graph.constant(&graph.nodes[0].inputs[1]).unwrap(), &ints(&[0, 0, 3, 1, 0, 0, 4, 2]));
    assert_eq!(graph.shapes().unwrap()["y"], symbolic([3, 15, 11]));
}
