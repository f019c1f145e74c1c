//! Summaries and layers in Keras' terms.

use glassbox::onnx::{Graph, Summary, layers};

use crate::vgg16;

fn summary(name: &str, graph: &Graph) -> Summary {
    let shapes = graph.shapes().unwrap();
    Summary::new(name, &layers(graph, &shapes), graph, &shapes)
}

#[test]
fn a_full_size_vgg16_is_counted_as_keras_counts_it() {
    let summary = summary("vgg16", &vgg16::full_size());
    assert_eq!(summary.total_parameters, 138_357_544);
    insta::assert_snapshot!(summary.to_string());
}
