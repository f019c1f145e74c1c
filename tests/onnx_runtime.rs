//! Runs a graph once, straight through ONNX Runtime.

use std::collections::HashMap;
use std::sync::OnceLock;

use glassbox::onnx::Graph;
use ndarray::ArrayD;
use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Tensor;

/// The process's one environment.
pub fn environment() -> &'static Environment {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let library = std::env::var("ORT_DYLIB_PATH").expect("ORT_DYLIB_PATH names the library; run `make runtime`");
        ort::init_from(library).unwrap().build().unwrap()
    })
}

/// The float outputs of `graph` for the float inputs in `feeds`, by name.
pub fn run(graph: &Graph, feeds: &[(&str, &ArrayD<f32>)]) -> HashMap<String, ArrayD<f32>> {
    let mut session = Session::builder(environment())
        .unwrap()
        .with_intra_threads(1)
        .unwrap()
        .with_optimization_level(GraphOptimizationLevel::Level2)
        .unwrap()
        .commit_from_memory(&graph.to_bytes())
        .unwrap();
    let feeds: Vec<_> = feeds.iter().map(|&(name, value)| (name, Tensor::from_array(value.clone()).unwrap())).collect();
    let outputs = session.run(feeds).unwrap();
    outputs
        .iter()
        .map(|(name, value)| (name.to_owned(), value.try_extract_array::<f32>().unwrap().to_owned()))
        .collect()
}
