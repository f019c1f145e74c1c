//! Convolutions in Winograd's form against ONNX Runtime's own.

use glassbox::onnx::{Attribute, DataType, Dim, Graph, Node, ValueInfo};
use ndarray::ArrayD;
use proptest::prelude::*;

use crate::gradients::Numbers;
use crate::onnx_runtime::run;

/// A convolution of `x` by 3x3 kernels, rectified.
fn convolution(shape: Vec<Dim>, [outputs, inputs]: [usize; 2], pads: [i64; 4], biased: bool, seed: u64) -> Graph {
    let mut numbers = Numbers::new(seed);
    let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
    let mut graph = Graph {
        opset: 17,
        inputs: vec![value("x", Some(shape))],
        outputs: vec![value("y", None)],
        nodes: vec![
            Node::new("Conv", if biased { vec!["x", "w", "b"] } else { vec!["x", "w"] }, ["c"])
                .with_ints("kernel_shape", [3, 3])
                .with_ints("pads", pads),
            Node::new("Relu", ["c"], ["y"]),
        ],
        ..Graph::default()
    };
    graph.initializers.insert("w".to_owned(), numbers.tensor(&[outputs, inputs, 3, 3]));
    graph.initializers.insert("b".to_owned(), numbers.tensor(&[outputs]));
    graph
}

fn in_winograds_form(graph: &Graph) -> Graph {
    let fast = graph.clone().with_winograd(|_| true, &|_, make| make()).unwrap();
    assert!(fast.nodes.len() > graph.nodes.len(), "it stayed as it was");
    assert!(!fast.initializers.contains_key("w"), "the kernels are kept twice");
    fast
}

/// Checks that both forms give the same for `x`, up to rounding.
fn compare(graph: &Graph, x: &ArrayD<f32>) {
    let result = |graph: &Graph| run(graph, &[("x", x)]).remove("y").unwrap();
    let (expected, found) = (result(graph), result(&in_winograds_form(graph)));
    assert_eq!(found.shape(), expected.shape());
    let largest = |values: &ArrayD<f32>| values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let error = largest(&(&found - &expected)) / largest(&expected);
    assert!(error < 1e-5, "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_picture(
        rows in 23..=31_usize, columns in 23..=31_usize, channels in [128..=130_usize, 128..=131_usize],
        pads in [0..=2_i64, 0..=2_i64, 0..=2_i64, 0..=2_i64], biased: bool, opset in 17..=21_i64, seed: u64
    ) {
        let shape = [1, channels[1], rows, columns];
        let graph = Graph { opset, ..convolution(shape.map(Dim::Size).to_vec(), channels, pads, biased, seed) };
        compare(&graph, &Numbers::new(seed ^ 1).uniform(&shape, -1.0, 1.0));
    }

    #[test]
    fn crops_of_any_size(
        count in 1..=5_usize, rows in 3..=12_usize, columns in 3..=12_usize, channels in [256..=257_usize, 256..=258_usize],
        biased: bool, opset in 17..=21_i64, seed: u64
    ) {
        let symbol = |name: &str| Dim::Symbol(name.to_owned());
        let shape = vec![symbol("n"), channels[1].into(), symbol("rows"), symbol("columns")];
        let graph = Graph { opset, ..convolution(shape, channels, [0; 4], biased, seed) };
        compare(&graph, &Numbers::new(seed ^ 1).uniform(&[count, channels[1], rows, columns], -1.0, 1.0));
    }
}

#[test]
fn what_would_not_be_faster_or_not_the_same_stays() {
    let known = |sizes: [usize; 4]| sizes.map(Dim::Size).to_vec();
    let usual = || convolution(known([1, 128, 28, 28]), [128, 128], [1; 4], true, 1);
    in_winograds_form(&usual());
    let stays = |graph: Graph| {
        let unchanged = graph.clone().with_winograd(|node| node.name != "left", &|_, make| make()).unwrap();
        assert_eq!(unchanged.nodes, graph.nodes);
    };
    let with = |change: fn(&mut Graph)| {
        let mut graph = usual();
        change(&mut graph);
        stays(graph);
    };
    stays(convolution(known([1, 127, 28, 28]), [128, 127], [1; 4], true, 1));
    stays(convolution(known([1, 128, 28, 28]), [127, 128], [1; 4], true, 1));
    stays(convolution(known([1, 128, 20, 20]), [128, 128], [1; 4], true, 1));
    stays(convolution(known([1, 128, 96, 96]), [128, 128], [1; 4], true, 1));
    stays(convolution(known([2, 128, 28, 28]), [128, 128], [1; 4], true, 1));
    with(|graph| graph.nodes[0].name = "left".to_owned());
    with(|graph| graph.nodes[0] = graph.nodes[0].clone().with_ints("strides", [2, 2]));
    with(|graph| graph.nodes[0] = graph.nodes[0].clone().with_ints("dilations", [2, 2]));
    with(|graph| graph.nodes[0] = graph.nodes[0].clone().with("auto_pad", Attribute::String("SAME_UPPER".to_owned())));
    with(|graph| graph.nodes[0] = graph.nodes[0].clone().with_ints("kernel_shape", [3, 1]));
    with(|graph| graph.nodes[0] = graph.nodes[0].clone().with_ints("pads", [-1, 1, 1, 1]));
    with(|graph| graph.nodes[0].inputs[1] = "x".to_owned());
    with(|graph| graph.nodes[0].inputs[2] = "x".to_owned());
    let mut wide = usual();
    wide.nodes[0] = wide.nodes[0].clone().with_ints("kernel_shape", [5, 5]).with_ints("pads", [2; 4]);
    wide.initializers.insert("w".to_owned(), Numbers::new(1).tensor(&[128, 128, 5, 5]));
    stays(wide);
    let mut grouped = usual();
    grouped.nodes[0] = grouped.nodes[0].clone().with_int("group", 2);
    grouped.inputs[0].shape = Some(known([1, 256, 28, 28]));
    stays(grouped);
    let symbol = |name: &str| Dim::Symbol(name.to_owned());
    let sizes = |batch, rows| vec![batch, 128.into(), rows, 28.into()];
    stays(convolution(sizes(symbol("n"), 28.into()), [128, 128], [1; 4], true, 1));
    let crops = |channels: usize| vec![symbol("n"), channels.into(), symbol("rows"), symbol("columns")];
    in_winograds_form(&convolution(crops(256), [256, 256], [0; 4], true, 1));
    stays(convolution(crops(256), [256, 256], [1, 0, 0, 0], true, 1));
    stays(convolution(crops(255), [256, 255], [0; 4], true, 1));
}
