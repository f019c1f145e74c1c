//! Arithmetic on small tensors: what exporters do with shapes, and with constants that they leave unfolded.

use ndarray::{ArrayD, Axis};

use super::{Inference, axis, calculate, layout};
use crate::onnx::{Attribute, DataType, Dim, Node, Result, Shape, Tensor};

/// An element of a small tensor: a number, or a length known only when the model runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Element {
    /// An integer or a truth value.
    Int(i64),
    Float(f32),
    Symbol(String),
}

impl From<&Dim> for Element {
    fn from(dim: &Dim) -> Self {
        match dim {
            Dim::Size(size) => Self::Int(*size as i64),
            Dim::Symbol(symbol) => Self::Symbol(symbol.clone()),
        }
    }
}

impl Element {
    /// The integer that it is.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Float(_) | Self::Symbol(_) => None,
        }
    }

    /// The float that it is.
    pub(super) fn float(&self) -> Option<f32> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Int(_) | Self::Symbol(_) => None,
        }
    }
}

/// A tensor whose elements are known, as far as they can be without a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Elements {
    pub dtype: DataType,
    pub shape: Vec<usize>,
    pub list: Vec<Element>,
}

/// Tensors with more elements than this are not followed: no shape has, and no layer's list of statistics.
const MOST_ELEMENTS: usize = 4096;

impl Elements {
    /// The elements of `tensor`; `None` if they are too many, or neither float, int32, int64 nor bool.
    pub(super) fn of(tensor: &Tensor) -> Option<Self> {
        let list: Vec<Element> = match tensor.dtype() {
            _ if tensor.len() > MOST_ELEMENTS => return None,
            DataType::Float => tensor.floats().ok()?.into_iter().map(Element::Float).collect(),
            DataType::Int32 | DataType::Int64 => tensor.ints().ok()?.into_iter().map(Element::Int).collect(),
            DataType::Bool => tensor.data().iter().map(|&byte| Element::Int(byte.into())).collect(),
            _ => return None,
        };
        Some(Self { dtype: tensor.dtype(), shape: tensor.shape().to_vec(), list })
    }

    /// The tensor, if all elements are numbers.
    pub(super) fn tensor(&self) -> Option<Result<Tensor>> {
        let ints = || self.list.iter().map(Element::int).collect::<Option<Vec<_>>>();
        let data: Vec<u8> = match self.dtype {
            DataType::Float => {
                let bytes = |element: &Element| element.float().map(f32::to_le_bytes);
                self.list.iter().map(bytes).collect::<Option<Vec<_>>>()?.concat()
            }
            DataType::Int32 => ints()?.into_iter().flat_map(|value| (value as i32).to_le_bytes()).collect(),
            DataType::Bool => ints()?.into_iter().map(|value| u8::from(value != 0)).collect(),
            _ => ints()?.into_iter().flat_map(i64::to_le_bytes).collect(),
        };
        Some(Tensor::new(self.dtype, self.shape.clone(), data.into()))
    }

    fn array(&self) -> Option<ArrayD<Element>> {
        ArrayD::from_shape_vec(self.shape.as_slice(), self.list.clone()).ok()
    }

    /// The elements of `array`, of the same type as these.
    fn like(&self, array: &ArrayD<Element>) -> Self {
        Self { dtype: self.dtype, shape: array.shape().to_vec(), list: array.iter().cloned().collect() }
    }

    /// A list of int64 numbers.
    fn list(list: Vec<Element>) -> Self {
        Self { dtype: DataType::Int64, shape: vec![list.len()], list }
    }

    fn with_shape(self, shape: &Shape) -> Option<Self> {
        let shape: Vec<usize> = shape.iter().map(Dim::size).collect::<Option<_>>()?;
        (shape.iter().product::<usize>() == self.list.len()).then_some(Self { shape, ..self })
    }

    /// The elements repeated to `shape`.
    fn repeated(&self, shape: &[usize]) -> Option<Self> {
        let count = shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length));
        if count.is_none_or(|count| count > MOST_ELEMENTS) || shape.len() < self.shape.len() {
            return None;
        }
        let mut list = self.list.clone();
        // Each axis from the last: its elements come in runs of `inner`, repeated if there is one for all.
        let mut inner = 1;
        for (index, &length) in shape.iter().enumerate().rev() {
            let own = (index + self.shape.len()).checked_sub(shape.len()).map_or(1, |own| self.shape[own]);
            if own != length {
                if own != 1 {
                    return None;
                }
                list = list.chunks(inner).flat_map(|run| std::iter::repeat_n(run, length).flatten().cloned()).collect();
            }
            inner *= length.max(1);
        }
        Some(Self { dtype: self.dtype, shape: shape.to_vec(), list })
    }
}

/// The elements of what `node` makes, as far as they follow.
pub(super) fn elements(inference: &Inference<'_>, node: &Node) -> Option<Elements> {
    if !node.domain.is_empty() || node.outputs.len() > 1 {
        return None;
    }
    let input = |index| inference.elements(node, index);
    let shape = || inference.shapes.get(node.output(0)?);
    match node.op_type.as_str() {
        "Shape" => {
            let shape = inference.shape(node, 0)?;
            Some(Elements::list(shape[layout::shape_range(node, shape.len())].iter().map(Element::from).collect()))
        }
        "Size" => {
            let sizes: Option<Vec<usize>> = inference.shape(node, 0)?.iter().map(Dim::size).collect();
            let size = sizes?.iter().product::<usize>();
            Some(Elements { shape: Vec::new(), ..Elements::list(vec![Element::Int(size as i64)]) })
        }
        "ConstantOfShape" => constant_of_shape(node, &inference.integers(node, 0)?),
        "Range" => range(input(0)?, input(1)?, input(2)?),
        "Identity" => input(0).cloned(),
        "Cast" => cast(node, input(0)?),
        "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten" => input(0)?.clone().with_shape(shape()?),
        "Expand" => {
            let sizes: Option<Vec<usize>> = shape()?.iter().map(Dim::size).collect();
            input(0)?.repeated(&sizes?)
        }
        "Concat" => concat(&(0..node.inputs.len()).map(input).collect::<Option<Vec<_>>>()?),
        "Gather" => gather(inference, node, input(0)?),
        "Slice" => slice(inference, node, input(0)?),
        "Transpose" => transpose(node, input(0)?),
        "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" => reduce(node, input(0)?)?.with_shape(shape()?),
        "Where" => choose(input(0)?, input(1)?, input(2)?),
        _ if node.inputs.len() == 1 => each(input(0)?, |element| calculate::unary(&node.op_type, element)),
        _ if node.inputs.len() == 2 => pairwise(node, input(0)?, input(1)?),
        _ => None,
    }
}

fn constant_of_shape(node: &Node, sizes: &[i64]) -> Option<Elements> {
    let value = match node.attributes.get("value") {
        Some(Attribute::Tensor(tensor)) => Elements::of(tensor)?,
        _ => Elements { dtype: DataType::Float, shape: vec![1], list: vec![Element::Float(0.0)] },
    };
    let sizes: Option<Vec<usize>> = sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
    Elements { shape: Vec::new(), ..value }.repeated(&sizes?)
}

/// The integers from `start` to before `limit` in steps of `delta`.
fn range(start: &Elements, limit: &Elements, delta: &Elements) -> Option<Elements> {
    let single = |elements: &Elements| elements.list.first()?.int();
    let (start, limit, delta) = (single(start)?, single(limit)?, single(delta)?);
    let steps = limit.checked_sub(start)?.checked_div(delta)?;
    if steps.unsigned_abs() > MOST_ELEMENTS as u64 {
        return None;
    }
    let values = (0..=steps).map(|index| start.checked_add(index.checked_mul(delta)?));
    let values: Vec<i64> = values.collect::<Option<_>>()?;
    let list = values.into_iter().take_while(|&value| if delta > 0 { value < limit } else { value > limit });
    Some(Elements::list(list.map(Element::Int).collect()))
}

fn cast(node: &Node, of: &Elements) -> Option<Elements> {
    let dtype = DataType::from_code(i32::try_from(node.int("to", 0)).ok()?)?;
    let list: Option<Vec<Element>> = of.list.iter().map(|element| calculate::cast(element, dtype)).collect();
    Some(Elements { dtype, shape: of.shape.clone(), list: list? })
}

/// Lists one after the other.
fn concat(parts: &[&Elements]) -> Option<Elements> {
    let dtype = parts.first()?.dtype;
    if parts.iter().any(|part| part.shape.len() != 1) {
        return None;
    }
    let list: Vec<Element> = parts.iter().flat_map(|part| part.list.iter().cloned()).collect();
    (list.len() <= MOST_ELEMENTS).then(|| Elements { dtype, ..Elements::list(list) })
}

/// Elements of a list at indices of any shape.
fn gather(inference: &Inference<'_>, node: &Node, data: &Elements) -> Option<Elements> {
    let indices = inference.elements(node, 1)?;
    if data.shape.len() != 1 {
        return None;
    }
    let pick = |index: &Element| data.list.get(axis(index.int()?, data.list.len())?).cloned();
    let list: Option<Vec<Element>> = indices.list.iter().map(pick).collect();
    Some(Elements { dtype: data.dtype, shape: indices.shape.clone(), list: list? })
}

/// A box of the elements.
fn slice(inference: &Inference<'_>, node: &Node, data: &Elements) -> Option<Elements> {
    let mut array = data.array()?;
    let lengths: Vec<Option<usize>> = data.shape.iter().copied().map(Some).collect();
    for (axis, cut) in layout::slice_ranges(inference, node, &lengths)? {
        let layout::Cut::Known { start, count, step } = cut else { return None };
        let places: Vec<usize> = (0..count as i64).map(|index| (start + index * step) as usize).collect();
        array = array.select(Axis(axis), &places);
    }
    Some(data.like(&array))
}

/// The elements with their axes in another order.
fn transpose(node: &Node, data: &Elements) -> Option<Elements> {
    let rank = data.shape.len();
    let order = node.ints("perm").map_or_else(|| (0..rank as i64).rev().collect(), <[i64]>::to_vec);
    let places: Option<Vec<usize>> = (0..rank as i64).map(|axis| order.iter().position(|&from| from == axis)).collect();
    if order.len() != rank || places.is_none() {
        return None;
    }
    let order: Vec<usize> = order.into_iter().map(|axis| axis as usize).collect();
    Some(data.like(&data.array()?.permuted_axes(order)))
}

/// All elements of a list to one.
fn reduce(node: &Node, of: &Elements) -> Option<Elements> {
    if of.shape.len() > 1 {
        return None;
    }
    let op_type = match node.op_type.as_str() {
        "ReduceProd" => "Mul",
        "ReduceSum" => "Add",
        "ReduceMax" => "Max",
        _ => "Min",
    };
    let mut list = of.list.iter().cloned();
    let first = list.next()?;
    let reduced = list.try_fold(first, |a, b| calculate::binary(op_type, &a, &b))?;
    Some(Elements { dtype: of.dtype, shape: Vec::new(), list: vec![reduced] })
}

fn choose(condition: &Elements, yes: &Elements, no: &Elements) -> Option<Elements> {
    let shape = common_shape(&common_shape(&condition.shape, &yes.shape), &no.shape);
    let (condition, yes, no) = (condition.repeated(&shape)?, yes.repeated(&shape)?, no.repeated(&shape)?);
    let branches = yes.list.into_iter().zip(no.list);
    let chosen = |(condition, (yes, no)): (&Element, (Element, Element))| match condition {
        Element::Int(0) => Some(no),
        Element::Int(_) => Some(yes),
        _ => None,
    };
    let list: Option<Vec<Element>> = condition.list.iter().zip(branches).map(chosen).collect();
    Some(Elements { dtype: yes.dtype, shape, list: list? })
}

fn each(of: &Elements, calculate: impl Fn(&Element) -> Option<Element>) -> Option<Elements> {
    let list: Option<Vec<Element>> = of.list.iter().map(calculate).collect();
    // With no element there was nothing to show that the operator is one of those known here.
    list.filter(|list| !list.is_empty()).map(|list| Elements { list, ..of.clone() })
}

/// `a op b`, each repeated where the other has more.
fn pairwise(node: &Node, a: &Elements, b: &Elements) -> Option<Elements> {
    let shape = common_shape(&a.shape, &b.shape);
    let (a, b) = (a.repeated(&shape)?, b.repeated(&shape)?);
    let pairs = a.list.iter().zip(&b.list);
    let list: Option<Vec<Element>> = pairs.map(|(a, b)| calculate::binary(&node.op_type, a, b)).collect();
    let dtype = if calculate::compares(&node.op_type) { DataType::Bool } else { a.dtype };
    list.filter(|list| !list.is_empty()).map(|list| Elements { dtype, shape, list })
}

/// The longer of the lengths of each axis; [`Elements::repeated`] finds out whether the shorter fit.
fn common_shape(a: &[usize], b: &[usize]) -> Vec<usize> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut shape = long.to_vec();
    let offset = long.len() - short.len();
    for (length, &other) in shape[offset..].iter_mut().zip(short) {
        *length = if *length == 1 { other } else { *length };
    }
    shape
}
