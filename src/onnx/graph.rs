//! A model's computation: nodes between named values, with the weights as initializers.

use std::collections::{BTreeMap, HashMap};

use super::{DataType, Error, Result, Tensor};

/// One dimension of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A length known from the file.
    Size(usize),
    /// A length known only when the model runs, such as the batch; equal symbols mean equal lengths.
    Symbol(String),
}

impl Dim {
    /// The length, if it is known.
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Size(size) => Some(*size),
            Self::Symbol(_) => None,
        }
    }
}

impl From<usize> for Dim {
    fn from(size: usize) -> Self {
        Self::Size(size)
    }
}

/// The dimensions of a value, outermost first (NCHW for pictures and feature maps).
pub type Shape = Vec<Dim>;

/// A shape as people write it: `[batch, 3, 224, 224]`.
pub(super) fn shape_text(shape: &[Dim]) -> String {
    let dims: Vec<String> = shape
        .iter()
        .map(|dim| match dim {
            Dim::Size(size) => size.to_string(),
            Dim::Symbol(symbol) => symbol.clone(),
        })
        .collect();
    format!("[{}]", dims.join(", "))
}

/// The name, element type and shape of a graph input or output.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueInfo {
    /// The value's name.
    pub name: String,
    /// The element type.
    pub dtype: DataType,
    /// The shape, if the file states it.
    pub shape: Option<Shape>,
}

/// A node's named parameter.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // The names are ONNX's.
pub enum Attribute {
    Float(f32),
    Int(i64),
    String(String),
    Tensor(Tensor),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Strings(Vec<String>),
}

/// One application of an operator.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// The node's name; unique in a graph read by this crate.
    pub name: String,
    /// The path of the PyTorch module that the node is of, such as `layer4.1.conv2`, where the exporter notes it beside the name.
    pub module: String,
    /// The operator, such as `Conv`.
    pub op_type: String,
    /// The operator's domain; empty for ONNX's own.
    pub domain: String,
    /// The names of the values read; empty where an optional input is left out.
    pub inputs: Vec<String>,
    /// The names of the values made; empty where an optional output is not wanted.
    pub outputs: Vec<String>,
    /// The parameters, by name.
    pub attributes: BTreeMap<String, Attribute>,
}

impl Node {
    /// A node of ONNX's own domain, named after its first output.
    pub fn new<S: Into<String>, T: Into<String>>(
        op_type: &str,
        inputs: impl IntoIterator<Item = S>,
        outputs: impl IntoIterator<Item = T>,
    ) -> Self {
        let outputs: Vec<String> = outputs.into_iter().map(Into::into).collect();
        Self {
            name: outputs.first().cloned().unwrap_or_default(),
            module: String::new(),
            op_type: op_type.to_owned(),
            domain: String::new(),
            inputs: inputs.into_iter().map(Into::into).collect(),
            outputs,
            attributes: BTreeMap::new(),
        }
    }

    /// The same node with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: Attribute) -> Self {
        self.attributes.insert(name.to_owned(), value);
        self
    }

    /// The same node with one more integer attribute.
    #[must_use]
    pub fn with_int(self, name: &str, value: i64) -> Self {
        self.with(name, Attribute::Int(value))
    }

    /// The same node with one more list attribute.
    #[must_use]
    pub fn with_ints(self, name: &str, values: impl Into<Vec<i64>>) -> Self {
        self.with(name, Attribute::Ints(values.into()))
    }

    /// The name of input `index`, or `None` where it is left out.
    pub fn input(&self, index: usize) -> Option<&str> {
        self.inputs.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The name of output `index`, or `None` where it is left out.
    pub fn output(&self, index: usize) -> Option<&str> {
        self.outputs.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The integer attribute `name`, or `default` when it is absent or of another type.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        match self.attributes.get(name) {
            Some(Attribute::Int(value)) => *value,
            _ => default,
        }
    }

    /// The float attribute `name`, or `default` when it is absent or of another type.
    pub fn float(&self, name: &str, default: f32) -> f32 {
        match self.attributes.get(name) {
            Some(Attribute::Float(value)) => *value,
            _ => default,
        }
    }

    /// The list attribute `name`, or `None` when it is absent or of another type.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attributes.get(name) {
            Some(Attribute::Ints(values)) => Some(values),
            _ => None,
        }
    }

    /// The string attribute `name`, or `default` when it is absent or of another type.
    pub fn string<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        match self.attributes.get(name) {
            Some(Attribute::String(value)) => value,
            _ => default,
        }
    }

    /// An error about this node.
    pub fn error(&self, reason: impl Into<String>) -> Error {
        Error::Node { node: self.name.clone(), op_type: self.op_type.clone(), reason: reason.into() }
    }
}

/// A node of ONNX's own domain whose output is still to be named.
pub(crate) fn new_node<S: Into<String>>(op_type: &str, inputs: impl IntoIterator<Item = S>) -> Node {
    Node::new(op_type, inputs, std::iter::empty::<String>())
}

/// A model's computation.
///
/// A graph read by this crate has its nodes in topological order, every node named and no initializer among its inputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// The graph's name.
    pub name: String,
    /// What wrote the file, such as `pytorch 2.9.0`; empty if it does not say.
    pub producer: String,
    /// The version of ONNX's own operator set.
    pub opset: i64,
    /// What the caller feeds.
    pub inputs: Vec<ValueInfo>,
    /// What a run gives back.
    pub outputs: Vec<ValueInfo>,
    /// The operators, each after those it reads from.
    pub nodes: Vec<Node>,
    /// The constants, by name.
    pub initializers: BTreeMap<String, Tensor>,
    /// The shapes that the file states of values between, by name; needed only where an operator's shape is not inferred.
    pub stated: BTreeMap<String, Shape>,
}

impl Graph {
    /// For each value that a node makes, the index of that node.
    pub fn producers(&self) -> HashMap<&str, usize> {
        self.nodes
            .iter()
            .enumerate()
            .flat_map(|(index, node)| node.outputs.iter().map(move |name| (name.as_str(), index)))
            .filter(|(name, _)| !name.is_empty())
            .collect()
    }

    /// For each value, the indices of the nodes that read it, in order.
    pub fn consumers(&self) -> HashMap<&str, Vec<usize>> {
        let mut consumers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for name in node.inputs.iter().filter(|name| !name.is_empty()) {
                let readers = consumers.entry(name).or_default();
                if readers.last() != Some(&index) {
                    readers.push(index);
                }
            }
        }
        consumers
    }

    /// The constant `name`, or an error that says it is not constant.
    pub fn constant(&self, name: &str) -> Result<&Tensor> {
        self.initializers.get(name).ok_or_else(|| Error::Unsupported(format!("`{name}` is not a constant")))
    }
}
