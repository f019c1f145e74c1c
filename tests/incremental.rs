//! Incremental answers about covered pictures are those of full runs.

use std::{fs, ops::Range};

use glassbox::{
    config::Config,
    model::{Files, Model, Models, Patch},
    onnx::{DataType, Dim, Graph, Node, Tensor, ValueInfo},
    runtime::{Cancellation, Runtime, Weights},
};
use ndarray::Array4;
use proptest::prelude::*;

use crate::{stop_sign, vgg16::uniform};

const SIDE: usize = 24;
const CHANNELS: usize = 4;

/// A small network: a stem, the layers of `body` from the value `x0` on, and a dense layer after them.
fn network(body: &[Layer]) -> Graph {
    let value = |name: &str, shape: Option<Vec<Dim>>| ValueInfo { name: name.into(), dtype: DataType::Float, shape };
    let shape = vec![Dim::Symbol("n".into()), 3.into(), SIDE.into(), SIDE.into()];
    let mut graph = Graph { opset: 17, ..Graph::default() };
    graph.inputs.push(value("x", Some(shape)));
    graph.outputs.push(value("y", None));
    push_conv(&mut graph, "x", "x0", [CHANNELS, 3, 3], |conv| conv.with_ints("pads", [1, 1, 1, 1]));
    for (index, layer) in body.iter().enumerate() {
        layer.push(&mut graph, &format!("x{index}"), &format!("x{}", index + 1));
    }
    let end = format!("x{}", body.len());
    let features: usize = graph.shapes().unwrap()[&end].iter().skip(1).map(|dim| dim.size().unwrap()).product();
    graph.nodes.push(Node::new("Flatten", [end], ["flat"]));
    graph.nodes.push(Node::new("MatMul", ["flat", "dense"], ["y"]));
    let dense = uniform(99, features * 5, 0.3);
    graph.initializers.insert("dense".into(), Tensor::from_floats(&[features, 5], &dense));
    graph
}

fn push_conv(graph: &mut Graph, from: &str, to: &str, kernel: [usize; 3], set: impl FnOnce(Node) -> Node) {
    let [filters, channels, side] = kernel;
    let seed = graph.nodes.len() as u32 + 1;
    let (weights, bias) = (format!("{to}.weight"), format!("{to}.bias"));
    let kernel = uniform(seed, filters * channels * side * side, 0.4);
    graph.initializers.insert(weights.clone(), Tensor::from_floats(&[filters, channels, side, side], &kernel));
    graph.initializers.insert(bias.clone(), Tensor::from_floats(&[filters], &uniform(seed + 50, filters, 0.4)));
    graph.nodes.push(set(Node::new("Conv", [from, &weights, &bias], [to])));
}

#[derive(Debug, Clone, Copy)]
enum Layer {
    Conv {
        side: usize,
        stride: usize,
        dilation: usize,
        same: bool,
    },
    /// Two convolutions between which there are so many channels.
    Wide(usize),
    Depthwise,
    Relu,
    MaxPool {
        side: usize,
        stride: usize,
        pad: i64,
        ceil: bool,
    },
    AveragePool {
        side: usize,
        stride: usize,
        pad: i64,
    },
    BatchNorm,
    /// `x + relu(conv(x))`.
    Residual,
    /// Two branches of different reach, joined along the channels and mixed to as many as before.
    Inception,
    /// A convolution of single elements that begins beyond the border, as a kernel of 1 padded only behind.
    Shifted,
    /// A border of a constant, which is then cut away by a convolution without one.
    Pad {
        before: i64,
        after: i64,
    },
    /// Ends the local part: `x * sigmoid(mean of x)`.
    SqueezeExcite,
}

impl Layer {
    fn push(self, graph: &mut Graph, from: &str, to: &str) {
        let inner = |name: &str| format!("{to}.{name}");
        let same = |conv: Node| conv.with_ints("pads", [1, 1, 1, 1]);
        match self {
            Self::Conv { side, stride, dilation, same } => {
                push_conv(graph, from, to, [CHANNELS, CHANNELS, side], |conv| {
                    let conv =
                        conv.with_ints("strides", [stride as i64; 2]).with_ints("dilations", [dilation as i64; 2]);
                    let pad = (dilation * (side - 1) / 2) as i64;
                    if same {
                        conv.with("auto_pad", glassbox::onnx::Attribute::String("SAME_UPPER".into()))
                    } else {
                        conv.with_ints("pads", [pad, pad, pad, 0])
                    }
                });
            }
            Self::Wide(channels) => {
                push_conv(graph, from, &inner("wide"), [channels, CHANNELS, 1], |conv| conv);
                push_conv(graph, &inner("wide"), &inner("between"), [channels, channels, 3], same);
                push_conv(graph, &inner("between"), to, [CHANNELS, channels, 1], |conv| conv);
                // Small enough for probabilities that are not 0 and 1.
                let shape = [channels, channels, 3, 3];
                let kernel = Tensor::from_floats(&shape, &uniform(77, shape.iter().product(), 0.005));
                graph.initializers.insert(format!("{}.weight", inner("between")), kernel);
            }
            Self::Depthwise => {
                push_conv(graph, from, to, [CHANNELS, 1, 3], |conv| same(conv.with_int("group", CHANNELS as i64)));
            }
            Self::Relu => graph.nodes.push(Node::new("Relu", [from], [to])),
            Self::MaxPool { side, stride, pad, ceil } => {
                let pool = Node::new("MaxPool", [from], [to]).with_ints("kernel_shape", [side as i64; 2]);
                let pool = pool.with_ints("strides", [stride as i64; 2]).with_ints("pads", [pad; 4]);
                graph.nodes.push(pool.with_int("ceil_mode", i64::from(ceil)));
            }
            Self::AveragePool { side, stride, pad } => {
                let pool = Node::new("AveragePool", [from], [to]).with_ints("kernel_shape", [side as i64; 2]);
                let pool = pool.with_ints("strides", [stride as i64; 2]).with_ints("pads", [pad; 4]);
                graph.nodes.push(pool.with_int("count_include_pad", 1));
            }
            Self::BatchNorm => {
                let names = ["gamma", "beta", "mean", "variance"].map(inner);
                for (seed, name) in names.iter().enumerate() {
                    let values = uniform(seed as u32 + 70, CHANNELS, 0.5).iter().map(|v| v + 1.0).collect::<Vec<_>>();
                    graph.initializers.insert(name.clone(), Tensor::from_floats(&[CHANNELS], &values));
                }
                let inputs = [from.to_owned()].into_iter().chain(names);
                graph.nodes.push(Node::new("BatchNormalization", inputs, [to]));
            }
            Self::Residual => {
                push_conv(graph, from, &inner("conv"), [CHANNELS, CHANNELS, 3], same);
                graph.nodes.push(Node::new("Relu", [inner("conv")], [inner("relu")]));
                graph.nodes.push(Node::new("Add", [from, &inner("relu")], [to]));
            }
            Self::Inception => {
                push_conv(graph, from, &inner("wide"), [CHANNELS, CHANNELS, 3], same);
                push_conv(graph, from, &inner("point"), [CHANNELS, CHANNELS, 1], |conv| conv);
                graph
                    .nodes
                    .push(Node::new("Concat", [inner("wide"), inner("point")], [inner("both")]).with_int("axis", 1));
                push_conv(graph, &inner("both"), to, [CHANNELS, 2 * CHANNELS, 1], |conv| conv);
            }
            Self::Shifted => {
                push_conv(graph, from, to, [CHANNELS, CHANNELS, 1], |conv| conv.with_ints("pads", [0, 0, 1, 1]));
            }
            Self::Pad { before, after } => {
                let pads = [0, 0, before, before, 0, 0, after, after];
                graph.initializers.insert(inner("pads"), Tensor::from_ints(&pads));
                graph.initializers.insert(inner("border"), Tensor::scalar(0.7));
                graph.nodes.push(Node::new("Pad", [from, &inner("pads"), &inner("border")], [inner("padded")]));
                push_conv(graph, &inner("padded"), to, [CHANNELS, CHANNELS, 2], |conv| conv);
            }
            Self::SqueezeExcite => {
                graph.nodes.push(Node::new("GlobalAveragePool", [from], [inner("mean")]));
                graph.nodes.push(Node::new("Sigmoid", [inner("mean")], [inner("gate")]));
                graph.nodes.push(Node::new("Mul", [from, &inner("gate")], [to]));
            }
        }
    }
}

/// The probabilities of `patches` covered by -1, incrementally or not, and how many full runs that took.
fn probabilities(graph: &Graph, patches: &[Patch], incremental: bool, weights: Weights) -> (Vec<f32>, u64) {
    let runtime = Runtime::load(&Config::default().runtime).unwrap();
    let manifest = Some("[preprocessing]\nmode = \"torch\"\nresize = \"stretch\"".to_owned());
    let files = Files { graph: graph.clone(), manifest, labels: None };
    let model = Model::new("small", files, &runtime, weights).unwrap().incremental(incremental);
    let input = Array4::from_shape_vec((1, 3, SIDE, SIDE), uniform(7, 3 * SIDE * SIDE, 2.0)).unwrap();
    let covered = Array4::from_elem(input.dim(), -1.0);
    let classes = [Some(1), Some(3)];
    let cancellation = Cancellation::default();
    let covering = model.cover(&input, &covered, patches, &classes, &cancellation).unwrap();
    (covering.probabilities(patches, &mut |_| {}, &cancellation).unwrap().into_raw_vec_and_offset().0, model.runs())
}

fn patch(rows: Range<usize>, columns: Range<usize>) -> Patch {
    Patch { rows, columns }
}

fn check(body: &[Layer], patches: &[Patch]) -> Result<u64, TestCaseError> {
    let graph = network(body);
    let (expected, _) = probabilities(&graph, patches, false, Weights::in_memory());
    let (found, runs) = probabilities(&graph, patches, true, Weights::in_memory());
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        prop_assert!((found - expected).abs() < 1e-5, "{body:?}: {index}: {found} is not {expected}");
    }
    Ok(runs)
}

fn layer() -> impl Strategy<Value = Layer> {
    prop_oneof![
        // ONNX Runtime has no `auto_pad` with dilations.
        (1_usize..4, 1_usize..3, 1_usize..3, any::<bool>()).prop_map(|(side, stride, dilation, same)| {
            let same = same && dilation == 1;
            Layer::Conv { side, stride, dilation, same }
        }),
        Just(Layer::Depthwise),
        Just(Layer::Relu),
        (2_usize..4, 1_usize..3, 0_i64..2, any::<bool>()).prop_map(|(side, stride, pad, ceil)| Layer::MaxPool {
            side,
            stride,
            pad,
            ceil
        }),
        (2_usize..4, 1_usize..3, 0_i64..2).prop_map(|(side, stride, pad)| Layer::AveragePool { side, stride, pad }),
        Just(Layer::BatchNorm),
        Just(Layer::Residual),
        Just(Layer::Inception),
        Just(Layer::Shifted),
        (0_i64..3, 1_i64..3).prop_map(|(before, after)| Layer::Pad { before, after }),
        Just(Layer::SqueezeExcite),
    ]
}

fn any_patch() -> impl Strategy<Value = Patch> {
    let range = || (0..SIDE - 1, 1..6_usize).prop_map(|(start, length)| start..(start + length).min(SIDE));
    (range(), range()).prop_map(|(rows, columns)| patch(rows, columns))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_network_gives_the_numbers_of_full_runs(
        body in prop::collection::vec(layer(), 0..5),
        patches in prop::collection::vec(any_patch(), 1..12),
    ) {
        check(&body, &patches)?;
    }
}

#[test]
fn a_pool_whose_last_window_would_begin_in_the_padding() {
    let stem = Layer::Conv { side: 3, stride: 2, dilation: 2, same: false };
    let body = [stem, Layer::MaxPool { side: 2, stride: 2, pad: 1, ceil: true }];
    check(&body, &[patch(3..9, 17..23), patch(0..2, 0..2)]).unwrap();
}

#[test]
fn only_the_picture_itself_is_run_in_full() {
    let body = [Layer::Residual, Layer::MaxPool { side: 2, stride: 2, pad: 0, ceil: false }, Layer::Inception];
    let patches: Vec<Patch> = (0..20).map(|start| patch(start..start + 3, 5..8)).collect();
    assert_eq!(check(&body, &patches).unwrap(), 1);
}

#[test]
fn wide_convolutions_give_them_in_winograds_form() {
    const WIDTH: usize = 256;
    let graph = network(&[Layer::Wide(WIDTH)]);
    let patches: Vec<Patch> = (0..20).map(|start| patch(start..start + 3, 5..8)).collect();
    let cache = tempfile::tempdir().unwrap();
    let (expected, _) = probabilities(&graph, &patches, false, Weights::in_memory());
    let (found, _) = probabilities(&graph, &patches, true, Weights::new(cache.path()));
    let furthest = expected.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < 1e-5, "{furthest}");
    assert!(expected.iter().any(|p| (p - expected[0]).abs() > 1e-3), "no patch made a difference");
    let transformed = (16 * WIDTH * WIDTH * size_of::<f32>()) as u64;
    let mut files = fs::read_dir(cache.path().join("weights")).unwrap();
    assert!(files.any(|file| file.unwrap().metadata().unwrap().len() == transformed), "there are no such kernels");
}

#[test]
fn where_little_is_saved_full_runs_are_made() {
    let patches = [patch(0..SIDE, 0..SIDE - 1), patch(0..2, 0..2)];
    assert_eq!(check(&[Layer::Residual], &patches).unwrap(), 2);
}

#[test]
fn the_default_model_gives_the_numbers_of_full_runs() {
    let model = |incremental| {
        let config = Config { occlusion: glassbox::config::Occlusion { incremental }, ..Config::default() };
        Models::load_one(&config, "vgg16-caltech101").unwrap()
    };
    let sign = stop_sign::Sign { x: 430.0, y: 180.0, radius: 120.0 };
    let picture = model(true).prepare(stop_sign::draw(640, 480, sign));
    let covered = Array4::from_elem(picture.input.dim(), 0.5);
    let patches: Vec<Patch> = (0..10).map(|step| patch(20 * step..20 * step + 26, 115..150)).collect();
    let ask = |incremental| {
        let (model, cancellation) = (model(incremental), Cancellation::default());
        let covering = model.cover(&picture.input, &covered, &patches, &[None], &cancellation).unwrap();
        covering.probabilities(&patches, &mut |_| {}, &cancellation).unwrap()
    };
    let (full, incremental) = (ask(false), ask(true));
    let furthest = full.iter().zip(&incremental).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < 1e-5, "{furthest}");
    assert!(full.iter().any(|p| (p - full[[0, 0]]).abs() > 1e-3), "no patch made a difference");
}
