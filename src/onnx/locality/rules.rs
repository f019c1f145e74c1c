//! Which operators are local, and how.

use super::{Graph, Node, Reach, Shapes};
use crate::onnx::{Attribute, Dim, Tensor};

/// How a node is local.
pub(super) struct Local {
    pub rows: Reach,
    pub columns: Reach,
    pub border: f32,
    /// The node as it works on crops that include the border.
    pub node: Node,
    /// Whether each element depends on the one in its own place alone.
    pub pointwise: bool,
}

impl Local {
    fn pointwise(node: &Node) -> Self {
        let node = node.clone();
        Self { rows: Reach::POINT, columns: Reach::POINT, border: 0.0, node, pointwise: true }
    }
}

/// How `node` is local, if it is: it reads local values of the `inputs`' rows and columns and constants, and gives feature maps
/// of the `output`'s.
pub(super) fn local(node: &Node, graph: &Graph, inputs: &[[usize; 2]], output: [usize; 2]) -> Option<Local> {
    let single = node.outputs.iter().skip(1).all(String::is_empty);
    let same_size = inputs.iter().all(|size| *size == output);
    let constants = || node.inputs.iter().filter_map(|name| graph.initializers.get(name));
    match node.op_type.as_str() {
        _ if inputs.is_empty() || !single => None,
        "Conv" => {
            let kernel = graph.initializers.get(node.input(1)?)?.shape().get(2..)?;
            window(node, kernel, inputs[0], output, 0.0)
        }
        "MaxPool" if node.int("storage_order", 0) == 0 => {
            window(node, &kernel_shape(node)?, inputs[0], output, f32::NEG_INFINITY)
        }
        "AveragePool" => window(node, &kernel_shape(node)?, inputs[0], output, 0.0)
            .filter(|local| averages_alike(node, local, inputs[0], output)),
        "Relu" | "LeakyRelu" | "Elu" | "Selu" | "Celu" | "ThresholdedRelu" | "Sigmoid" | "HardSigmoid"
        | "HardSwish" | "Tanh" | "Softplus" | "Softsign" | "Mish" | "Gelu" | "Erf" | "Exp" | "Log" | "Sqrt" | "Neg"
        | "Abs" | "Reciprocal" | "Identity" | "Clip" | "LRN" | "BatchNormalization" => {
            same_size.then(|| Local::pointwise(node))
        }
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Min" | "Max" | "Sum" | "PRelu" => {
            let alike = constants().all(|tensor| tensor.shape().iter().rev().take(2).all(|&length| length == 1));
            (same_size && alike).then(|| Local::pointwise(node))
        }
        "Pad" => padding(node, graph, inputs[0], output),
        "Concat" => {
            let channels = matches!(node.int("axis", 0), 1 | -3);
            (same_size && channels && constants().next().is_none()).then(|| Local::pointwise(node))
        }
        _ => None,
    }
}

/// A window that slides over rows and columns: the same node without padding.
fn window(node: &Node, kernel: &[usize], input: [usize; 2], output: [usize; 2], border: f32) -> Option<Local> {
    let reach = |axis: usize| {
        let attribute = |name| {
            node.ints(name).and_then(|values| values.get(axis)).map_or(Some(1), |&value| usize::try_from(value).ok())
        };
        let (stride, dilation) = (attribute("strides")?, attribute("dilations")?);
        let length = dilation * kernel.get(axis)?.checked_sub(1)? + 1;
        let total = ((output[axis].checked_sub(1)?) * stride + length).saturating_sub(input[axis]);
        let before = match node.string("auto_pad", "NOTSET") {
            "SAME_UPPER" => total / 2,
            "SAME_LOWER" => total - total / 2,
            "VALID" => 0,
            _ => usize::try_from(node.ints("pads").and_then(|pads| pads.get(axis)).copied().unwrap_or(0)).ok()?,
        };
        Some(Reach { stride, before, length })
    };
    if kernel.len() != 2 {
        return None;
    }
    let (rows, columns) = (reach(0)?, reach(1)?);
    let mut node = node.clone();
    for padding in ["pads", "auto_pad", "ceil_mode"] {
        node.attributes.remove(padding);
    }
    let pointwise = rows == Reach::POINT && columns == Reach::POINT && input == output;
    Some(Local { rows, columns, border, node, pointwise })
}

/// A constant around rows and columns: each element is one of the input, or of what lies beyond its border.
fn padding(node: &Node, graph: &Graph, input: [usize; 2], output: [usize; 2]) -> Option<Local> {
    let constant = |index: usize| node.input(index).and_then(|name| graph.initializers.get(name));
    let pads = constant(1)?.ints().ok()?;
    let border = match node.input(2) {
        Some(_) => *constant(2)?.floats().ok()?.first()?,
        None => 0.0,
    };
    let [0, 0, top, left, 0, 0, bottom, right] = pads.as_slice() else { return None };
    if node.string("mode", "constant") != "constant"
        || node.input(3).is_some()
        || [top, left, bottom, right].iter().any(|pad| **pad < 0)
    {
        return None;
    }
    let reach = |before: i64| Some(Reach { stride: 1, before: usize::try_from(before).ok()?, length: 1 });
    let copy = Node { name: node.name.clone(), ..Node::new("Identity", [node.input(0)?], [node.output(0)?]) };
    Some(Local { rows: reach(*top)?, columns: reach(*left)?, border, node: copy, pointwise: input == output })
}

/// Whether each average is over the whole window: none is cut at the border, or what lies beyond counts as zero.
fn averages_alike(node: &Node, local: &Local, input: [usize; 2], output: [usize; 2]) -> bool {
    let inside = |reach: Reach, input: usize, output: usize| {
        let read = reach.read(&(0..output));
        read.start >= 0 && read.end <= input as i64
    };
    let whole = inside(local.rows, input[0], output[0]) && inside(local.columns, input[1], output[1]);
    whole || (node.int("count_include_pad", 0) != 0 && node.int("ceil_mode", 0) == 0)
}

fn kernel_shape(node: &Node) -> Option<Vec<usize>> {
    match node.attributes.get("kernel_shape") {
        Some(Attribute::Ints(lengths)) => lengths.iter().map(|&length| usize::try_from(length).ok()).collect(),
        _ => None,
    }
}

/// How many multiplications `node` takes for one picture: counted for convolutions and matrix products, one for each element else.
pub(super) fn work(node: &Node, graph: &Graph, shapes: &Shapes) -> u64 {
    let elements = |name: Option<&str>| -> u64 {
        let shape = name.and_then(|name| shapes.get(name)).map(Vec::as_slice).unwrap_or_default();
        shape.iter().skip(1).filter_map(Dim::size).map(|length| length as u64).product()
    };
    let weights = node.input(1).and_then(|name| graph.initializers.get(name)).map(Tensor::shape);
    let output = elements(node.output(0));
    match (node.op_type.as_str(), weights) {
        ("Conv", Some(kernel)) => {
            output.saturating_mul(kernel.iter().skip(1).map(|&length| length as u64).product::<u64>())
        }
        ("Gemm" | "MatMul", Some(matrix)) if matrix.len() >= 2 => {
            let summed = if node.int("transB", 0) == 0 { matrix.len() - 2 } else { 1 };
            output.saturating_mul(matrix[summed] as u64)
        }
        _ => output,
    }
}
