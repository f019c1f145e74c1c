//! Runs a graph once, straight through ONNX Runtime.

use glassbox::{
    config,
    onnx::{DataType, Dim, Graph, Node, ValueInfo},
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

#[test]
fn threads_run_one_program_at_once_and_each_gets_its_own_answer() {
    let runtime = Runtime::load(&config::Runtime::default()).unwrap();
    let value = |name: &str| ValueInfo {
        name: name.into(),
        dtype: DataType::Float,
        shape: Some(vec![Dim::Symbol("n".into())]),
    };
    let nodes = vec![Node::new("Mul", ["x", "x"], ["square"]), Node::new("Add", ["square", "x"], ["y"])];
    let graph = Graph {
        nodes,
        inputs: vec![value("x")],
        outputs: vec![value("square"), value("y")],
        opset: 17,
        ..Graph::default()
    };
    let program = Program::compile(&runtime, &Weights::in_memory(), &graph, "test").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let program = &program;
            scope.spawn(move || {
                for length in 1..200 {
                    let x = ArrayD::from_elem(vec![length], (thread * 1000 + length) as f32);
                    let mut outputs =
                        program.run(vec![("x", Input::Floats(x.view()))], &Cancellation::default()).unwrap();
                    assert_eq!(outputs.remove("square").unwrap(), &x * &x);
                    assert_eq!(outputs.remove("y").unwrap(), &x * &x + &x);
                }
            });
        }
    });
}

#[test]
fn a_run_that_fails_leaves_the_program_fit_for_the_next() {
    let runtime = Runtime::load(&config::Runtime::default()).unwrap();
    let value = |name: &str| ValueInfo { name: name.into(), dtype: DataType::Float, shape: Some(vec![Dim::Size(2)]) };
    let nodes = vec![Node::new("Relu", ["x"], ["y"])];
    let graph = Graph { nodes, inputs: vec![value("x")], outputs: vec![value("y")], opset: 17, ..Graph::default() };
    let program = Program::compile(&runtime, &Weights::in_memory(), &graph, "test").unwrap();
    let ask = |name: &str, x: &[f32]| {
        let x = ArrayD::from_shape_vec(vec![x.len()], x.to_vec()).unwrap();
        program.run(vec![(name, Input::Floats(x.view()))], &Cancellation::default())
    };
    assert!(ask("x", &[1.0, 2.0, 3.0]).is_err(), "the input has another shape");
    assert!(ask("other", &[1.0, 2.0]).is_err(), "there is no such input");
    assert!(ask("x\0", &[1.0, 2.0]).is_err(), "that is no name");
    assert_eq!(ask("x", &[-1.0, 2.0]).unwrap()["y"].as_slice().unwrap(), [0.0, 2.0]);
}
