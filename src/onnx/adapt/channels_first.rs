//! Pictures and feature maps with their channels first.
//!
//! TensorFlow keeps channels last, ONNX's convolutions take them first, so exporters write a `Transpose` on either side. Here
//! what is computed between two of them is computed channels first instead, and the two are gone.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use serde::Serialize;
use utoipa::ToSchema;

use crate::onnx::{
    Graph, Node, Result, Shapes, Tensor,
    shapes::{BROADCASTING, axis},
};

/// From channels first to channels last, and back.
const TO_LAST: [i64; 4] = [0, 2, 3, 1];
const TO_FIRST: [i64; 4] = [0, 3, 1, 2];

/// Operators that work on each number of their first input alone; further inputs are scalars.
const POINTWISE: [&str; 26] = [
    "Abs",
    "Cast",
    "Ceil",
    "Celu",
    "Clip",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Log",
    "Mish",
    "Neg",
    "Not",
    "Reciprocal",
    "Relu",
    "Selu",
    "Sigmoid",
    "Sign",
    "Softplus",
    "Sqrt",
    "Tanh",
];

/// Where pictures and feature maps have their channels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// [N, C, H, W]
    #[default]
    ChannelsFirst,
    /// [N, H, W, C]
    ChannelsLast,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChannelsFirst => "channels first",
            Self::ChannelsLast => "channels last",
        })
    }
}

impl Graph {
    /// Makes `input` [N, H, W, C] an input [N, C, H, W] of the same name, from which a `Transpose` makes what the graph reads.
    pub(super) fn take_channels_first(&mut self, input: &str) {
        let shape = self.inputs.iter_mut().find(|value| value.name == input).and_then(|value| value.shape.as_mut());
        if let Some(shape) = shape.filter(|shape| shape.len() == 4) {
            shape[1..].rotate_right(1);
        }
        let last = format!("{input}/channels_last");
        for name in self.nodes.iter_mut().flat_map(|node| &mut node.inputs).filter(|name| *name == input) {
            name.clone_from(&last);
        }
        self.nodes.insert(0, Node::new("Transpose", [input.to_owned()], [last]).with_ints("perm", TO_LAST));
    }

    /// Computes channels first what is computed channels last between two transposes, which then are gone.
    ///
    /// A transpose stays where the order matters: before a `Flatten`, or a dense layer at each position.
    pub fn keep_channels_first(&mut self) -> Result<()> {
        let shapes = self.shapes()?;
        let outputs = self.outputs.iter().map(|output| output.name.clone()).collect();
        let constants = std::mem::take(&mut self.initializers);
        let mut walk = Walk {
            shapes: &shapes,
            outputs,
            constants,
            twins: HashMap::new(),
            same: HashMap::new(),
            nodes: Vec::new(),
        };
        for node in std::mem::take(&mut self.nodes) {
            walk.take(node)?;
        }
        (self.nodes, self.initializers) = (walk.nodes, walk.constants);
        self.prune();
        Ok(())
    }
}

/// Whether `node` only changes where feature maps have their channels.
pub(in crate::onnx) fn changes_layout(node: &Node) -> bool {
    transposes(node, TO_LAST) || transposes(node, TO_FIRST)
}

/// Where each value of four dimensions that follows from a picture has its channels, as far as transposes tell.
pub(in crate::onnx) fn layouts<'g>(graph: &'g Graph, shapes: &Shapes) -> HashMap<&'g str, Layout> {
    let mut layouts: HashMap<&str, Layout> = HashMap::new();
    for node in &graph.nodes {
        let Some(output) = node.output(0).filter(|output| shapes.get(*output).is_some_and(|shape| shape.len() == 4))
        else {
            continue;
        };
        let of_input = || node.inputs.iter().find_map(|name| layouts.get(name.as_str()).copied());
        let layout = match node.op_type.as_str() {
            "Transpose" if transposes(node, TO_LAST) => Some(Layout::ChannelsLast),
            "Transpose" | "Conv" | "ConvTranspose" => None,
            _ => of_input(),
        };
        layouts.extend(layout.map(|layout| (output, layout)));
    }
    layouts
}

fn transposes(node: &Node, order: [i64; 4]) -> bool {
    node.op_type == "Transpose" && node.domain.is_empty() && node.ints("perm") == Some(order.as_slice())
}

/// The place of `given`, an axis of [N, H, W, C], in [N, C, H, W].
fn moved(given: i64) -> Option<i64> {
    Some([0, 2, 3, 1][axis(given, 4)?])
}

/// The nodes rewritten so far, and what is known of their values.
struct Walk<'g> {
    shapes: &'g Shapes,
    outputs: HashSet<String>,
    constants: BTreeMap<String, Tensor>,
    /// For a value [N, H, W, C], the same numbers as [N, C, H, W].
    twins: HashMap<String, String>,
    /// Values that are now another under its name.
    same: HashMap<String, String>,
    nodes: Vec<Node>,
}

/// A node that computes channels first.
struct Rewritten {
    node: Node,
    /// Whether what it makes has channels that must be put last again for those who read them there.
    maps: bool,
}

impl Walk<'_> {
    fn take(&mut self, mut node: Node) -> Result<()> {
        for name in &mut node.inputs {
            if let Some(same) = self.same.get(name) {
                name.clone_from(same);
            }
        }
        let (input, output) = (node.input(0).unwrap_or_default(), node.output(0).unwrap_or_default().to_owned());
        if transposes(&node, TO_LAST) {
            self.twins.insert(output, input.to_owned());
        } else if let Some(twin) = self.twins.get(input).filter(|_| transposes(&node, TO_FIRST)) {
            if !self.outputs.contains(&output) {
                self.same.insert(output, twin.clone());
                return Ok(());
            }
            node = Node { name: node.name.clone(), ..Node::new("Identity", [twin.clone()], [output]) };
        } else if let Some(Rewritten { node: mut first, maps }) = self.channels_first(&node)? {
            if maps {
                let twin = format!("{output}/channels_first");
                first.outputs = vec![twin.clone()];
                self.nodes.push(first);
                self.twins.insert(output.clone(), twin.clone());
                let name = format!("{output}/channels_last");
                first = Node { name, ..Node::new("Transpose", [twin], [output]).with_ints("perm", TO_LAST) };
            }
            node = first;
        }
        self.nodes.push(node);
        Ok(())
    }

    /// What `node` computes, computed channels first; `None` where it reads no channels-last maps, or where their order matters.
    fn channels_first(&mut self, node: &Node) -> Result<Option<Rewritten>> {
        let reads_maps = node.inputs.iter().any(|name| self.twins.contains_key(name));
        if !reads_maps || !node.domain.is_empty() || node.outputs.len() != 1 {
            return Ok(None);
        }
        let maps = |node: Option<Node>| node.map(|node| Rewritten { node, maps: true });
        Ok(match node.op_type.as_str() {
            "PRelu" | "Where" => maps(self.each_input(node)?),
            "Concat" => maps(self.each_input(node)?.and_then(|first| with_axis(first, 0))),
            "Softmax" | "LogSoftmax" => maps(self.first_input(node).and_then(|first| with_axis(first, -1))),
            "Pad" => maps(self.pad(node)),
            "Slice" => maps(self.slice(node)),
            op if op.starts_with("Reduce") => self.reduce(node),
            op if POINTWISE.contains(&op) => maps(self.first_input(node)),
            op if BROADCASTING.contains(&op) => maps(self.each_input(node)?),
            _ => None,
        })
    }

    fn first_input(&self, node: &Node) -> Option<Node> {
        let mut first = node.clone();
        first.inputs[0] = self.twins.get(node.input(0)?)?.clone();
        Some(first)
    }

    fn each_input(&mut self, node: &Node) -> Result<Option<Node>> {
        let mut first = node.clone();
        for name in &mut first.inputs {
            match self.twin(name)? {
                Some(twin) => *name = twin,
                None => return Ok(None),
            }
        }
        Ok(Some(first))
    }

    /// The value that is to [N, C, H, W] what `name` is to [N, H, W, C]; made if need be.
    fn twin(&mut self, name: &str) -> Result<Option<String>> {
        if let Some(twin) = self.twins.get(name) {
            return Ok(Some(twin.clone()));
        }
        let twin = format!("{name}/channels_first");
        if let Some(tensor) = self.constants.get(name) {
            if tensor.len() == 1 {
                return Ok(Some(name.to_owned()));
            }
            let Some(missing) = 4_usize.checked_sub(tensor.shape().len()) else { return Ok(None) };
            let shape = [&[1].repeat(missing), tensor.shape()].concat();
            let moved = tensor.reshaped(shape)?.permuted(&TO_FIRST.map(|axis| axis as usize))?;
            self.constants.insert(twin.clone(), moved);
            return Ok(Some(twin));
        }
        if self.shapes.get(name).is_none_or(|shape| shape.len() != 4) {
            return Ok(None);
        }
        self.nodes.push(Node::new("Transpose", [name], [twin.as_str()]).with_ints("perm", TO_FIRST));
        self.twins.insert(name.to_owned(), twin.clone());
        Ok(Some(twin))
    }

    fn pad(&mut self, node: &Node) -> Option<Node> {
        let pads = self.integers(node, 1).filter(|pads| pads.len() == 8 && node.input(3).is_none())?;
        let mut first = self.first_input(node)?;
        let order = TO_FIRST.map(|axis| axis as usize);
        let moved: Vec<i64> = order.iter().chain(&order.map(|axis| axis + 4)).map(|&axis| pads[axis]).collect();
        first.inputs[1] = self.constant(node, "pads", &moved);
        Some(first)
    }

    fn slice(&mut self, node: &Node) -> Option<Node> {
        let axes = match node.input(3) {
            Some(_) => self.integers(node, 3)?,
            None => (0..self.integers(node, 1)?.len() as i64).collect(),
        };
        let moved = axes.into_iter().map(moved).collect::<Option<Vec<i64>>>()?;
        let mut first = self.first_input(node)?;
        first.inputs.resize(first.inputs.len().max(4), String::new());
        first.inputs[3] = self.constant(node, "axes", &moved);
        Some(first)
    }

    /// Where the axes reduced are gone, they must be height and width: what is left has no order to keep.
    fn reduce(&mut self, node: &Node) -> Option<Rewritten> {
        let as_attribute = node.ints("axes").map(<[i64]>::to_vec);
        let axes = as_attribute.clone().or_else(|| self.integers(node, 1)).filter(|axes| !axes.is_empty())?;
        let mut moved = axes.into_iter().map(moved).collect::<Option<Vec<i64>>>()?;
        moved.sort_unstable();
        let keeps = node.int("keepdims", 1) != 0;
        if !keeps && moved != [2, 3] {
            return None;
        }
        let mut first = self.first_input(node)?;
        if as_attribute.is_some() {
            first = first.with_ints("axes", moved);
        } else {
            first.inputs[1] = self.constant(node, "axes", &moved);
        }
        Some(Rewritten { node: first, maps: keeps })
    }

    fn integers(&self, node: &Node, index: usize) -> Option<Vec<i64>> {
        self.constants.get(node.input(index)?)?.ints().ok()
    }

    /// A new constant for an input of what replaces `node`.
    fn constant(&mut self, node: &Node, role: &str, values: &[i64]) -> String {
        let name = format!("{}/channels_first_{role}", node.outputs[0]);
        self.constants.insert(name.clone(), Tensor::from_ints(values));
        name
    }
}

/// `node` with its axis moved; `default` is the axis where it names none.
fn with_axis(node: Node, default: i64) -> Option<Node> {
    let axis = moved(node.int("axis", default))?;
    Some(node.with_int("axis", axis))
}

#[cfg(test)]
#[path = "channels_first_tests.rs"]
mod tests;
