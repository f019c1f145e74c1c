//! What the rules read the forward graph through, and write the backward graph into.

use std::collections::{HashMap, HashSet};

use super::differentiate::COTANGENT;
use super::pool::Route;
use super::{Error, Result, Rule};
pub(super) use crate::onnx::new_node;
use crate::onnx::{Attribute, Graph, Node, Shapes, Tensor};

/// What the names of the nodes of the backward graph begin with.
const BACKWARD: &str = "backward/";

/// Whether `node` of a gradient graph is one of the backward graph's.
pub fn is_backward(node: &Node) -> bool {
    node.name.starts_with(BACKWARD)
}

/// The forward graph with what is known about it, and the backward nodes written so far.
///
/// A node is written once: writing the same operator on the same inputs again gives the value already there. So ReLU
/// masks and the like, and whatever two walks back have in common, are shared without the rules' doing.
pub(super) struct Context<'g> {
    shapes: &'g Shapes,
    graph: Graph,
    backward: Vec<Node>,
    written: HashMap<String, String>,
    routes: HashMap<String, Route>,
    rule: Rule,
    active: HashSet<String>,
}

impl<'g> Context<'g> {
    pub(super) fn new(graph: &Graph, shapes: &'g Shapes) -> Self {
        Self {
            shapes,
            graph: graph.clone(),
            backward: Vec::new(),
            written: HashMap::new(),
            routes: HashMap::new(),
            rule: Rule::Standard,
            active: HashSet::new(),
        }
    }

    /// Begins another walk back, by `rule`, to the values that made `active`.
    pub(super) fn begin(&mut self, rule: Rule, active: HashSet<String>) {
        self.rule = rule;
        self.active = active;
    }

    /// The forward graph followed by the backward nodes; inputs and outputs are still the forward graph's.
    pub(super) fn finish(self) -> Graph {
        let mut graph = self.graph;
        graph.nodes.extend(self.backward);
        graph
    }

    /// How the gradient passes rectifiers on this walk.
    pub(super) fn rule(&self) -> Rule {
        self.rule
    }

    /// Whether the gradient with respect to `value` matters on this walk.
    pub(super) fn is_active(&self, value: &str) -> bool {
        self.active.contains(value)
    }

    /// Whether the gradient with respect to input `index` of `node` matters on this walk.
    pub(super) fn wants(&self, node: &Node, index: usize) -> bool {
        node.input(index).is_some_and(|name| self.is_active(name))
    }

    // ---- reading the forward graph ----

    /// The constant `name`: an initializer or what a `Constant` node makes.
    pub(super) fn constant(&self, name: &str) -> Option<&Tensor> {
        let made_by_node = || {
            let node =
                self.graph.nodes.iter().find(|node| node.op_type == "Constant" && node.output(0) == Some(name))?;
            match node.attributes.get("value") {
                Some(Attribute::Tensor(tensor)) => Some(tensor),
                _ => None,
            }
        };
        self.graph.initializers.get(name).or_else(made_by_node)
    }

    /// The integers in constant input `index` of `node`; `None` when it is left out, an error when it is not constant.
    pub(super) fn constant_ints(&self, node: &Node, index: usize) -> Result<Option<Vec<i64>>> {
        let Some(name) = node.input(index) else { return Ok(None) };
        let tensor = self.constant(name).ok_or_else(|| refuse(node, format!("`{name}` is not a constant")))?;
        Ok(Some(tensor.ints()?))
    }

    /// The floats in constant input `index` of `node`; `None` when it is left out, an error when it is not constant.
    pub(super) fn constant_floats(&self, node: &Node, index: usize) -> Result<Option<Vec<f32>>> {
        let Some(name) = node.input(index) else { return Ok(None) };
        let tensor = self.constant(name).ok_or_else(|| refuse(node, format!("`{name}` is not a constant")))?;
        Ok(Some(tensor.floats()?))
    }

    /// The dimensions of `value`, each a size if it is known; `node` is for the error.
    pub(super) fn dims(&self, node: &Node, value: &str) -> Result<Vec<Option<usize>>> {
        if let Some(shape) = self.shapes.get(value) {
            return Ok(shape.iter().map(crate::onnx::Dim::size).collect());
        }
        match self.constant(value) {
            Some(tensor) => Ok(tensor.shape().iter().copied().map(Some).collect()),
            None => Err(refuse(node, format!("the shape of `{value}` is not known"))),
        }
    }

    /// How many dimensions `value` has.
    pub(super) fn rank(&self, node: &Node, value: &str) -> Result<usize> {
        Ok(self.dims(node, value)?.len())
    }

    /// The sizes of `value` after its batch axis, all of which must be known.
    pub(super) fn sizes(&self, node: &Node, value: &str) -> Result<Vec<usize>> {
        let dims = self.dims(node, value)?;
        dims.get(1..).unwrap_or_default().iter().copied().collect::<Option<Vec<_>>>().ok_or_else(|| {
            refuse(
                node,
                format!("the shape of `{value}` must be known except for the batch; fix the model's input size"),
            )
        })
    }

    /// The shape of `value`'s cotangent for a `Reshape`: -1 for the batch, then the known sizes.
    pub(super) fn view(&self, node: &Node, value: &str) -> Result<Vec<i64>> {
        let sizes = self.sizes(node, value)?;
        Ok([-1].into_iter().chain(sizes.into_iter().map(|size| size as i64)).collect())
    }

    // ---- writing the backward graph ----

    /// Writes `node`, whose outputs are still to be named, and returns the name of its output.
    pub(super) fn emit(&mut self, mut node: Node) -> String {
        let key = format!("{}{:?}{:?}", node.op_type, node.inputs, node.attributes);
        if let Some(value) = self.written.get(&key) {
            return value.clone();
        }
        let name = format!("{BACKWARD}{}_{}", node.op_type, self.backward.len());
        node.name.clone_from(&name);
        node.outputs = vec![name.clone()];
        self.backward.push(node);
        self.written.insert(key, name.clone());
        name
    }

    /// The route on which `cotangent` came, if it comes from a max-pool alone.
    pub(super) fn route(&self, cotangent: &str) -> Option<Route> {
        self.routes.get(cotangent).cloned()
    }

    /// Remembers that `cotangent` came on `route`.
    pub(super) fn remember_route(&mut self, cotangent: &str, route: Route) {
        self.routes.insert(cotangent.to_owned(), route);
    }

    /// Writes a node without attributes.
    pub(super) fn op<S: Into<String>>(&mut self, op_type: &str, inputs: impl IntoIterator<Item = S>) -> String {
        self.emit(new_node(op_type, inputs))
    }

    /// A constant named `name`, which must say all that it depends on: it is made only once.
    pub(super) fn tensor(&mut self, name: String, make: impl FnOnce() -> Tensor) -> String {
        self.graph.initializers.entry(name.clone()).or_insert_with(make);
        name
    }

    /// A constant scalar.
    pub(super) fn scalar(&mut self, value: f32) -> String {
        self.tensor(format!("backward/scalar/{value:?}"), || Tensor::scalar(value))
    }

    /// A scalar from 0 to 1 of which ONNX Runtime does not know that it is constant.
    ///
    /// ONNX Runtime computes what depends on constants alone when it compiles a program, and keeps it as long: whole feature maps, where
    /// a constant is spread over them.
    pub(super) fn unfolded_scalar(&mut self, value: f32) -> String {
        let any = self.emit(new_node("ReduceMax", [COTANGENT]).with_int("keepdims", 0));
        let constant = new_node("HardSigmoid", [any]).with("alpha", Attribute::Float(0.0));
        self.emit(constant.with("beta", Attribute::Float(value)))
    }

    /// A constant list of integers.
    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        self.tensor(format!("backward/ints/{values:?}"), || Tensor::from_ints(values))
    }

    /// `value` under another shape, in which -1 stands for the batch.
    pub(super) fn reshape(&mut self, value: &str, shape: &[i64]) -> String {
        let shape = self.ints(shape);
        self.op("Reshape", [value, &shape])
    }

    /// The sums of `value` over `axes`, kept with length 1.
    pub(super) fn sum_over(&mut self, value: &str, axes: &[i64]) -> String {
        let axes = self.ints(axes);
        self.emit(new_node("ReduceSum", [value, &axes]).with_int("keepdims", 1))
    }

    /// `value` where `mask` is true, otherwise 0.
    pub(super) fn select(&mut self, mask: &str, value: &str) -> String {
        let zero = self.scalar(0.0);
        self.op("Where", [mask, value, &zero])
    }

    /// `value` as booleans or numbers of another type.
    pub(super) fn cast(&mut self, value: &str, to: crate::onnx::DataType) -> String {
        self.emit(new_node("Cast", [value]).with_int("to", to as i64))
    }

    /// The name of output `index` of the forward node like `node`, which gets that output if it had none.
    pub(super) fn further_output(&mut self, node: &Node, index: usize) -> Result<String> {
        let first = output(node, 0)?;
        let forward = self.graph.nodes.iter_mut().find(|forward| forward.output(0) == Some(first));
        let forward = forward.ok_or_else(|| refuse(node, "the node is not in the graph"))?;
        if forward.outputs.len() <= index {
            forward.outputs.resize(index + 1, String::new());
        }
        if forward.outputs[index].is_empty() {
            forward.outputs[index] = format!("{first}/output_{index}");
        }
        Ok(forward.outputs[index].clone())
    }
}

/// Input `index` of `node`, or an error when it is left out.
pub(super) fn input(node: &Node, index: usize) -> Result<&str> {
    node.input(index).ok_or_else(|| refuse(node, format!("input {index} is missing")))
}

/// Output `index` of `node`, or an error when it is left out.
pub(super) fn output(node: &Node, index: usize) -> Result<&str> {
    node.output(index).ok_or_else(|| refuse(node, format!("output {index} is missing")))
}

/// An error that says why no gradient can pass `node`.
pub(super) fn refuse(node: &Node, reason: impl Into<String>) -> Error {
    Error::Node { op_type: node.op_type.clone(), node: node.name.clone(), reason: reason.into() }
}
