//! Operators on single elements of small tensors.

use super::elements::Element;
use crate::onnx::DataType;

use Element::{Float, Int, Symbol};

/// Whether an operator gives truth values.
pub(super) fn compares(op_type: &str) -> bool {
    matches!(op_type, "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or")
}

/// The element as `dtype`; `None` for a type that is not followed, or for a symbol that is to be no integer.
pub(super) fn cast(element: &Element, dtype: DataType) -> Option<Element> {
    Some(match (dtype, element) {
        (DataType::Int64, Float(value)) => Int(*value as i64),
        (DataType::Int32, Float(value)) => Int(i64::from(*value as i32)),
        (DataType::Int32, Int(value)) => Int(i64::from(i32::try_from(*value).ok()?)),
        (DataType::Int32 | DataType::Int64, Symbol(_)) | (DataType::Int64, Int(_)) => element.clone(),
        (DataType::Float, Int(value)) => Float(*value as f32),
        (DataType::Float, Float(value)) => Float(*value),
        (DataType::Bool, Int(value)) => Int(i64::from(*value != 0)),
        _ => return None,
    })
}

/// `op(a)`
pub(super) fn unary(op_type: &str, a: &Element) -> Option<Element> {
    Some(match (op_type, a) {
        ("Neg", Int(a)) => Int(a.checked_neg()?),
        ("Abs", Int(a)) => Int(a.checked_abs()?),
        ("Not", Int(a)) => Int(i64::from(*a == 0)),
        ("Neg", Float(a)) => Float(-a),
        ("Abs", Float(a)) => Float(a.abs()),
        ("Floor", Float(a)) => Float(a.floor()),
        ("Ceil", Float(a)) => Float(a.ceil()),
        ("Round", Float(a)) => Float(a.round_ties_even()),
        ("Sqrt", Float(a)) => Float(a.sqrt()),
        ("Reciprocal", Float(a)) => Float(a.recip()),
        _ => return None,
    })
}

/// `a op b`
pub(super) fn binary(op_type: &str, a: &Element, b: &Element) -> Option<Element> {
    match (a, b) {
        (Int(a), Int(b)) => integers(op_type, *a, *b).map(Int),
        (Float(a), Float(b)) if compares(op_type) => compared(op_type, a, b).map(Int),
        (Float(a), Float(b)) => floats(op_type, *a, *b).map(Float),
        _ => lengths(op_type, a, b),
    }
}

fn integers(op_type: &str, a: i64, b: i64) -> Option<i64> {
    match op_type {
        "Add" => a.checked_add(b),
        "Sub" => a.checked_sub(b),
        "Mul" => a.checked_mul(b),
        "Div" => a.checked_div(b),
        // Of negative numbers there are two remainders, and an attribute chooses.
        "Mod" if a >= 0 && b > 0 => Some(a % b),
        "Min" => Some(a.min(b)),
        "Max" => Some(a.max(b)),
        "And" => Some(i64::from(a != 0 && b != 0)),
        "Or" => Some(i64::from(a != 0 || b != 0)),
        _ => compared(op_type, &a, &b),
    }
}

fn floats(op_type: &str, a: f32, b: f32) -> Option<f32> {
    match op_type {
        "Add" => Some(a + b),
        "Sub" => Some(a - b),
        "Mul" => Some(a * b),
        "Div" => Some(a / b),
        "Pow" => Some(a.powf(b)),
        "Min" => Some(a.min(b)),
        "Max" => Some(a.max(b)),
        _ => None,
    }
}

fn compared<T: PartialOrd>(op_type: &str, a: &T, b: &T) -> Option<i64> {
    Some(i64::from(match op_type {
        "Equal" => a == b,
        "Greater" => a > b,
        "GreaterOrEqual" => a >= b,
        "Less" => a < b,
        "LessOrEqual" => a <= b,
        _ => return None,
    }))
}

/// What follows for a length that only a run tells: it is not negative.
fn lengths(op_type: &str, a: &Element, b: &Element) -> Option<Element> {
    match (op_type, a, b) {
        ("Mul" | "Div", symbol @ Symbol(_), Int(1))
        | ("Mul", Int(1), symbol @ Symbol(_))
        | ("Add" | "Sub", symbol @ Symbol(_), Int(0))
        | ("Add", Int(0), symbol @ Symbol(_)) => Some(symbol.clone()),
        ("Equal", Symbol(_), Int(number)) | ("Equal", Int(number), Symbol(_)) if *number < 0 => Some(Int(0)),
        ("Equal", Symbol(a), Symbol(b)) if a == b => Some(Int(1)),
        _ => None,
    }
}
