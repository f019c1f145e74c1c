//! A full-size VGG16 with weights from a hash, the same that `golden/gradients.py` makes.

use glassbox::onnx::{DataType, Dim, Graph, Node, Tensor, ValueInfo};

const BLOCKS: [(usize, usize, usize); 5] = [(1, 2, 64), (2, 2, 128), (3, 3, 256), (4, 3, 512), (5, 3, 512)];

/// float32 values in [-scale, scale), from a hash of seed and index.
pub fn uniform(seed: u32, count: usize, scale: f32) -> Vec<f32> {
    let start = seed.wrapping_mul(0x85EB_CA77);
    (0..count as u32)
        .map(|index| {
            let mut h = index.wrapping_mul(0x9E37_79B1).wrapping_add(start);
            h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
            h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
            h ^= h >> 15;
            ((h >> 8) as f32 * 2.0_f32.powi(-23) - 1.0) * scale
        })
        .collect()
}

/// VGG16 with 1,000 classes: input `input` [batch, 3, 224, 224], output `predictions` (softmax).
pub fn full_size() -> Graph {
    let mut graph = Graph { name: "vgg16".into(), opset: 17, ..Graph::default() };
    graph.inputs.push(value("input", &[Dim::Symbol("batch".into()), 3.into(), 224.into(), 224.into()]));
    graph.outputs.push(value("predictions", &[Dim::Symbol("batch".into()), 1000.into()]));
    let mut builder = Builder { graph, seed: 1, current: "input".into() };
    let mut channels = 3;
    for (block, count, filters) in BLOCKS {
        for conv in 1..=count {
            let name = format!("block{block}_conv{conv}");
            let conv = builder.layer("Conv", &name, &[filters, channels, 3, 3]).with_ints("pads", [1, 1, 1, 1]);
            builder.push(conv.with_ints("kernel_shape", [3, 3]));
            builder.step("Relu", &name);
            channels = filters;
        }
        let pool = builder.node("MaxPool", &format!("block{block}_pool"));
        builder.push(pool.with_ints("kernel_shape", [2, 2]).with_ints("strides", [2, 2]));
    }
    builder.step("Flatten", "flatten");
    for (name, shape, activation) in
        [("fc1", [4096, 25088], "Relu"), ("fc2", [4096, 4096], "Relu"), ("predictions", [1000, 4096], "Softmax")]
    {
        let dense = builder.layer("Gemm", name, &shape).with_int("transB", 1);
        builder.push(dense);
        builder.step(activation, name);
    }
    builder.graph
}

struct Builder {
    graph: Graph,
    seed: u32,
    current: String,
}

impl Builder {
    fn node(&self, op_type: &str, output: &str) -> Node {
        Node::new(op_type, [self.current.as_str()], [output])
    }

    fn push(&mut self, node: Node) {
        self.current.clone_from(&node.outputs[0]);
        self.graph.nodes.push(node);
    }

    fn step(&mut self, op_type: &str, output: &str) {
        let node = self.node(op_type, output);
        self.push(node);
    }

    /// A node with the next kernel and bias; its output is the layer's pre-activation.
    fn layer(&mut self, op_type: &str, name: &str, kernel: &[usize]) -> Node {
        let fan_in: usize = kernel[1..].iter().product();
        let count = kernel.iter().product();
        let scale = (6.0 / fan_in as f64).sqrt() as f32;
        let weights = [
            ("kernel", Tensor::from_floats(kernel, &uniform(self.seed, count, scale))),
            ("bias", Tensor::from_floats(&kernel[..1], &uniform(self.seed + 1, kernel[0], 0.05))),
        ];
        self.seed += 2;
        let mut node = self.node(op_type, &format!("{name}/preactivation"));
        for (kind, tensor) in weights {
            node.inputs.push(format!("{name}/{kind}"));
            self.graph.initializers.insert(format!("{name}/{kind}"), tensor);
        }
        node
    }
}

fn value<const N: usize>(name: &str, shape: &[Dim; N]) -> ValueInfo {
    ValueInfo { name: name.into(), dtype: DataType::Float, shape: Some(shape.to_vec()) }
}
