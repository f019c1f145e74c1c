//! A small network that is no VGG: strides in place of pools, a batch normalization, a depthwise convolution.

use std::{fs, time::Duration};

use glassbox::{
    config,
    model::{Files, Model, Patch, Question},
    onnx::{DataType, Dim, Graph, Node, Tensor, ValueInfo},
    runtime::{Cancellation, Runtime, Weights},
};
use ndarray::Array4;

use crate::vgg16::uniform;

/// What the batch normalization has learnt: gamma, beta, moving mean, moving variance.
pub const NORMALIZATION: [(&str, [f32; 8]); 4] = [
    ("weight", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]),
    ("bias", [0.5, -0.5, 0.5, -0.5, 0.5, -0.5, 0.5, -0.5]),
    ("running_mean", [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0]),
    ("running_var", [2.0; 8]),
];

/// Pictures [N, 3, 32, 32] in, logits of ten classes out, with the names that PyTorch gives.
pub fn graph() -> Graph {
    let value = |name: &str, shape: &[usize]| {
        let batch = std::iter::once(Dim::Symbol("batch".into()));
        let shape = batch.chain(shape.iter().map(|&size| size.into())).collect();
        ValueInfo { name: name.into(), dtype: DataType::Float, shape: Some(shape) }
    };
    let mut graph = Graph { name: "small".into(), opset: 17, ..Graph::default() };
    graph.inputs.push(value("input", &[3, 32, 32]));
    graph.outputs.push(value("logits", &[10]));
    for (role, values) in NORMALIZATION {
        graph.initializers.insert(format!("features.1.{role}"), Tensor::from_floats(&[8], &values));
    }
    let mut builder = Builder { graph, seed: 50, current: "input".into() };
    builder.convolution("features.0", &[8, 3, 3, 3], 1, 1);
    let normalization = NORMALIZATION.map(|(role, _)| format!("features.1.{role}"));
    builder.push(
        "/features/features.1/BatchNormalization",
        Node::new("BatchNormalization", [""; 0], [""; 0]),
        &normalization,
    );
    builder.push("/features/features.2/Relu", Node::new("Relu", [""; 0], [""; 0]), &[]);
    builder.convolution("features.3", &[8, 8, 3, 3], 2, 1);
    builder.convolution("features.5", &[8, 1, 3, 3], 1, 8);
    builder.convolution("features.7", &[16, 8, 3, 3], 2, 1);
    builder.convolution("features.9", &[16, 16, 3, 3], 1, 1);
    builder.push("/pool/GlobalAveragePool", Node::new("GlobalAveragePool", [""; 0], [""; 0]), &[]);
    builder.push("/flatten/Flatten", Node::new("Flatten", [""; 0], [""; 0]), &[]);
    let dense = Node::new("Gemm", [""; 0], [""; 0]).with_int("transB", 1);
    let parameters = builder.parameters("classifier", &[10, 16]);
    builder.push("/classifier/Gemm", dense, &parameters);
    let mut graph = builder.graph;
    if let Some(last) = graph.nodes.last_mut() {
        last.outputs = vec!["logits".into()];
    }
    graph
}

struct Builder {
    graph: Graph,
    seed: u32,
    current: String,
}

impl Builder {
    /// Adds `node` after the last one.
    fn push(&mut self, name: &str, node: Node, parameters: &[String]) {
        let output = format!("{name}_output_0");
        let inputs = std::iter::once(&self.current).chain(parameters).cloned().collect();
        self.graph.nodes.push(Node { name: name.into(), inputs, outputs: vec![output.clone()], ..node });
        self.current = output;
    }

    /// A kernel and a bias called as PyTorch calls those of `module`.
    fn parameters(&mut self, module: &str, kernel: &[usize]) -> [String; 2] {
        self.seed += 2;
        let count = kernel.iter().product();
        let weight = Tensor::from_floats(kernel, &uniform(self.seed, count, 0.5));
        let bias = Tensor::from_floats(&kernel[..1], &uniform(self.seed + 1, kernel[0], 0.1));
        let names = ["weight", "bias"].map(|role| format!("{module}.{role}"));
        self.graph.initializers.extend(names.clone().into_iter().zip([weight, bias]));
        names
    }

    /// A convolution; all but the first are rectified.
    fn convolution(&mut self, module: &str, kernel: &[usize], stride: i64, groups: i64) {
        let parameters = self.parameters(module, kernel);
        let node = Node::new("Conv", [""; 0], [""; 0]).with_ints("pads", [1; 4]).with_ints("kernel_shape", [3, 3]);
        let node = node.with_ints("strides", [stride; 2]).with_int("group", groups);
        self.push(&format!("/features/{module}/Conv"), node, &parameters);
        if module != "features.0" {
            self.push(&format!("/features/{module}/Relu"), Node::new("Relu", [""; 0], [""; 0]), &[]);
        }
    }
}

#[test]
fn what_failed_to_compile_is_compiled_again() {
    let cache = tempfile::tempdir().unwrap();
    let runtime = Runtime::load(&config::Runtime::default()).unwrap();
    let files = Files { graph: graph(), ..Files::default() };
    let model = Model::new("small", files, &runtime, Weights::new(cache.path())).unwrap();
    let ask = || {
        let input = Array4::zeros((1, 3, 32, 32));
        model.ask(&Question::default(), &input, &[], &Cancellation::default()).map(|answer| answer.logits)
    };
    let (weights, away) = (cache.path().join("weights"), cache.path().join("away"));
    fs::rename(&weights, &away).unwrap();
    assert!(ask().is_err(), "a program was compiled without its weights");
    fs::rename(&away, &weights).unwrap();
    assert_eq!(ask().unwrap().shape(), [1, 10]);
}

#[test]
fn what_was_not_used_for_a_while_is_released_and_compiled_again() {
    let runtime = Runtime::load(&config::Runtime::default()).unwrap();
    let files = Files { graph: graph(), ..Files::default() };
    let model = Model::new("small", files, &runtime, Weights::in_memory()).unwrap();
    let (input, covered) = (Array4::ones((1, 3, 32, 32)), Array4::zeros((1, 3, 32, 32)));
    let ask = || model.ask(&Question::default(), &input, &[], &Cancellation::default()).unwrap().logits;
    let cover = || {
        let patches = [Patch { rows: 0..4, columns: 0..4 }];
        let covering = model.cover(&input, &covered, &patches, &[None], &Cancellation::default()).unwrap();
        covering.probabilities(&patches, &mut |_| {}, &Cancellation::default()).unwrap()
    };
    let empty = model.memory();
    let (logits, probabilities) = (ask(), cover());
    let used = model.memory();
    assert!(used > empty);
    model.release_idle(Duration::from_hours(1));
    assert_eq!(model.memory(), used, "all was used within the hour");
    model.release_idle(Duration::ZERO);
    assert_eq!(model.memory(), empty);
    assert_eq!((ask(), cover()), (logits, probabilities));
}
