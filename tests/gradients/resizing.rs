//! Resizing against finite differences: every mode and every way to say where an element comes from.

use glassbox::onnx::{Attribute, Graph, Node, Tensor};
use proptest::prelude::*;

use super::{Inputs, check, graph};

const COORDINATES: [&str; 5] =
    ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"];

fn resize(inputs: &[&str], mode: &str, coordinates: &str, constants: Vec<(&str, Tensor)>) -> Graph {
    let text = |value: &str| Attribute::String(value.to_owned());
    let node =
        Node::new("Resize", inputs.iter().copied(), ["y"]).with("coordinate_transformation_mode", text(coordinates));
    let node = match mode {
        "linear" => node.with("mode", text("linear")),
        nearest => node.with("nearest_mode", text(nearest)),
    };
    let mut graph = graph(&[2, 3, 4], vec![node], constants);
    graph.opset = 19;
    graph
}

fn modes() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["linear", "linear", "linear", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn to_sizes(mode in modes(), coordinates in prop::sample::select(&COORDINATES[..]), height in 1..=7_i64, width in 1..=9_i64, seed: u64) {
        // Sizes of all axes would fix the batch.
        let mut graph = resize(&["x", "", "", "sizes"], mode, coordinates, vec![("sizes", Tensor::from_ints(&[height, width]))]);
        graph.nodes[0] = graph.nodes[0].clone().with_ints("axes", [2, 3]);
        check(&graph, seed, Inputs::Kinked);
    }

    #[test]
    fn by_scales(mode in modes(), coordinates in prop::sample::select(&COORDINATES[..]), height in 0.4..3.0_f32, width in 0.4..3.0_f32, seed: u64) {
        let scales = Tensor::from_floats(&[4], &[1.0, 1.0, height, width]);
        check(&resize(&["x", "", "scales"], mode, coordinates, vec![("scales", scales)]), seed, Inputs::Kinked);
    }

    #[test]
    fn of_channels_last(mode in modes(), scale in prop::sample::select(vec![2.0_f32, 3.0]), seed: u64) {
        let scales = Tensor::from_floats(&[4], &[1.0, scale, scale, 1.0]);
        check(&resize(&["x", "", "scales"], mode, "asymmetric", vec![("scales", scales)]), seed, Inputs::Kinked);
    }
}
