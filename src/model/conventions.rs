//! How a model's makers prepare pictures, told from who wrote the file, what its parts are called and how it begins.

use super::preprocessing::{ChannelOrder, Mode, Resize, Section};
use crate::onnx::{Graph, Layout, Node, PictureInput};

/// What a model without a `model.toml` is taken to expect.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conventions {
    /// The numbers that pixels become: `mode`, or `order` and `scale`, of a section of `model.toml`.
    pub numbers: Section,
    /// Why these.
    pub reason: String,
    /// How a picture gets the input's size, and why so.
    pub resize: (Resize, &'static str),
    /// The side of the input in pixels, where the file leaves it open.
    pub side: usize,
}

/// A family of Keras' applications.
struct Family {
    name: &'static str,
    /// Parts of names that only its graphs have: the model's own, and layers' that stay in a model made of it.
    signs: &'static [&'static str],
    numbers: Section,
    side: usize,
}

/// Keras' families and what their `preprocess_input` does, those first whose names contain others'.
///
/// Those that scale pixels in the graph itself are told by that before.
const FAMILIES: [Family; 12] = [
    Family::new("Xception", &["xception", "block2_sepconv1"], Section::mode(Mode::Tf), 299),
    Family::new("InceptionResNetV2", &["inception_resnet_v2", "block35_1"], Section::mode(Mode::Tf), 299),
    Family::new("InceptionV3", &["inception_v3", "mixed10"], Section::mode(Mode::Tf), 299),
    Family::new("VGG", &["vgg16", "vgg19", "block5_conv3"], Section::mode(Mode::Caffe), 224),
    Family::new("ResNetV2", &["resnet50v2", "resnet101v2", "resnet152v2", "preact_bn"], Section::mode(Mode::Tf), 224),
    Family::new("DenseNet", &["densenet", "pool2_conv"], Section::mode(Mode::Torch), 224),
    Family::new("ResNet", &["resnet50", "resnet101", "resnet152", "conv2_block1_1_"], Section::mode(Mode::Caffe), 224),
    Family::new("NASNet", &["nasnet", "normal_conv_1_", "normal_bn_1_"], Section::mode(Mode::Tf), 224),
    Family::new("MobileNetV3", &["mobilenetv3"], Section::mode(Mode::Tf), 224),
    Family::new("MobileNetV2", &["mobilenetv2", "block_1_expand"], Section::mode(Mode::Tf), 224),
    Family::new("MobileNet", &["mobilenet", "conv_dw_1"], Section::mode(Mode::Tf), 224),
    Family::new("EfficientNet", &["efficientnet", "block1a_"], Section::raw(ChannelOrder::Rgb), 224),
];

impl Family {
    const fn new(name: &'static str, signs: &'static [&'static str], numbers: Section, side: usize) -> Self {
        Self { name, signs, numbers, side }
    }

    /// The family that the graph's names tell of.
    fn of(graph: &Graph) -> Option<&'static Self> {
        let names = || {
            let nodes = graph.nodes.iter().map(|node| node.name.as_str());
            nodes
                .chain(graph.initializers.keys().map(String::as_str))
                .chain([graph.name.as_str()])
                .map(str::to_lowercase)
        };
        FAMILIES.iter().find(|family| names().any(|name| family.signs.iter().any(|sign| name.contains(sign))))
    }
}

impl Conventions {
    /// What Keras does, and why it is taken to be done.
    pub const KERAS_RESIZE: (Resize, &'static str) = (Resize::Stretch, "Keras keeps all of a picture");
    const TORCHVISION_RESIZE: (Resize, &'static str) = (Resize::Crop, "torchvision keeps the middle of a picture");

    /// The conventions of `graph`, whose `input` takes its channels first by now.
    pub fn of(graph: &Graph, input: &PictureInput) -> Self {
        let keras = input.layout == Layout::ChannelsLast || graph.producer.starts_with("tf2onnx");
        let family = if keras { Family::of(graph) } else { None };
        let (numbers, reason) = if let Some(scaled) = scaled_inside(graph, &input.name) {
            scaled
        } else if let Some(family) = family {
            (family.numbers.clone(), format!("its names are those of Keras' {}", family.name))
        } else if keras {
            (Section::mode(Mode::Tf), "it is Keras' or TensorFlow's, and of no family that is known".to_owned())
        } else if graph.producer.starts_with("onnx-caffe2") {
            (Section::mode(Mode::Caffe), "it is Caffe's".to_owned())
        } else if graph.producer.starts_with("pytorch") {
            (Section::mode(Mode::Torch), "it is PyTorch's".to_owned())
        } else {
            (Section::mode(Mode::Torch), "nothing in the file says otherwise".to_owned())
        };
        let resize = if keras { Self::KERAS_RESIZE } else { Self::TORCHVISION_RESIZE };
        Self { numbers, reason, resize, side: family.map_or(224, |family| family.side) }
    }
}

/// What pixels the graph takes if it begins with a scale or a mean of its own.
fn scaled_inside(graph: &Graph, input: &str) -> Option<(Section, String)> {
    let mut value = input;
    let mut scale = 1.0_f32;
    let mut means: Option<Vec<f32>> = None;
    let mut scaled = false;
    // Every step goes to a later node, so this ends.
    while let Some(node) = only_reader(graph, value) {
        let constant = || {
            let other = node.inputs.iter().find(|name| *name != value)?;
            graph.initializers.get(other)?.floats().ok().filter(|numbers| matches!(numbers.len(), 1 | 3))
        };
        let numbers = match node.op_type.as_str() {
            "Transpose" | "Identity" | "Cast" => None,
            "Mul" | "Div" | "Add" | "Sub" => Some(constant()?),
            _ => break,
        };
        if let Some(numbers) = numbers {
            let mean = numbers.iter().map(|number| number.abs()).sum::<f32>() / numbers.len() as f32;
            match node.op_type.as_str() {
                "Mul" => scale *= mean,
                "Div" => scale /= mean,
                _ if means.is_none() && !scaled => means = Some(numbers),
                _ => {}
            }
            scaled |= matches!(node.op_type.as_str(), "Mul" | "Div");
        }
        value = node.output(0)?;
    }
    // 1/255, with or without a division by a deviation below 1; a division of 0 to 1 by such a deviation.
    let raw = "the graph itself scales pixels of 0 to 255";
    match means.as_deref() {
        _ if scaled && scale < 0.1 => Some((Section::raw(ChannelOrder::Rgb), raw.to_owned())),
        _ if scaled && scale > 1.5 => {
            let reason = "the graph itself scales pixels of 0 to 1";
            Some((Section::unit(ChannelOrder::Rgb), reason.to_owned()))
        }
        Some([first, _, last]) if !scaled && first.abs() > 50.0 => {
            // Of the mean colour of photographs, blue is the least.
            let order = if first.abs() < last.abs() { ChannelOrder::Bgr } else { ChannelOrder::Rgb };
            Some((Section::raw(order), "the graph itself subtracts the mean colour".to_owned()))
        }
        _ => None,
    }
}

/// The node that alone computes with `value`.
fn only_reader<'g>(graph: &'g Graph, value: &str) -> Option<&'g Node> {
    let mut readers =
        graph.nodes.iter().filter(|node| node.op_type != "Shape" && node.inputs.iter().any(|name| name == value));
    readers.next().filter(|_| readers.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{DataType, Dim, Tensor, ValueInfo};

    /// A graph by `producer` with an input `x` [1, 3, 8, 8] that these nodes read, and a convolution `after` of their last.
    fn graph(producer: &str, nodes: Vec<Node>, after: &str) -> Graph {
        let shape = Some([1, 3, 8, 8].map(Dim::Size).to_vec());
        let read = nodes.last().map_or("x", |node| node.outputs[0].as_str()).to_owned();
        let convolution = Node { name: after.to_owned(), ..Node::new("Conv", [read.as_str(), "kernel"], ["y"]) };
        let floats = |values: &[f32]| Tensor::from_floats(&[values.len()], values);
        let constants = [
            ("255", floats(&[255.0])),
            ("1/127.5", floats(&[1.0 / 127.5])),
            ("1", floats(&[1.0])),
            ("std", floats(&[0.229, 0.224, 0.225])),
            ("mean", floats(&[0.485, 0.456, 0.406])),
            ("bgr", floats(&[-103.939, -116.779, -123.68])),
            ("rgb", floats(&[123.68, 116.779, 103.939])),
        ];
        Graph {
            producer: producer.to_owned(),
            inputs: vec![ValueInfo { name: "x".to_owned(), dtype: DataType::Float, shape }],
            nodes: nodes.into_iter().chain([convolution]).collect(),
            initializers: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
            ..Graph::default()
        }
    }

    fn conventions(graph: &Graph, layout: Layout) -> Conventions {
        Conventions::of(graph, &PictureInput { name: "x".to_owned(), layout, size: [None, None] })
    }

    fn node(op_type: &str, inputs: [&str; 2], output: &str) -> Node {
        Node::new(op_type, inputs, [output])
    }

    #[test]
    fn each_family_of_keras_has_its_numbers() {
        for (name, numbers, side) in [
            ("vgg16_1/block1_conv1_1/convolution", Section::mode(Mode::Caffe), 224),
            ("functional_1/block5_conv3_1/convolution", Section::mode(Mode::Caffe), 224),
            ("resnet50_1/conv1_bn_1/batchnorm/mul_1", Section::mode(Mode::Caffe), 224),
            ("resnet50v2_1/conv1_conv_1/convolution", Section::mode(Mode::Tf), 224),
            ("densenet121_1/conv1/bn_1/batchnorm/mul_1", Section::mode(Mode::Torch), 224),
            ("mobilenet_1.00_224_1/conv1_bn_1/batchnorm", Section::mode(Mode::Tf), 224),
            ("model/Conv1/Conv2D;model/block_1_expand/Conv2D", Section::mode(Mode::Tf), 224),
            ("xception_1/block1_conv1_1/convolution", Section::mode(Mode::Tf), 299),
            ("StatefulPartitionedCall/inception_v3/conv2d/Conv2D", Section::mode(Mode::Tf), 299),
            ("NASNet_1/stem_bn1_1/batchnorm", Section::mode(Mode::Tf), 224),
            ("efficientnetb0_1/stem_bn_1/batchnorm/mul_1", Section::raw(ChannelOrder::Rgb), 224),
            ("sequential_1/conv2d_1/convolution", Section::mode(Mode::Tf), 224),
        ] {
            let found = conventions(&graph("tf2onnx 1.17.0", vec![], name), Layout::ChannelsLast);
            assert_eq!((found.numbers, found.resize, found.side), (numbers, Conventions::KERAS_RESIZE, side), "{name}");
        }
    }

    #[test]
    fn others_are_torchvisions_unless_caffes() {
        for (producer, name, numbers) in [
            ("pytorch 2.9.0", "/features/features.0/Conv", Section::mode(Mode::Torch)),
            ("pytorch 2.9.0", "vgg16", Section::mode(Mode::Torch)),
            ("", "conv", Section::mode(Mode::Torch)),
            ("onnx-caffe2", "", Section::mode(Mode::Caffe)),
        ] {
            let found = conventions(&graph(producer, vec![], name), Layout::ChannelsFirst);
            assert_eq!((found.numbers, found.resize.0), (numbers, Resize::Crop));
        }
        // Keras writes through PyTorch too.
        let keras = conventions(&graph("pytorch 2.9.0", vec![], "vgg16"), Layout::ChannelsLast);
        assert_eq!(keras.numbers, Section::mode(Mode::Caffe));
    }

    #[test]
    fn a_graph_that_scales_its_pixels_gets_them_as_they_are() {
        let raw = Section::raw(ChannelOrder::Rgb);
        let turned = || Node::new("Transpose", ["x"], ["t"]).with_ints("perm", [0, 2, 3, 1]);
        for (nodes, numbers) in [
            (vec![node("Div", ["x", "255"], "a")], raw.clone()),
            (vec![turned(), node("Mul", ["1/127.5", "t"], "a"), node("Sub", ["a", "1"], "b")], raw.clone()),
            (
                vec![node("Div", ["x", "255"], "a"), node("Sub", ["a", "mean"], "b"), node("Div", ["b", "std"], "c")],
                raw.clone(),
            ),
            (vec![node("Sub", ["x", "mean"], "a"), node("Div", ["a", "std"], "b")], Section::unit(ChannelOrder::Rgb)),
            (vec![node("Add", ["x", "bgr"], "a")], Section::raw(ChannelOrder::Bgr)),
            (vec![node("Sub", ["x", "rgb"], "a")], raw),
        ] {
            let found = conventions(&graph("tf2onnx", nodes, "efficientnetv2"), Layout::ChannelsLast);
            assert_eq!(found.numbers, numbers);
            assert!(found.reason.starts_with("the graph itself"), "{}", found.reason);
        }
        // A square, or a branch, is no scale.
        for node in [node("Mul", ["x", "x"], "a"), node("Sub", ["x", "1"], "a")] {
            let found = conventions(&graph("pytorch", vec![node], ""), Layout::ChannelsFirst);
            assert_eq!(found.numbers, Section::mode(Mode::Torch));
        }
    }
}
