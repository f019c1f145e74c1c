use super::*;
use crate::onnx::Tensor;

fn graph(nodes: Vec<Node>, output: &str) -> Graph {
    let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
    let shape = vec![Dim::Symbol("n".to_owned()), 3.into(), 8.into(), 8.into()];
    let mut graph = Graph {
        opset: 17,
        inputs: vec![value("x", Some(shape))],
        outputs: vec![value(output, None)],
        nodes,
        ..Graph::default()
    };
    graph.initializers.insert("kernel".into(), Tensor::from_floats(&[3, 3, 3, 3], &[0.1; 81]));
    graph.initializers.insert("scale".into(), Tensor::from_floats(&[3, 1, 1], &[2.0; 3]));
    graph.initializers.insert("columns".into(), Tensor::from_floats(&[8], &[2.0; 8]));
    graph.initializers.insert("dense".into(), Tensor::from_floats(&[48, 5], &[0.1; 240]));
    graph
}

fn locality(nodes: Vec<Node>, output: &str) -> Locality {
    let graph = graph(nodes, output);
    graph.locality(&graph.shapes().unwrap(), "x")
}

fn conv(from: &str, to: &str) -> Node {
    Node::new("Conv", [from, "kernel"], [to]).with_ints("pads", [1, 1, 1, 1])
}

fn pool(from: &str, to: &str) -> Node {
    Node::new("MaxPool", [from], [to]).with_ints("kernel_shape", [2, 2]).with_ints("strides", [2, 2])
}

#[test]
fn what_follows_a_convolution_element_by_element_belongs_to_its_step() {
    let nodes = vec![
        conv("x", "a"),
        Node::new("Relu", ["a"], ["b"]),
        Node::new("Mul", ["b", "scale"], ["c"]),
        pool("c", "d"),
        Node::new("Flatten", ["d"], ["flat"]),
        Node::new("MatMul", ["flat", "dense"], ["y"]),
    ];
    let graph = graph(nodes, "y");
    let shapes = graph.shapes().unwrap();
    let Locality { steps, frontier } = graph.locality(&shapes, "x");
    let ends: Vec<_> = steps.iter().map(|step| (step.inputs.concat(), step.output.as_str())).collect();
    assert_eq!(ends, [("x".to_owned(), "c"), ("c".to_owned(), "d")]);
    assert_eq!(steps[0].rows, Reach { stride: 1, before: 1, length: 3 });
    assert_eq!(steps[1].columns, Reach { stride: 2, before: 0, length: 2 });
    assert_eq!(frontier, ["d"]);
    assert_eq!((steps[0].work, graph.work(&shapes)), (192 * 27 + 2 * 192, 192 * 27 + 2 * 192 + 48 + 48 + 48 * 5));

    let step = graph.of_step(&steps[0], &shapes);
    assert_eq!(step.nodes.len(), 3);
    assert!(step.nodes[0].ints("pads").is_none());
    assert_eq!(step.initializers.keys().collect::<Vec<_>>(), ["kernel", "scale"]);
    let rest = graph.between(&frontier, &["y"], &shapes).unwrap();
    assert_eq!((rest.nodes.len(), rest.inputs[0].name.as_str()), (2, "d"));
    assert!(graph.between(&["flat".to_owned()], &["d"], &shapes).is_err());
}

#[test]
fn branches_meet_in_a_step_of_their_own() {
    let nodes =
        vec![conv("x", "a"), conv("a", "b"), Node::new("Add", ["a", "b"], ["c"]), Node::new("Relu", ["c"], ["y"])];
    let Locality { steps, frontier } = locality(nodes, "y");
    assert_eq!(steps.len(), 3);
    assert_eq!((steps[2].inputs.concat(), steps[2].nodes.len()), ("ab".to_owned(), 2));
    assert_eq!(frontier, ["y"]);
}

#[test]
fn the_rest_begins_where_an_element_depends_on_the_whole_picture_or_on_its_place() {
    let frontier = |node: Node| {
        let end = Node::new("Relu", ["b"], ["y"]);
        let Locality { steps, frontier } = locality(vec![conv("x", "a"), node, end], "y");
        (steps.len(), frontier)
    };
    let cut = (1, vec!["a".to_owned()]);
    assert_eq!(frontier(Node::new("GlobalAveragePool", ["a"], ["b"])), cut);
    assert_eq!(frontier(Node::new("Mul", ["a", "columns"], ["b"])), cut);
    let average =
        Node::new("AveragePool", ["a"], ["b"]).with_ints("kernel_shape", [3, 3]).with_ints("pads", [1, 1, 1, 1]);
    assert_eq!(frontier(average.clone()), cut);
    assert_eq!(frontier(average.with_int("count_include_pad", 1)), (2, vec!["y".to_owned()]));
}
