//! Convolutions and pools against finite differences, for all their attributes.

use glassbox::onnx::{Attribute, Node};
use proptest::prelude::*;

use super::{Inputs, Numbers, check, check_in_any_opset, graph};

/// Attributes of a window over two axes.
#[derive(Debug, Clone)]
struct Window {
    input: [usize; 2],
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 4],
    auto_pad: &'static str,
}

impl Window {
    /// Whether the first window fits, and padding is smaller than the kernel if it must be.
    fn fits(&self, small_pads: bool) -> bool {
        let explicit = self.auto_pad == "NOTSET";
        (0..2).all(|axis| {
            let reach = self.dilations[axis] * (self.kernel[axis] - 1) + 1;
            let pads = if explicit { [self.pads[axis], self.pads[axis + 2]] } else { [0, 0] };
            let small = !small_pads || pads.iter().all(|&pad| pad < self.kernel[axis]);
            // ONNX Runtime does not combine SAME with dilations, nor in pools with strides longer than the kernel.
            let same = self.auto_pad.starts_with("SAME");
            let small = small && !(same && small_pads && self.strides[axis] > self.kernel[axis]);
            small && self.input[axis] + pads[0] + pads[1] >= reach && !(same && self.dilations[axis] > 1)
        })
    }

    fn attributes(&self, node: Node) -> Node {
        let ints = |values: &[usize]| values.iter().map(|&v| v as i64).collect::<Vec<_>>();
        let node = node
            .with_ints("kernel_shape", ints(&self.kernel))
            .with_ints("strides", ints(&self.strides))
            .with_ints("dilations", ints(&self.dilations));
        match self.auto_pad {
            "NOTSET" => node.with_ints("pads", ints(&self.pads)),
            other => node.with("auto_pad", Attribute::String(other.to_owned())),
        }
    }
}

fn window(small_pads: bool, max_dilation: usize) -> impl Strategy<Value = Window> {
    let pair = |range: std::ops::RangeInclusive<usize>| prop::array::uniform2(range);
    let auto_pad =
        prop_oneof![5 => Just("NOTSET"), 1 => Just("SAME_UPPER"), 1 => Just("SAME_LOWER"), 1 => Just("VALID")];
    let strides = prop_oneof![Just([1, 1]), pair(1..=3)];
    let pads = prop_oneof![Just([0; 4]), Just([1; 4]), prop::array::uniform4(0..=2_usize)];
    (pair(3..=6), pair(1..=3), strides, pair(1..=max_dilation), pads, auto_pad)
        .prop_map(|(input, kernel, strides, dilations, pads, auto_pad)| Window {
            input,
            kernel,
            strides,
            dilations,
            pads,
            auto_pad,
        })
        .prop_filter("the window must fit", move |window| window.fits(small_pads))
}

/// Windows side by side, as most max-pools have them.
fn tiles() -> impl Strategy<Value = Window> {
    (prop::array::uniform2(1..=3_usize), prop::array::uniform2(1..=2_usize)).prop_map(|(kernel, count)| Window {
        input: [kernel[0] * count[0], kernel[1] * count[1]],
        kernel,
        strides: kernel,
        dilations: [1, 1],
        pads: [0; 4],
        auto_pad: "NOTSET",
    })
}

fn pool(op_type: &str, window: &Window, ceil: bool, extra: impl FnOnce(Node) -> Node) -> glassbox::onnx::Graph {
    let node = window.attributes(Node::new(op_type, ["x"], ["y"])).with_int("ceil_mode", i64::from(ceil));
    graph(&[2, window.input[0], window.input[1]], vec![extra(node)], vec![])
}

/// Max-pools on either side of a rectifier, of so many channels.
fn pools(channels: usize) -> glassbox::onnx::Graph {
    let pool = |input: &str, output: &str| {
        Node::new("MaxPool", [input], [output]).with_ints("kernel_shape", [2, 2]).with_ints("strides", [2, 2])
    };
    graph(&[channels, 4, 8], vec![pool("x", "a"), Node::new("Relu", ["a"], ["b"]), pool("b", "y")], vec![])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolution(window in window(false, 2), groups in 1..=2_usize, inputs in 1..=2_usize, outputs in 1..=2_usize, seed: u64) {
        let mut numbers = Numbers::new(seed);
        let kernels = numbers.tensor(&[outputs * groups, inputs, window.kernel[0], window.kernel[1]]);
        let bias = numbers.tensor(&[outputs * groups]);
        let node = window.attributes(Node::new("Conv", ["x", "w", "b"], ["y"])).with_int("group", groups as i64);
        let sizes = [inputs * groups, window.input[0], window.input[1]];
        check_in_any_opset(graph(&sizes, vec![node], vec![("w", kernels), ("b", bias)]), seed, Inputs::Kinked);
    }

    /// Of few channels and an even size, which the way back computes in squares of neighbours.
    #[test]
    fn convolution_of_a_picture(window in window(false, 1), inputs in 1..=4_usize, seed: u64) {
        let window = Window { input: window.input.map(|size| 2 * size), ..window };
        let kernels = Numbers::new(seed).tensor(&[16, inputs, window.kernel[0], window.kernel[1]]);
        let node = window.attributes(Node::new("Conv", ["x", "w"], ["y"]));
        let sizes = [inputs, window.input[0], window.input[1]];
        check_in_any_opset(graph(&sizes, vec![node], vec![("w", kernels)]), seed, Inputs::Kinked);
    }

    #[test]
    fn transposed_convolution(
        window in window(false, 2), groups in 1..=2_usize, inputs in 1..=2_usize, outputs in 1..=2_usize, further: bool, seed: u64
    ) {
        let mut numbers = Numbers::new(seed);
        let kernels = numbers.tensor(&[inputs * groups, outputs, window.kernel[0], window.kernel[1]]);
        let bias = numbers.tensor(&[outputs * groups]);
        let node = window.attributes(Node::new("ConvTranspose", ["x", "w", "b"], ["y"])).with_int("group", groups as i64);
        let padding = if further && window.auto_pad == "NOTSET" { window.strides.map(|stride| stride as i64 - 1) } else { [0, 0] };
        let sizes = [inputs * groups, window.input[0], window.input[1]];
        let reach = |axis: usize| {
            let reach = window.strides[axis] * (window.input[axis] - 1) + window.dilations[axis] * (window.kernel[axis] - 1) + 1;
            reach as i64 + padding[axis] - (window.pads[axis] + window.pads[axis + 2]) as i64
        };
        prop_assume!(window.auto_pad != "NOTSET" || (reach(0) > 0 && reach(1) > 0));
        let node = node.with_ints("output_padding", padding);
        check_in_any_opset(graph(&sizes, vec![node], vec![("w", kernels), ("b", bias)]), seed, Inputs::Kinked);
    }

    #[test]
    fn transposed_convolution_to_a_shape(
        kernel in prop::array::uniform2(2..=3_usize), shape in prop::array::uniform2(5..=7_i64), auto_pad in prop::sample::select(vec!["NOTSET", "SAME_UPPER", "SAME_LOWER"]), seed: u64
    ) {
        let kernels = Numbers::new(seed).tensor(&[2, 2, kernel[0], kernel[1]]);
        let node = Node::new("ConvTranspose", ["x", "w"], ["y"])
            .with_ints("strides", [2, 2])
            .with_ints("output_shape", shape)
            .with("auto_pad", Attribute::String(auto_pad.to_owned()));
        check_in_any_opset(graph(&[2, 3, 3], vec![node], vec![("w", kernels)]), seed, Inputs::Kinked);
    }

    #[test]
    fn max_pool(window in window(true, 2), ceil: bool, seed: u64) {
        let ceil = ceil && window.auto_pad == "NOTSET";
        check_in_any_opset(pool("MaxPool", &window, ceil, |node| node), seed, Inputs::Kinked);
    }

    /// The dense layer wants the number of windows that there are, whoever counts them.
    #[test]
    fn pools_before_a_dense_layer(
        input in prop::array::uniform2(4..=7_usize), pads in prop::array::uniform4(0..=1_usize), average: bool, seed: u64
    ) {
        let window = Window { input, kernel: [2, 2], strides: [2, 2], dilations: [1, 1], pads, auto_pad: "NOTSET" };
        let mut graph = pool(if average { "AveragePool" } else { "MaxPool" }, &window, true, |mut node| {
            node.attributes.remove("dilations");
            node
        });
        let features: usize = graph.shapes().unwrap()["y"].iter().skip(1).map(|dim| dim.size().unwrap()).product();
        graph.nodes.extend([Node::new("Flatten", ["y"], ["flat"]), Node::new("MatMul", ["flat", "dense"], ["z"])]);
        graph.initializers.insert("dense".to_owned(), Numbers::new(seed).tensor(&[features, 2]));
        graph.outputs[0].name = "z".to_owned();
        check_in_any_opset(graph, seed, Inputs::Kinked);
    }

    #[test]
    fn max_pool_of_tiles(window in tiles(), seed: u64) {
        check_in_any_opset(pool("MaxPool", &window, false, |node| node), seed, Inputs::Kinked);
    }

    /// 16 channels are computed in ONNX Runtime's blocked layout.
    #[test]
    fn max_pools_in_blocks(channels in prop_oneof![Just(8_usize), Just(16), Just(32)], seed: u64) {
        check_in_any_opset(pools(channels), seed, Inputs::Kinked);
    }

    #[test]
    fn average_pool(window in prop_oneof![window(true, 1), tiles()], ceil: bool, include: bool, opset in 17..=21_i64, seed: u64) {
        let ceil = ceil && window.auto_pad == "NOTSET";
        let mut graph = pool("AveragePool", &window, ceil, |mut node| {
            node.attributes.remove("dilations");
            node.with_int("count_include_pad", i64::from(include))
        });
        graph.opset = opset;
        check(&graph, seed, Inputs::Kinked);
    }

    #[test]
    fn dilated_average_pool(window in window(true, 2), include: bool, seed: u64) {
        let mut graph = pool("AveragePool", &window, false, |node| node.with_int("count_include_pad", i64::from(include)));
        graph.opset = 19;
        check(&graph, seed, Inputs::Kinked);
    }

    #[test]
    fn global_pools(height in 1..=4_usize, width in 1..=4_usize, seed: u64) {
        for op_type in ["GlobalAveragePool", "GlobalMaxPool"] {
            check_in_any_opset(graph(&[3, height, width], vec![Node::new(op_type, ["x"], ["y"])], vec![]), seed, Inputs::Kinked);
        }
    }
}
