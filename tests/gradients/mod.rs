//! Gradients against finite differences, known answers and PyTorch.

mod choices;
mod functions;
mod known;
mod normalization;
mod operators;
mod picking;
mod reductions;
mod resizing;
mod windows;

use std::collections::HashMap;

use glassbox::autodiff::{self, COTANGENT, Rule, Vjp, gradient_name};
use glassbox::onnx::{DataType, Dim, Graph, Node, Shapes, Tensor, ValueInfo};
use ndarray::{ArrayD, Axis, IxDyn};

use crate::onnx_runtime::run;

/// A small generator of numbers, so that a proptest case is a seed.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Numbers between `low` and `high`.
    pub fn uniform(&mut self, shape: &[usize], low: f32, high: f32) -> ArrayD<f32> {
        ArrayD::from_shape_simple_fn(shape, || low + (high - low) * (self.next() % 65536) as f32 / 65536.0)
    }

    /// Multiples of `gap` around 0 but not 0, each once, in random order: no kink is nearer than half a gap.
    pub fn shuffled(&mut self, shape: &[usize], gap: f32) -> ArrayD<f32> {
        let count: usize = shape.iter().product();
        let mut values: Vec<f32> = (0..count).map(|i| (i as f32 - (count / 2) as f32 + 0.5) * gap).collect();
        for i in (1..count).rev() {
            values.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
        ArrayD::from_shape_vec(shape, values).unwrap()
    }

    pub fn tensor(&mut self, shape: &[usize]) -> Tensor {
        Tensor::from_floats(shape, self.uniform(shape, -1.0, 1.0).as_slice().unwrap())
    }
}

/// A graph from `x` (with a symbolic batch, then `sizes`) to the last node's first output.
pub fn graph(sizes: &[usize], nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
    let shape = std::iter::once(Dim::Symbol("n".to_owned())).chain(sizes.iter().map(|&size| Dim::Size(size))).collect();
    let output = nodes.last().unwrap().outputs[0].clone();
    Graph {
        name: "test".to_owned(),
        producer: String::new(),
        opset: 17,
        inputs: vec![ValueInfo { name: "x".to_owned(), dtype: DataType::Float, shape: Some(shape) }],
        outputs: vec![ValueInfo { name: output, dtype: DataType::Float, shape: None }],
        nodes,
        initializers: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        ..Graph::default()
    }
}

/// The shapes of the graph's float values, seen in a run with batch 1; what is inferred without a run must agree.
pub fn shapes(graph: &Graph) -> Shapes {
    let Some(sizes) = &graph.inputs[0].shape else { panic!("the input has a shape") };
    let size: Vec<usize> = sizes.iter().map(|dim| dim.size().unwrap_or(1)).collect();
    let mut watched = graph.clone();
    watched.outputs = graph
        .nodes
        .iter()
        .filter(|node| !matches!(node.op_type.as_str(), "Equal" | "Greater" | "Less" | "Shape"))
        .flat_map(|node| &node.outputs)
        .map(|name| ValueInfo { name: name.clone(), dtype: DataType::Float, shape: None })
        .collect();
    let mut shapes: Shapes = run(&watched, &[("x", &ArrayD::from_elem(size, 0.7))])
        .into_iter()
        .map(|(name, value)| (name, value.shape().iter().map(|&size| Dim::Size(size)).collect::<Vec<_>>()))
        .collect();
    for shape in shapes.values_mut().filter(|shape| shape.first() == Some(&Dim::Size(1))) {
        shape[0] = Dim::Symbol("n".to_owned());
    }
    shapes.insert("x".to_owned(), sizes.clone());
    let inferred = graph.shapes().unwrap();
    for (name, shape) in &shapes {
        // The first axis of a constant may be 1 by chance.
        let found = inferred.get(name).unwrap_or_else(|| panic!("no shape was inferred for `{name}`"));
        assert_eq!((found.get(1..), found.len()), (shape.get(1..), shape.len()), "the shape inferred for `{name}`");
        assert!(
            found.is_empty() || found[0] == shape[0] || found[0] == Dim::Size(1),
            "the batch inferred for `{name}`: {:?}",
            found[0]
        );
    }
    shapes
}

pub fn target(graph: &Graph) -> &str {
    &graph.outputs[0].name
}

/// The gradient graph of the whole `graph` by one rule.
pub fn gradient_graph(graph: &Graph, rule: Rule) -> Graph {
    let vjps = [Vjp { rule, wrt: vec!["x"] }];
    autodiff::differentiate(graph, &shapes(graph), target(graph), &vjps, &[]).unwrap()
}

/// The gradient of `graph` with respect to `x`, by the standard rule.
pub fn gradient(graph: &Graph, x: &ArrayD<f32>, cotangent: &ArrayD<f32>) -> ArrayD<f32> {
    gradient_by(graph, Rule::Standard, x, cotangent)
}

/// The gradient of `graph` with respect to `x`, by `rule`.
pub fn gradient_by(graph: &Graph, rule: Rule, x: &ArrayD<f32>, cotangent: &ArrayD<f32>) -> ArrayD<f32> {
    let mut outputs = run(&gradient_graph(graph, rule), &[("x", x), (COTANGENT, cotangent)]);
    outputs.remove(&gradient_name(rule, "x")).unwrap()
}

/// Every partial derivative of `sum(cotangent * graph(x))` for one picture, by central differences in one batched run.
fn finite_differences(graph: &Graph, x: &ArrayD<f32>, cotangents: &ArrayD<f32>, step: f32) -> ArrayD<f32> {
    let count = x.len();
    let moved = |sign: f32| {
        let mut batch = x.broadcast([&[count], &x.shape()[1..]].concat()).unwrap().to_owned();
        for (index, mut picture) in batch.axis_iter_mut(Axis(0)).enumerate() {
            *picture.iter_mut().nth(index).unwrap() += sign * step;
        }
        let mut outputs: HashMap<_, _> = run(graph, &[("x", &batch)]);
        outputs.remove(target(graph)).unwrap()
    };
    let slopes = (moved(1.0) - moved(-1.0)) / (2.0 * step);
    let slopes = slopes.to_shape((count, slopes.len() / count)).unwrap().to_owned();
    let batch = cotangents.shape()[0];
    let cotangents = cotangents.to_shape((batch, cotangents.len() / batch)).unwrap();
    let gradient = cotangents.dot(&slopes.t());
    let shape = [&[batch], &x.shape()[1..]].concat();
    gradient.to_shape(IxDyn(&shape)).unwrap().to_owned()
}

/// How inputs are drawn, and how far finite differences step.
#[derive(Clone, Copy)]
pub enum Inputs {
    /// Away from kinks: for operators that are linear between them.
    Kinked,
    /// From a range: for smooth operators.
    Smooth(f32, f32),
}

/// A range where most functions bend.
pub const SMOOTH: Inputs = Inputs::Smooth(-1.5, 1.5);
/// A range for roots, logarithms and divisors.
pub const POSITIVE: Inputs = Inputs::Smooth(0.5, 2.0);

/// Checks the gradient: for one picture and three cotangents, with one of them also in the graph whose batch is fixed, then for two
/// pictures with one each.
pub fn check(graph: &Graph, seed: u64, inputs: Inputs) {
    let numbers = &mut Numbers::new(seed);
    let sizes: Vec<usize> =
        graph.inputs[0].shape.as_ref().unwrap()[1..].iter().map(|dim| dim.size().unwrap()).collect();
    let output_shape = shapes(graph)[target(graph)].clone();
    let output: Vec<usize> = output_shape[1..].iter().map(|dim| dim.size().unwrap()).collect();
    let with_batch = |batch: usize, sizes: &[usize]| [&[batch], sizes].concat();
    for (pictures, batch) in [(1, 3), (2, 2)] {
        let (x, step) = match inputs {
            Inputs::Kinked => (numbers.shuffled(&with_batch(pictures, &sizes), 0.1), 0.03),
            Inputs::Smooth(low, high) => (numbers.uniform(&with_batch(pictures, &sizes), low, high), 0.01),
        };
        let cotangent = numbers.uniform(&with_batch(batch, &output), -1.0, 1.0);
        let gradient = gradient(graph, &x, &cotangent);
        assert_eq!(gradient.shape(), with_batch(batch, &sizes), "the gradient's shape");
        if pictures == 1 && !has_miscounted_windows(graph) {
            let first = |values: &ArrayD<f32>| values.slice_axis(Axis(0), (..1).into()).to_owned();
            let fixed = gradient_graph(graph, Rule::Standard).with_batch(1);
            let alone = run(&fixed, &[("x", &x), (COTANGENT, &first(&cotangent))]);
            assert_near(&alone[&gradient_name(Rule::Standard, "x")], &first(&gradient), 1e-5);
        }
        for (index, picture) in x.axis_chunks_iter(Axis(0), 1).enumerate() {
            let rows = if pictures == 1 { 0..batch } else { index..index + 1 };
            let part = |values: &ArrayD<f32>| values.slice_axis(Axis(0), rows.clone().into()).to_owned();
            let expected = finite_differences(graph, &picture.to_owned(), &part(&cotangent), step);
            assert_near(&part(&gradient), &expected, 1e-2);
        }
    }
}

/// Whether ONNX may infer too many windows, so that ONNX Runtime refuses the graph once the batch is known (`onnx/shapes/ceil_mode.rs`).
fn has_miscounted_windows(graph: &Graph) -> bool {
    let is_dilated =
        |node: &Node| node.ints("dilations").is_some_and(|dilations| dilations.iter().any(|&step| step > 1));
    let counts_padding = |node: &Node| node.int("count_include_pad", 0) != 0;
    graph.nodes.iter().any(|node| node.int("ceil_mode", 0) != 0 && (is_dilated(node) || counts_padding(node)))
}

/// As [`check`], in one of the operator sets that a graph can have once it is upgraded.
pub fn check_in_any_opset(mut graph: Graph, seed: u64, inputs: Inputs) {
    graph.opset = 17 + (seed % 5) as i64;
    check(&graph, seed, inputs);
}

/// Checks that two arrays agree up to a relative error of `tolerance` in the Euclidean norm.
pub fn assert_near(actual: &ArrayD<f32>, expected: &ArrayD<f32>, tolerance: f32) {
    let norm = |values: &ArrayD<f32>| values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let error = norm(&(actual - expected));
    assert!(error <= tolerance * norm(expected) + 1e-3, "error {error}\nactual {actual:?}\nexpected {expected:?}");
}
