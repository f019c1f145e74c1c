//! The table of rules: which function carries a cotangent back through which operator.

use super::context::Context;
use super::{Error, Result, activation, conv, elementwise, layout, linear, normalization, pool, reduce};
use crate::onnx::{Attribute, DataType, Node};

/// Cotangents of a node's inputs: the input's index and the cotangent's name.
///
/// Inputs that no gradient is wanted for may be left out.
pub(super) type Contributions = Vec<(usize, String)>;

/// Carries `dy`, the cotangent of output `output` of `node`, back to the node's inputs.
pub(super) fn vjp(ctx: &mut Context<'_>, node: &Node, output: usize, dy: &str) -> Result<Contributions> {
    if !is_onnx(node) {
        return Err(no_rule(node));
    }
    match node.op_type.as_str() {
        "Add" => elementwise::add(ctx, node, dy),
        "AveragePool" => pool::average(ctx, node, dy),
        "BatchNormalization" => normalization::batch(ctx, node, dy),
        "Cast" | "Dropout" | "Identity" => Ok(layout::pass(dy)),
        "Clip" => activation::clip(ctx, node, dy),
        "Concat" => layout::concat(ctx, node, dy),
        "Conv" => conv::conv(ctx, node, dy),
        "Div" => elementwise::div(ctx, node, dy),
        "Exp" => activation::exp(ctx, node, dy),
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => layout::reshape(ctx, node, dy),
        "Gemm" => linear::gemm(ctx, node, dy),
        "GlobalAveragePool" => pool::global_average(ctx, node, dy),
        "GlobalMaxPool" => pool::global_max(ctx, node, dy),
        "HardSigmoid" => activation::hard_sigmoid(ctx, node, dy),
        "HardSwish" => activation::hard_swish(ctx, node, dy),
        "LeakyRelu" => activation::leaky_relu(ctx, node, dy),
        "MatMul" => linear::matmul(ctx, node, dy),
        "MaxPool" => pool::max(ctx, node, output, dy),
        "Mul" => elementwise::mul(ctx, node, dy),
        "Neg" => Ok(elementwise::neg(ctx, dy)),
        "Pad" => layout::pad(ctx, node, dy),
        "ReduceMean" => reduce::mean(ctx, node, dy),
        "ReduceSum" => reduce::sum(ctx, node, dy),
        "Relu" => activation::relu(ctx, node, dy),
        "Sigmoid" => activation::sigmoid(ctx, node, dy),
        "Slice" => layout::slice(ctx, node, dy),
        "Softmax" => activation::softmax(ctx, node, dy),
        "Split" => layout::split(ctx, node, output, dy),
        "Sqrt" => activation::sqrt(ctx, node, dy),
        "Sub" => elementwise::sub(ctx, node, dy),
        "Sum" => elementwise::sum(ctx, node, dy),
        "Tanh" => activation::tanh(ctx, node, dy),
        "Transpose" => layout::transpose(ctx, node, dy),
        _ => Err(no_rule(node)),
    }
}

/// Whether the outputs of `node` do not change with small changes of its inputs, so that no gradient passes.
pub(super) fn is_locally_constant(node: &Node) -> bool {
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

fn no_rule(node: &Node) -> Error {
    Error::NoRule { op_type: node.op_type.clone(), node: node.name.clone() }
}
