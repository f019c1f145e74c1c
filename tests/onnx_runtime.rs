//! Runs a graph once, straight through ONNX Runtime.

use glassbox::{
    config,
    onnx::Graph,
    runtime::{Cancellation, Input, Outputs, Program, Runtime, Weights},
};
use ndarray::ArrayD;

/// The float outputs of `graph` for the float inputs in `feeds`, by name.
pub fn run(graph: &Graph, feeds: &[(&str, &ArrayD<f32>)]) -> Outputs {
    let runtime = Runtime::load(&config::Runtime::default()).unwrap();
    let program = Program::compile(&runtime, &Weights::in_memory(), graph, "test").unwrap();
    let feeds = feeds.iter().map(|&(name, value)| (name, value.as_standard_layout())).collect::<Vec<_>>();
    let feeds = feeds.iter().map(|(name, value)| (*name, Input::Floats(value.view()))).collect();
    program.run(feeds, &Cancellation::default()).unwrap()
}
