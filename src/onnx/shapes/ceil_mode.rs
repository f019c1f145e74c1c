//! Pools whose windows ONNX's own shape inference miscounts.
//!
//! By `ceil_mode` a last window may reach beyond the input's end, but one that would begin there is left out. ONNX Runtime's
//! kernels do so, and [`Graph::shapes`] does. The shape inference of ONNX counts that window up to operator set 21, and ONNX
//! Runtime refuses a model in which a dense layer follows.

use std::borrow::Cow;

use super::{Dim, Node, Result, Shapes, window::Window};
use crate::onnx::{Attribute, Graph};

impl Graph {
    /// The graph with padding in the place of a `ceil_mode` that is miscounted: the same windows, and the same numbers.
    ///
    /// It stays where padding cannot stand for it: if one axis is miscounted and another needs it, in an average that counts padding
    /// and in a maximum with dilations.
    pub fn without_miscounted_ceil_mode(&self) -> Result<Cow<'_, Self>> {
        if !self.nodes.iter().any(rounds_up) {
            return Ok(Cow::Borrowed(self));
        }
        let shapes = self.shapes()?;
        let mut graph = self.clone();
        for node in graph.nodes.iter_mut().filter(|node| rounds_up(node)) {
            if let Some(pads) = pads_instead(node, &shapes)? {
                node.attributes.remove("ceil_mode");
                node.attributes.insert("pads".to_owned(), Attribute::Ints(pads));
            }
        }
        Ok(Cow::Owned(graph))
    }
}

fn rounds_up(node: &Node) -> bool {
    let pool = node.domain.is_empty() && matches!(node.op_type.as_str(), "MaxPool" | "AveragePool");
    pool && node.string("auto_pad", "NOTSET") == "NOTSET" && node.int("ceil_mode", 0) != 0
}

/// The padding that gives the pool `node` its windows without `ceil_mode`; `None` where that is counted well or has to stay.
fn pads_instead(node: &Node, shapes: &Shapes) -> Result<Option<Vec<i64>>> {
    let input = node.input(0).and_then(|name| shapes.get(name)).and_then(|shape| shape.get(2..)).unwrap_or_default();
    let kernel = node.ints("kernel_shape").unwrap_or_default();
    let mut after = Vec::new();
    let (mut miscounted, mut further) = (false, false);
    for (axis, (dim, &kernel)) in input.iter().zip(kernel).enumerate() {
        let (Dim::Size(length), Ok(kernel)) = (dim, usize::try_from(kernel)) else { return Ok(None) };
        let window = Window::of(node, axis, input.len(), *length, kernel)?;
        let Some(places) = window.places_up() else { return Ok(None) };
        miscounted |= window.places_up_in_onnx() != Some(places);
        let needed = window.places() != Some(places);
        further |= needed;
        after.push(if needed { window.after_for(places) } else { window.after });
    }
    let dilated = node.ints("dilations").is_some_and(|dilations| dilations.iter().any(|&dilation| dilation != 1));
    let exact = !further || (!dilated && node.int("count_include_pad", 0) == 0);
    let before =
        node.ints("pads").map_or_else(|| vec![0; input.len()], |pads| pads[..input.len().min(pads.len())].to_vec());
    Ok((miscounted && exact).then(|| [before, after].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{DataType, ValueInfo};

    /// What a pool of 2x2 windows on `size`, with strides of 2 and a border of 1, becomes.
    fn rewritten(op_type: &str, size: [usize; 2], set: impl FnOnce(Node) -> Node) -> Node {
        let shape = [1, 1, size[0], size[1]].map(Dim::Size).to_vec();
        let node = Node::new(op_type, ["x"], ["y"]).with_ints("kernel_shape", [2, 2]).with_ints("strides", [2, 2]);
        let graph = Graph {
            opset: 17,
            inputs: vec![ValueInfo { name: "x".to_owned(), dtype: DataType::Float, shape: Some(shape) }],
            nodes: vec![set(node.with_ints("pads", [1; 4]).with_int("ceil_mode", 1))],
            ..Graph::default()
        };
        let rewritten = graph.without_miscounted_ceil_mode().unwrap();
        assert_eq!(rewritten.shapes().unwrap()["y"], graph.shapes().unwrap()["y"]);
        rewritten.nodes[0].clone()
    }

    #[test]
    fn ceil_mode_goes_where_it_is_miscounted() {
        let pads = |node: &Node| (node.int("ceil_mode", 0), node.ints("pads").unwrap().to_vec());
        for op_type in ["MaxPool", "AveragePool"] {
            // Of 12 elements no window is left over; of 11 one would begin after the last.
            assert_eq!(pads(&rewritten(op_type, [12, 12], |node| node)), (1, vec![1; 4]));
            assert_eq!(pads(&rewritten(op_type, [12, 11], |node| node)), (0, vec![1; 4]));
            // A row needs a window that reaches beyond the border, while a column is miscounted.
            let mixed = |node: Node| node.with_ints("pads", [0, 1, 0, 1]);
            assert_eq!(pads(&rewritten(op_type, [11, 11], mixed)), (0, vec![0, 1, 1, 1]));
            let counted = |node: Node| mixed(node).with_int("count_include_pad", 1);
            assert_eq!(pads(&rewritten(op_type, [11, 11], counted)), (1, vec![0, 1, 0, 1]));
        }
    }
}
