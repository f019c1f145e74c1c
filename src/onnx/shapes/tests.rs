use super::super::{DataType, ValueInfo};
use super::*;

fn n() -> Dim {
    Dim::Symbol("n".to_owned())
}

fn sizes<const N: usize>(sizes: [usize; N]) -> Shape {
    sizes.map(Dim::Size).to_vec()
}

/// `[n, ...]`
fn batch<const N: usize>(rest: [usize; N]) -> Shape {
    std::iter::once(n()).chain(rest.map(Dim::Size)).collect()
}

/// A graph with input `x` and these nodes and constants.
fn graph(x: Shape, nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
    let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
    let output = nodes.last().unwrap().outputs[0].clone();
    Graph {
        opset: 17,
        inputs: vec![value("x", Some(x))],
        outputs: vec![value(&output, None)],
        nodes,
        initializers: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        ..Graph::default()
    }
}

/// The shape that a node makes of `x` and constants called `c1`, `c2`, ...
fn inferred(x: Shape, node: Node, constants: Vec<Tensor>) -> Option<Shape> {
    let names: Vec<String> = (1..=constants.len()).map(|index| format!("c{index}")).collect();
    let node = Node { inputs: std::iter::once("x".to_owned()).chain(names.clone()).collect(), ..node };
    let constants = names.iter().map(String::as_str).zip(constants).collect();
    graph(x, vec![node], constants).shapes().unwrap().remove("y")
}

fn node(op_type: &str) -> Node {
    Node::new(op_type, ["x"], ["y"])
}

fn kernels<const N: usize>(shape: [usize; N]) -> Tensor {
    Tensor::from_floats(&shape, &vec![0.0; shape.iter().product()])
}

fn op_types(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.op_type.as_str()).collect()
}

#[test]
fn convolutions_and_pools_slide() {
    let conv = |node: Node, shape| inferred(batch([3, 224, 224]), node, vec![kernels(shape)]).unwrap();
    let same = node("Conv").with_ints("pads", [1, 1, 1, 1]);
    assert_eq!(conv(same.clone(), [64, 3, 3, 3]), batch([64, 224, 224]));
    assert_eq!(conv(same.with_ints("strides", [2, 2]), [64, 3, 3, 3]), batch([64, 112, 112]));
    assert_eq!(conv(node("Conv").with_ints("dilations", [2, 3]), [8, 3, 3, 5]), batch([8, 220, 212]));
    let auto = node("Conv").with("auto_pad", super::super::Attribute::String("SAME_UPPER".to_owned()));
    assert_eq!(conv(auto.with_ints("strides", [3, 2]), [8, 3, 3, 3]), batch([8, 75, 112]));

    let pool = |op_type, ceil| {
        let node =
            node(op_type).with_ints("kernel_shape", [3, 3]).with_ints("strides", [2, 2]).with_int("ceil_mode", ceil);
        inferred(batch([8, 6, 7]), node, vec![]).unwrap()
    };
    assert_eq!(pool("MaxPool", 0), batch([8, 2, 3]));
    assert_eq!(pool("AveragePool", 1), batch([8, 3, 3]));
    // A last window that would begin beyond the end is none.
    let far = node("MaxPool").with_ints("kernel_shape", [1, 1]).with_ints("strides", [3, 3]).with_int("ceil_mode", 1);
    assert_eq!(inferred(batch([8, 5, 6]), far, vec![]).unwrap(), batch([8, 2, 2]));
    assert_eq!(inferred(batch([8, 5, 6]), node("GlobalAveragePool"), vec![]).unwrap(), batch([8, 1, 1]));
}

#[test]
fn lengths_that_only_a_run_tells_stay_open() {
    let x = vec![n(), Dim::Size(3), Dim::Symbol("h".to_owned()), Dim::Symbol("w".to_owned())];
    let shape = inferred(x, node("Conv"), vec![kernels([8, 3, 3, 3])]).unwrap();
    assert_eq!((&shape[0], &shape[1]), (&n(), &Dim::Size(8)));
    assert!(shape[2].size().is_none() && shape[2] != shape[3]);
}

#[test]
fn windows_that_do_not_fit_are_errors_about_the_node() {
    let refused = |node: Node, kernel: Tensor| {
        let node = Node { inputs: vec!["x".to_owned(), "w".to_owned()], ..node };
        graph(batch([3, 4, 4]), vec![node], vec![("w", kernel)]).shapes().unwrap_err().to_string()
    };
    assert!(refused(node("Conv"), kernels([8, 3, 5, 5])).contains("`y` (Conv): its window is larger"));
    assert!(refused(node("Conv"), kernels([8, 4, 3, 3])).contains("3 channels"));
    assert!(refused(node("Conv").with_ints("strides", [0, 1]), kernels([8, 3, 3, 3])).contains("strides"));
    assert!(refused(node("MaxPool"), kernels([1])).contains("kernel_shape"));
}

#[test]
fn matrices_multiply() {
    let gemm = node("Gemm").with_int("transB", 1);
    assert_eq!(inferred(batch([6]), gemm, vec![kernels([10, 6]), kernels([10])]).unwrap(), batch([10]));
    assert_eq!(inferred(batch([5, 6]), node("MatMul"), vec![kernels([6, 10])]).unwrap(), batch([5, 10]));
    assert_eq!(inferred(batch([6]), node("MatMul"), vec![kernels([6])]).unwrap(), batch([]));
}

#[test]
fn matrices_that_do_not_fit_are_errors_about_the_node() {
    let refused = |node: Node, weights: [usize; 2]| {
        let node = Node { inputs: vec!["x".to_owned(), "w".to_owned()], ..node };
        graph(batch([6]), vec![node], vec![("w", kernels(weights))]).shapes().unwrap_err().to_string()
    };
    let gemm = node("Gemm").with_int("transB", 1);
    assert!(refused(gemm, [10, 5]).contains("`y` (Gemm): it takes 5 numbers for each picture, and gets 6"));
    assert!(refused(node("MatMul"), [5, 10]).contains("takes 5 numbers"));
}

#[test]
fn layouts_change() {
    let of = |node: Node, constants| inferred(batch([2, 3, 4]), node, constants).unwrap();
    let ints = |values: &[i64]| Tensor::from_ints(values);
    assert_eq!(of(node("Flatten"), vec![]), batch([24]));
    assert_eq!(of(node("Flatten").with_int("axis", -1), vec![])[1], Dim::Size(4));
    assert_eq!(of(node("Reshape"), vec![ints(&[0, -1, 2])]), batch([12, 2]));
    assert_eq!(of(node("Reshape"), vec![ints(&[-1, 24])]), batch([24]));
    assert_eq!(of(node("Reshape"), vec![ints(&[1, -1])])[0], Dim::Size(1));
    assert_eq!(of(node("Transpose").with_ints("perm", [0, 2, 3, 1]), vec![]), batch([3, 4, 2]));
    assert_eq!(of(node("Concat").with_int("axis", 1), vec![kernels([1, 5, 3, 4])])[1], Dim::Size(7));
    assert_eq!(of(node("Unsqueeze"), vec![ints(&[-1, 1])]), batch([1, 2, 3, 4, 1]));
    assert_eq!(inferred(batch([1, 3, 1]), node("Squeeze"), vec![ints(&[1, -1])]).unwrap(), batch([3]));
    assert_eq!(of(node("Pad"), vec![ints(&[0, 0, 1, 0, 0, 0, 2, -1])]), batch([2, 6, 3]));
    let slice = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]| {
        of(node("Slice"), [starts, ends, axes, steps].map(Tensor::from_ints).to_vec())
    };
    assert_eq!(slice(&[1, -9], &[i64::MAX, -1], &[3, 2], &[2, 1]), batch([2, 2, 2]));
    assert_eq!(slice(&[-1], &[i64::MIN], &[3], &[-1]), batch([2, 3, 4]));
    let empty = [[-1], [i64::MIN], [2], [-1]].map(|value| ints(&value)).to_vec();
    assert_eq!(inferred(batch([2, 0]), node("Slice"), empty).unwrap(), batch([2, 0]));
    assert_eq!(of(node("ReduceMean").with_ints("axes", [-1]).with_int("keepdims", 0), vec![]), batch([2, 3]));
    assert_eq!(of(node("ReduceSum"), vec![ints(&[2, 3])]), batch([2, 1, 1]));
    assert_eq!(of(node("Add"), vec![kernels([3, 1])]), batch([2, 3, 4]));
    assert_eq!(of(node("Gather").with_int("axis", 1), vec![ints(&[0])]), batch([1, 3, 4]));
    assert_eq!(of(node("OneHot"), vec![ints(&[5]), ints(&[0, 1])]), batch([2, 3, 4, 5]));
    assert_eq!(of(node("OneHot").with_int("axis", 1), vec![ints(&[5]), ints(&[0, 1])]), batch([5, 2, 3, 4]));
    assert_eq!(of(node("DepthToSpace").with_int("blocksize", 1), vec![]), batch([2, 3, 4]));
    assert_eq!(of(node("Tile"), vec![ints(&[1, 1, 2, 3])]), batch([2, 6, 12]));
    assert_eq!(
        inferred(batch([2, 4, 6]), node("SpaceToDepth").with_int("blocksize", 2), vec![]),
        Some(batch([8, 2, 3]))
    );
    let scales = Tensor::from_floats(&[2], &[2.0, 0.5]);
    let resize = Node::new("Resize", ["x", "", "c2"], ["y"]).with_ints("axes", [-2, -1]);
    assert_eq!(graph(batch([2, 3, 4]), vec![resize], vec![("c2", scales)]).shapes().unwrap()["y"], batch([2, 6, 2]));
}

#[test]
fn a_split_has_a_shape_for_each_part() {
    let node = Node::new("Split", ["x", "lengths"], ["a", "b"]).with_int("axis", 1);
    let shapes = graph(batch([5]), vec![node], vec![("lengths", Tensor::from_ints(&[2, 3]))]).shapes().unwrap();
    assert_eq!((&shapes["a"], &shapes["b"]), (&batch([2]), &batch([3])));
    let node = Node::new("Split", ["x"], ["a", "b"]).with_int("axis", 1).with_int("num_outputs", 2);
    let shapes = graph(batch([5]), vec![node], vec![]).shapes().unwrap();
    assert_eq!((&shapes["a"], &shapes["b"]), (&batch([3]), &batch([2])));
}

#[test]
fn unknown_operators_leave_shapes_unknown() {
    assert_eq!(inferred(batch([2]), node("Mystery"), vec![]), None);
    assert_eq!(inferred(batch([2]), Node { domain: "com.example".to_owned(), ..node("Relu") }, vec![]), None);
}

#[test]
fn a_shape_that_is_not_inferred_is_the_one_that_the_file_states() {
    let nodes = vec![node("Mystery"), Node::new("Relu", ["y"], ["z"]), Node::new("Mystery", ["z"], ["out"])];
    let mut graph = graph(batch([2]), nodes, vec![]);
    graph.stated = [("y".to_owned(), batch([5])), ("z".to_owned(), batch([6]))].into();
    graph.outputs[0].shape = Some(batch([7]));
    let shapes = graph.shapes().unwrap();
    assert_eq!((&shapes["y"], &shapes["z"], &shapes["out"]), (&batch([5]), &batch([5]), &batch([7])));
}

/// What PyTorch writes for `x.view(x.size(0), -1)`, and for `x.view(1, c * h * w)` where all is known.
fn view() -> Vec<Node> {
    vec![
        Node::new("Shape", ["x"], ["shape"]),
        Node::new("Gather", ["shape", "zero"], ["size"]),
        Node::new("Unsqueeze", ["size", "axes"], ["first"]),
        Node::new("Concat", ["first", "rest"], ["target"]).with_int("axis", 0),
        Node::new("Reshape", ["x", "target"], ["y"]),
    ]
}

fn view_constants() -> Vec<(&'static str, Tensor)> {
    let zero = Tensor::from_ints(&[0]).reshaped(Vec::new()).unwrap();
    vec![("zero", zero), ("axes", Tensor::from_ints(&[0])), ("rest", Tensor::from_ints(&[-1]))]
}

#[test]
fn a_target_that_depends_on_nothing_but_the_batch_is_folded() {
    let mut graph = graph(batch([2, 3, 4]), view(), view_constants());
    assert_eq!(graph.shapes().unwrap()["y"], batch([24]));
    graph.fold_shapes().unwrap();
    assert_eq!(op_types(&graph), ["Reshape"]);
    assert_eq!(graph.initializers["y/target"], Tensor::from_ints(&[0, -1]));
    assert_eq!(graph.shapes().unwrap()["y"], batch([24]));
}

#[test]
fn what_follows_from_shapes_alone_is_folded() {
    let mut graph = graph(sizes([1, 2, 3, 4]), view(), view_constants());
    graph.fold_shapes().unwrap();
    assert_eq!(op_types(&graph), ["Reshape"]);
    assert_eq!(graph.initializers.keys().collect::<Vec<_>>(), ["target"]);
    assert_eq!(graph.initializers["target"], Tensor::from_ints(&[1, -1]));
    assert_eq!(graph.shapes().unwrap()["y"], sizes([1, 24]));
}
