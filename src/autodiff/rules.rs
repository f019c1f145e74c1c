//! The table of rules: which function carries a cotangent back through which operator.

use super::context::{Context, refuse};
use super::{
    Error, Result, activation, conv, elementwise, gather, layout, linear, normalization, pool, reduce, resize, smooth,
    softmax,
};
use crate::onnx::{Attribute, DataType, Node};

/// Cotangents of a node's inputs: the input's index and the cotangent's name.
///
/// Inputs that no gradient is wanted for may be left out.
pub(super) type Contributions = Vec<(usize, String)>;

/// What carries a cotangent back through a node.
enum Carry {
    /// From the first output, the only one with a gradient.
    First(fn(&mut Context<'_>, &Node, &str) -> Result<Contributions>),
    /// From any output, by its index.
    Any(fn(&mut Context<'_>, &Node, usize, &str) -> Result<Contributions>),
}

use Carry::{Any, First};

/// Every operator that a gradient passes, in alphabetical order; `docs/operators.md` lists the same with their formulas.
const RULES: &[(&str, Carry)] = &[
    ("Abs", First(activation::abs)),
    ("Add", First(elementwise::sum)),
    ("AveragePool", First(pool::average)),
    ("BatchNormalization", First(normalization::batch)),
    ("Cast", First(|_, _, dy| Ok(layout::pass(dy)))),
    ("Celu", First(smooth::celu)),
    ("Clip", First(activation::clip)),
    ("Concat", First(layout::concat)),
    ("Conv", First(conv::conv)),
    ("ConvTranspose", First(conv::conv_transpose)),
    ("DepthToSpace", First(layout::depth_to_space)),
    ("Div", First(elementwise::div)),
    ("Dropout", First(|_, _, dy| Ok(layout::pass(dy)))),
    ("Elu", First(smooth::elu)),
    ("Erf", First(smooth::erf)),
    ("Exp", First(smooth::exp)),
    ("Expand", First(elementwise::expand)),
    ("Flatten", First(layout::reshape)),
    ("Gather", First(gather::gather)),
    ("Gelu", First(smooth::gelu)),
    ("Gemm", First(linear::gemm)),
    ("GlobalAveragePool", First(pool::global_average)),
    ("GlobalMaxPool", First(pool::global_max)),
    ("GroupNormalization", First(normalization::group)),
    ("HardSigmoid", First(activation::hard_sigmoid)),
    ("HardSwish", First(activation::hard_swish)),
    ("Identity", First(|_, _, dy| Ok(layout::pass(dy)))),
    ("InstanceNormalization", First(normalization::instance)),
    ("LRN", First(normalization::local_response)),
    ("LayerNormalization", First(normalization::layer)),
    ("LeakyRelu", First(activation::leaky_relu)),
    ("Log", First(smooth::log)),
    ("LogSoftmax", First(softmax::log_softmax)),
    ("MatMul", First(linear::matmul)),
    ("Max", First(elementwise::extreme)),
    ("MaxPool", Any(pool::max)),
    ("Mean", First(elementwise::mean)),
    ("Min", First(elementwise::extreme)),
    ("Mish", First(smooth::mish)),
    ("Mul", First(elementwise::mul)),
    ("Neg", First(|ctx, _, dy| Ok(elementwise::neg(ctx, dy)))),
    ("PRelu", First(activation::prelu)),
    ("Pad", First(gather::pad)),
    ("Pow", First(elementwise::pow)),
    ("Reciprocal", First(smooth::reciprocal)),
    ("ReduceL1", First(reduce::l1)),
    ("ReduceL2", First(reduce::l2)),
    ("ReduceLogSumExp", First(reduce::log_sum_exp)),
    ("ReduceMax", First(reduce::extreme)),
    ("ReduceMean", First(reduce::mean)),
    ("ReduceMin", First(reduce::extreme)),
    ("ReduceSum", First(reduce::sum)),
    ("ReduceSumSquare", First(reduce::sum_square)),
    ("Relu", First(activation::relu)),
    ("Reshape", First(layout::reshape)),
    ("Resize", First(resize::resize)),
    ("Selu", First(smooth::selu)),
    ("Sigmoid", First(smooth::sigmoid)),
    ("Slice", First(gather::slice)),
    ("Softmax", First(softmax::softmax)),
    ("Softplus", First(smooth::softplus)),
    ("Softsign", First(smooth::softsign)),
    ("SpaceToDepth", First(|ctx, node, dy| Ok(layout::space_to_depth(ctx, node, dy)))),
    ("Split", Any(layout::split)),
    ("Sqrt", First(smooth::sqrt)),
    ("Squeeze", First(layout::reshape)),
    ("Sub", First(elementwise::sub)),
    ("Sum", First(elementwise::sum)),
    ("Tanh", First(smooth::tanh)),
    ("ThresholdedRelu", First(activation::thresholded_relu)),
    ("Tile", First(layout::tile)),
    ("Transpose", First(layout::transpose)),
    ("Unsqueeze", First(layout::reshape)),
    ("Where", First(elementwise::choose)),
];

/// The operators of ONNX that a gradient passes, in alphabetical order.
pub fn operators() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(op_type, _)| *op_type)
}

/// Carries `dy`, the cotangent of output `output` of `node`, back to the node's inputs.
pub(super) fn vjp(ctx: &mut Context<'_>, node: &Node, output: usize, dy: &str) -> Result<Contributions> {
    let rule = RULES.iter().find(|(op_type, _)| is_onnx(node) && *op_type == node.op_type);
    match rule {
        Some((_, First(_))) if output > 0 => Err(refuse(node, "only its first output has a gradient")),
        Some((_, First(carry))) => carry(ctx, node, dy),
        Some((_, Any(carry))) => carry(ctx, node, output, dy),
        None => Err(Error::NoRule { op_type: node.op_type.clone(), node: node.name.clone() }),
    }
}

/// Operators that no gradient passes, because their outputs do not change with small changes of their inputs.
const STEPS: [&str; 18] = [
    "And",
    "ArgMax",
    "ArgMin",
    "Ceil",
    "ConstantOfShape",
    "Equal",
    "Floor",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "NonZero",
    "Not",
    "Or",
    "Round",
    "Shape",
    "Sign",
    "Size",
];

/// The operators of ONNX through which there is no gradient to pass, in alphabetical order.
pub fn step_operators() -> impl Iterator<Item = &'static str> {
    STEPS.into_iter()
}

/// Whether the outputs of `node` do not change with small changes of its inputs, so that no gradient passes.
pub(super) fn is_locally_constant(node: &Node) -> bool {
    let casts_to_integers = || match node.attributes.get("to") {
        Some(&Attribute::Int(code)) => !matches!(
            i32::try_from(code).ok().and_then(DataType::from_code),
            Some(DataType::Float | DataType::Float16 | DataType::Double | DataType::Bfloat16)
        ),
        _ => false,
    };
    is_onnx(node) && (STEPS.contains(&node.op_type.as_str()) || (node.op_type == "Cast" && casts_to_integers()))
}

fn is_onnx(node: &Node) -> bool {
    matches!(node.domain.as_str(), "" | "ai.onnx")
}
