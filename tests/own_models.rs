//! One small network as different exporters write it: it must be served alike.

use std::{fs, path::Path};

use glassbox::{
    autodiff::Rule,
    config,
    error::Result,
    model::{Files, Model, Patch, Question},
    onnx::{Attribute, DataType, Dim, Graph, Layout, Node, Tensor, ValueInfo},
    runtime::{Cancellation, Runtime, Weights},
};
use half::f16;
use ndarray::{Array4, ArrayD, Axis, concatenate};
use proptest::prelude::{Just, prop_oneof};

use crate::gradients::{Numbers, assert_near};

const MANIFEST: &str = "[preprocessing]\norder = \"rgb\"\nresize = \"stretch\"\n";

/// Numbers that a half float holds exactly.
fn weights(numbers: &mut Numbers, shape: &[usize]) -> Tensor {
    let values = numbers.uniform(shape, -64.0, 64.0).mapv(|value| value.round() / 64.0);
    Tensor::from_floats(shape, values.as_slice().unwrap())
}

fn value(name: &str, shape: Vec<Dim>) -> ValueInfo {
    ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape: Some(shape) }
}

fn symbol(name: &str) -> Dim {
    Dim::Symbol(name.to_owned())
}

/// `picture` [n, 3, 8, 6] to `logits` [n, 5].
pub fn plain() -> Graph {
    let mut numbers = Numbers::new(11);
    let nodes = vec![
        Node::new("Conv", ["picture", "conv.weight", "conv.bias"], ["c"]).with_ints("pads", [1, 1, 1, 1]),
        Node::new("Relu", ["c"], ["r"]),
        Node::new("MaxPool", ["r"], ["p"]).with_ints("kernel_shape", [2, 2]).with_ints("strides", [2, 2]),
        Node::new("Reshape", ["p", "rows"], ["f"]),
        Node::new("Gemm", ["f", "fc.weight", "fc.bias"], ["logits"]).with_int("transB", 1),
    ];
    let constants = [
        ("conv.weight", weights(&mut numbers, &[4, 3, 3, 3])),
        ("conv.bias", weights(&mut numbers, &[4])),
        ("rows", Tensor::from_ints(&[-1, 48])),
        ("fc.weight", weights(&mut numbers, &[5, 48])),
        ("fc.bias", weights(&mut numbers, &[5])),
    ];
    Graph {
        opset: 17,
        inputs: vec![value("picture", vec![symbol("n"), 3.into(), 8.into(), 6.into()])],
        outputs: vec![value("logits", vec![symbol("n"), 5.into()])],
        nodes,
        initializers: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}

/// The same with a batch of one, also in a constant.
pub fn fixed_batch() -> Graph {
    let mut graph = plain();
    graph.inputs[0].shape.as_mut().unwrap()[0] = 1.into();
    graph.outputs[0].shape.as_mut().unwrap()[0] = 1.into();
    graph.initializers.insert("rows".to_owned(), Tensor::from_ints(&[1, 48]));
    graph
}

/// The same with a picture whose channels are last.
pub fn channels_last() -> Graph {
    let mut graph = plain();
    graph.inputs[0] = value("picture", vec![symbol("n"), 8.into(), 6.into(), 3.into()]);
    graph.nodes[0].inputs[0] = "moved".to_owned();
    graph.nodes.insert(0, Node::new("Transpose", ["picture"], ["moved"]).with_ints("perm", [0, 3, 1, 2]));
    graph
}

/// The same with half floats inside, between casts.
fn half_floats() -> Graph {
    let mut graph = plain();
    for tensor in graph.initializers.values_mut().filter(|tensor| tensor.dtype() == DataType::Float) {
        let bytes: Vec<u8> =
            tensor.floats().unwrap().iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        *tensor = Tensor::new(DataType::Float16, tensor.shape().to_vec(), bytes.into()).unwrap();
    }
    let cast = |from: &str, to: &str, dtype| Node::new("Cast", [from], [to]).with_int("to", dtype as i64);
    graph.nodes[0].inputs[0] = "half".to_owned();
    graph.nodes[4].outputs[0] = "half_logits".to_owned();
    graph.nodes.insert(0, cast("picture", "half", DataType::Float16));
    graph.nodes.push(cast("half_logits", "logits", DataType::Float));
    graph
}

/// The same with the height and the width left open.
pub fn open_size() -> Graph {
    let mut graph = plain();
    graph.inputs[0] = value("picture", ["n", "3", "h", "w"].map(symbol).to_vec());
    graph.inputs[0].shape.as_mut().unwrap()[1] = 3.into();
    graph
}

/// The same with an auxiliary classifier and feature maps before the classifier's output, and a switch for training.
pub fn several_outputs() -> Graph {
    let mut graph = plain();
    let pooled = Node::new("GlobalAveragePool", ["p"], ["aux"]);
    let maps = Node::new("If_training", ["r", "training"], ["maps"]);
    graph.nodes.extend([pooled, Node { domain: "com.example".to_owned(), ..maps }]);
    graph.inputs.push(ValueInfo { dtype: DataType::Bool, ..value("training", vec![]) });
    graph.outputs.insert(0, value("maps", vec![symbol("n"), 4.into(), 8.into(), 6.into()]));
    graph.outputs.insert(1, value("aux", vec![symbol("n"), 4.into(), 1.into(), 1.into()]));
    graph
}

/// Writes `graph` as the model called `name` into `directory`.
pub fn write(directory: &Path, name: &str, graph: &Graph) {
    let directory = directory.join(name);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("model.onnx"), graph.to_bytes()).unwrap();
}

/// The model of `graph` with `manifest` as its `model.toml`.
fn load(graph: Graph, manifest: &str) -> Result<Model> {
    let runtime = Runtime::load(&config::Runtime::default()).unwrap();
    let files = Files { graph, manifest: Some(manifest.to_owned()), labels: None };
    Model::new("small", files, &runtime, Weights::in_memory())
}

/// The logits of `pictures` and the gradients of the second class, each by one run.
fn answers(model: &Model, pictures: &Array4<f32>) -> (ArrayD<f32>, ArrayD<f32>) {
    let question = Question { gradients: vec![(Rule::Standard, model.input().to_owned())], values: Vec::new() };
    let classes = vec![Some(1); pictures.dim().0];
    let answer = model.ask(&question, pictures, &classes, &Cancellation::default()).unwrap();
    let gradient = answer.gradient(Rule::Standard, model.input()).unwrap().clone();
    (answer.logits, gradient)
}

fn pictures(count: usize) -> Array4<f32> {
    Numbers::new(5).uniform(&[count, 3, 8, 6], 0.0, 4.0).into_dimensionality().unwrap()
}

/// The same with a pool of as many windows that ONNX's shape inference counts wrongly, and that no padding can stand for.
fn miscounted_windows() -> Graph {
    let mut graph = plain();
    let pool = std::mem::take(&mut graph.nodes[2]);
    graph.nodes[2] = pool.with_ints("dilations", [2, 1]).with_ints("pads", [0, 0, 0, 1]).with_int("ceil_mode", 1);
    graph
}

#[test]
fn a_picture_alone_has_the_gradient_that_it_has_among_others() {
    for graph in [plain(), miscounted_windows()] {
        let model = load(graph, MANIFEST).unwrap();
        let pictures = pictures(3);
        let (_, together) = answers(&model, &pictures);
        let (_, alone) = answers(&model, &pictures.slice_axis(Axis(0), (..1).into()).to_owned());
        assert_near(&alone, &together.slice_axis(Axis(0), (..1).into()).to_owned(), 1e-5);
        assert!(alone.iter().any(|&slope| slope != 0.0));
    }
}

#[test]
fn however_it_is_written_it_answers_the_same() {
    let expected = answers(&load(plain(), MANIFEST).unwrap(), &pictures(3));
    let sized = format!("{MANIFEST}size = [8, 6]\n");
    for (what, graph, manifest) in [
        ("fixed batch", fixed_batch(), MANIFEST),
        ("channels last", channels_last(), MANIFEST),
        ("half floats", half_floats(), MANIFEST),
        ("open size", open_size(), &sized),
        ("several outputs", several_outputs(), MANIFEST),
    ] {
        let model = load(graph, manifest).unwrap();
        let (logits, gradients) = answers(&model, &pictures(3));
        let difference = |a: &ArrayD<f32>, b: &ArrayD<f32>| (a - b).iter().fold(0.0_f32, |most, d| most.max(d.abs()));
        assert_eq!((model.batch(), model.labels().len()), (usize::MAX, 5), "{what}");
        assert!(difference(&logits, &expected.0) < 1e-4, "{what}: {logits} is not {}", expected.0);
        assert!(difference(&gradients, &expected.1) < 1e-4, "{what}");
        let names: Vec<&str> = model.layers().iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(names, ["picture", "conv", "p", "f", "fc"], "{what}");
    }
}

#[test]
fn a_batch_that_cannot_be_opened_is_served_one_by_one() {
    let mut graph = fixed_batch();
    // Rows for more than one picture would be mixed.
    graph.nodes.push(Node::new("Softmax", ["logits"], ["y"]).with_int("axis", 0));
    graph.nodes.push(Node::new("Add", ["logits", "y"], ["z"]));
    graph.outputs = vec![value("z", vec![1.into(), 5.into()])];
    let model = load(graph, MANIFEST).unwrap();
    assert_eq!((model.batch(), model.origin().batch), (1, Some(1)));
    let expected = answers(&load(plain(), MANIFEST).unwrap(), &pictures(2)).0;
    let each: Vec<_> = pictures(2)
        .axis_chunks_iter(Axis(0), 1)
        .map(|picture| {
            model.ask(&Question::default(), &picture.to_owned(), &[], &Cancellation::default()).unwrap().logits
        })
        .collect();
    let each = concatenate(Axis(0), &each.iter().map(|logits| logits.view()).collect::<Vec<_>>()).unwrap() - 1.0;
    assert!((each - expected).iter().all(|d| d.abs() < 1e-4));
}

#[test]
fn all_programs_count_as_memory_as_long_as_they_live() {
    let (pictures, cancellation) = (pictures(1), Cancellation::default());
    let model = load(plain(), MANIFEST).unwrap();
    let memory = |incremental| {
        let model = load(plain(), MANIFEST).unwrap().incremental(incremental);
        let covered = [Patch { rows: 0..2, columns: 0..2 }];
        model.cover(&pictures, &pictures, &covered, &[None], &cancellation).unwrap();
        model.memory()
    };
    assert!(memory(true) > memory(false), "occlusion's steps");
    let before = model.memory();
    let ascent = model.ascent(&model.filter_unit("conv", 1).unwrap(), (8, 6)).unwrap();
    assert!(model.memory() > before);
    drop(ascent);
    assert_eq!(model.memory(), before);
}

#[test]
fn what_was_understood_is_told() {
    let model = load(channels_last(), "").unwrap();
    let origin = model.origin();
    assert_eq!((origin.layout, origin.opset, origin.input.as_str()), (Layout::ChannelsLast, 17, "picture"));
    assert_eq!((origin.output.as_str(), origin.numbers, origin.batch), ("logits", "float32", None));
    let told: Vec<_> =
        model.inferences().iter().map(|i| format!("{}: {} ({})", i.setting, i.value, i.reason)).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(load(half_floats(), MANIFEST).unwrap().origin().numbers, "float16");
    let told = load(open_size(), MANIFEST).err().unwrap().message;
    insta::assert_snapshot!(told);
}

#[test]
fn several_outputs_are_chosen_among() {
    let model = load(several_outputs(), MANIFEST).unwrap();
    let told = model.inferences().iter().find(|inference| inference.setting == "output").unwrap();
    assert_eq!(told.value, "logits");
    insta::assert_snapshot!(told.reason);
    let stated = format!("{MANIFEST}[output]\nname = \"aux\"\n");
    assert_eq!(load(several_outputs(), &stated).unwrap().labels().len(), 4);
    let stated = format!("{MANIFEST}[output]\nname = \"maps\"\n");
    assert!(load(several_outputs(), &stated).unwrap_err().message.contains("`maps` is no output with one score"));
}

#[test]
fn what_cannot_be_served_is_refused_with_the_reason() {
    let refused = |graph: Graph| load(graph, MANIFEST).unwrap_err().message;
    let mut eight = fixed_batch();
    eight.inputs[0].shape.as_mut().unwrap()[0] = 8.into();
    eight.initializers.insert("rows".to_owned(), Tensor::from_ints(&[8, 48]));
    eight.initializers.insert("fc.bias".to_owned(), Tensor::from_floats(&[8, 5], &[0.0; 40]));
    assert!(refused(eight).contains("8 pictures at a time"));
    let mut quantized = plain();
    quantized.nodes[1].op_type = "DequantizeLinear".to_owned();
    assert!(refused(quantized).contains("quantized"));
    let mut bytes = plain();
    bytes.inputs[0].dtype = DataType::Uint8;
    assert!(refused(bytes).contains("Uint8"));
    let mut gray = plain();
    gray.inputs[0].shape.as_mut().unwrap()[1] = 1.into();
    assert!(refused(gray).contains("[n, 1, 8, 6]"));
    let mut text = plain();
    text.nodes[1].attributes.insert("t".to_owned(), Attribute::String("text".to_owned()));
    text.inputs.push(value("keep_prob", vec![]));
    text.nodes.push(Node::new("Mul", ["logits", "keep_prob"], ["y"]));
    assert!(refused(text).contains("2 inputs (`picture`, `keep_prob`)"));
}

/// Operators that a damaged graph may have in another's place.
const OPERATORS: [&str; 20] = [
    "Add",
    "Cast",
    "Clip",
    "Concat",
    "Conv",
    "Expand",
    "Flatten",
    "Gather",
    "Gemm",
    "MatMul",
    "MaxPool",
    "Pad",
    "ReduceMean",
    "Reshape",
    "Resize",
    "Slice",
    "Softmax",
    "Split",
    "Squeeze",
    "Transpose",
];

proptest::proptest! {
    #[test]
    fn a_damaged_model_is_an_error_and_never_a_panic(
        which in 0_usize..6,
        node in 0_usize..8,
        operator in 0_usize..OPERATORS.len(),
        inputs in 0_usize..5,
        outputs in 0_usize..3,
        numbers in proptest::collection::vec(prop_oneof![-3_i64..6, Just(i64::MIN), Just(i64::MAX)], 0..5),
    ) {
        let written = [plain, fixed_batch, channels_last, half_floats, open_size, several_outputs];
        let mut graph = written[which]();
        let places = graph.nodes.len();
        let damaged = &mut graph.nodes[node % places];
        damaged.op_type = OPERATORS[operator].to_owned();
        damaged.inputs.resize(inputs, "rows".to_owned());
        damaged.outputs.resize(outputs, String::new());
        for name in ["perm", "axes", "pads", "kernel_shape", "strides", "dilations"] {
            damaged.attributes.insert(name.to_owned(), Attribute::Ints(numbers.clone()));
        }
        for (name, &number) in ["axis", "group", "keepdims", "to"].iter().zip(&numbers) {
            damaged.attributes.insert((*name).to_owned(), Attribute::Int(number));
        }
        graph.initializers.insert("rows".to_owned(), Tensor::from_ints(&numbers));
        // Many of these are not even read.
        if let Ok(graph) = Graph::read(graph.to_bytes().into())
            && let Ok(model) = load(graph, MANIFEST)
        {
            model.summary();
        }
    }
}
