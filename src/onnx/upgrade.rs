//! Operator sets before 17, brought to 17, so that every floor above knows one form of each operator.
//!
//! What changed is in ONNX's `Changelog.md`: mostly, attributes became inputs.

use super::{Attribute, Error, Graph, Node, Result, Tensor};

/// The operator set that older ones are brought to.
const UPGRADED: i64 = 17;

impl Graph {
    /// The same computation in operator set 17; a later one is left as it is.
    ///
    /// An error if a node uses what no later operator set can say.
    pub fn upgrade(mut self) -> Result<Self> {
        drop_dropout(&mut self)?;
        if self.opset >= UPGRADED {
            return Ok(self);
        }
        let nodes = std::mem::take(&mut self.nodes);
        for node in nodes {
            upgrade_node(&mut self, node)?;
        }
        self.opset = UPGRADED;
        Ok(self)
    }

    /// Adds a constant input `index` to `node`.
    fn add_input(&mut self, node: &mut Node, index: usize, role: &str, value: Tensor) {
        let name = format!("{}/{role}", node.outputs.first().unwrap_or(&node.name));
        self.initializers.insert(name.clone(), value);
        if node.inputs.len() <= index {
            node.inputs.resize(index + 1, String::new());
        }
        node.inputs[index] = name;
    }

    /// Makes the list attribute `name` of `node` its input `index`.
    fn list_to_input(&mut self, node: &mut Node, name: &str, index: usize) {
        if let Some(Attribute::Ints(values)) = node.attributes.remove(name) {
            self.add_input(node, index, name, Tensor::from_ints(&values));
        }
    }

    /// Makes the float attribute `name` of `node` its scalar input `index`.
    fn float_to_input(&mut self, node: &mut Node, name: &str, index: usize) {
        if let Some(Attribute::Float(value)) = node.attributes.remove(name) {
            self.add_input(node, index, name, Tensor::scalar(value));
        }
    }
}

/// Takes out `Dropout`, which passes its input when a model is used; its readers read that instead.
fn drop_dropout(graph: &mut Graph) -> Result<()> {
    for node in graph.nodes.iter_mut().filter(|node| node.op_type == "Dropout" && node.domain.is_empty()) {
        if node.output(1).is_some() {
            return Err(Error::Unsupported(format!(
                "node `{}` (Dropout) gives its mask; export for inference",
                node.name
            )));
        }
        node.op_type = "Identity".to_owned();
        node.inputs.truncate(1);
        node.attributes.clear();
    }
    Ok(())
}

fn upgrade_node(graph: &mut Graph, mut node: Node) -> Result<()> {
    let opset = graph.opset;
    if node.domain.is_empty() {
        match node.op_type.as_str() {
            "BatchNormalization" if opset < 14 => batch_normalization(&mut node)?,
            "Clip" if opset < 11 => {
                graph.float_to_input(&mut node, "min", 1);
                graph.float_to_input(&mut node, "max", 2);
            }
            "Pad" if opset < 11 => {
                graph.list_to_input(&mut node, "pads", 1);
                graph.float_to_input(&mut node, "value", 2);
            }
            "ReduceSum" | "Squeeze" | "Unsqueeze" if opset < 13 => graph.list_to_input(&mut node, "axes", 1),
            "Split" if opset < 13 => graph.list_to_input(&mut node, "split", 1),
            "Slice" if opset < 10 => {
                for (index, name) in ["starts", "ends", "axes"].into_iter().enumerate() {
                    graph.list_to_input(&mut node, name, index + 1);
                }
            }
            "Upsample" | "Resize" if opset < 11 => resize(graph, &mut node),
            "Softmax" | "LogSoftmax" if opset < 13 => {
                graph.nodes.extend(softmax(node));
                return Ok(());
            }
            _ => {}
        }
    }
    graph.nodes.push(node);
    Ok(())
}

fn batch_normalization(node: &mut Node) -> Result<()> {
    if node.int("spatial", 1) == 0 {
        return Err(node.error("statistics for each position (spatial = 0) are not supported; export the model again"));
    }
    node.attributes.remove("spatial");
    node.outputs.truncate(1);
    Ok(())
}

/// Up to opset 10, `Upsample` and `Resize` blended at `index / scale`, or took the element at that place rounded down, where a
/// picture shrinks rounded up.
fn resize(graph: &mut Graph, node: &mut Node) {
    if let Some(Attribute::Floats(scales)) = node.attributes.remove("scales") {
        graph.add_input(node, 1, "scales", Tensor::from_floats(&[scales.len()], &scales));
    }
    let scales = node.input(1).and_then(|name| graph.initializers.get(name)?.floats().ok()).unwrap_or_default();
    let shrinks = scales.iter().any(|&scale| scale < 1.0);
    node.op_type = "Resize".to_owned();
    // The region of interest came between.
    node.inputs.insert(1, String::new());
    let text = |value: &str| Attribute::String(value.to_owned());
    let mode = node.string("mode", "nearest").to_owned();
    node.attributes.insert("mode".to_owned(), text(&mode));
    node.attributes.insert("coordinate_transformation_mode".to_owned(), text("asymmetric"));
    node.attributes.insert("nearest_mode".to_owned(), text(if shrinks { "ceil" } else { "floor" }));
}

/// Before opset 13 a softmax ran over all axes from `axis` on, as one: flatten, softmax, and the shape as before.
fn softmax(node: Node) -> Vec<Node> {
    let (Some(input), Some(output)) = (node.input(0), node.output(0)) else { return vec![node] };
    let part = |what: &str| format!("{output}/{what}");
    let rows = Node::new("Flatten", [input], [part("rows")]).with_int("axis", node.int("axis", 1));
    let shape = Node::new("Shape", [input], [part("shape")]);
    let mut along_rows = Node::new(&node.op_type, [part("rows")], [part("along_rows")]).with_int("axis", -1);
    along_rows.name.clone_from(&node.name);
    let mut back = Node::new("Reshape", [part("along_rows"), part("shape")], [output]);
    // Many files call a node by its output, and the softmax goes by that name.
    back.name = part("back");
    vec![rows, shape, along_rows, back]
}

#[cfg(test)]
mod tests {
    use super::super::{DataType, Dim, ValueInfo};
    use super::*;

    /// A graph of operator set `opset` with `x` `[n, 2, 3]` and one node from `x` to `y`.
    fn upgraded(opset: i64, node: Node) -> Result<Graph> {
        let shape = vec![Dim::Symbol("n".to_owned()), Dim::Size(2), Dim::Size(3)];
        let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
        Graph {
            opset,
            inputs: vec![value("x", Some(shape))],
            outputs: vec![value("y", None)],
            nodes: vec![node],
            ..Graph::default()
        }
        .upgrade()
    }

    fn node(op_type: &str) -> Node {
        Node::new(op_type, ["x"], ["y"])
    }

    fn constant(graph: &Graph, index: usize) -> &Tensor {
        &graph.initializers[&graph.nodes[0].inputs[index]]
    }

    #[test]
    fn attributes_become_inputs() {
        let graph = upgraded(9, node("Clip").with("max", Attribute::Float(6.0))).unwrap();
        assert_eq!((graph.opset, graph.nodes[0].input(1)), (17, None));
        assert_eq!(constant(&graph, 2), &Tensor::scalar(6.0));
        let pad = node("Pad").with_ints("pads", [0, 0, 1, 0, 0, 1]).with("value", Attribute::Float(0.5));
        let graph = upgraded(7, pad).unwrap();
        assert_eq!(constant(&graph, 1), &Tensor::from_ints(&[0, 0, 1, 0, 0, 1]));
        assert_eq!(constant(&graph, 2), &Tensor::scalar(0.5));
        let slice = node("Slice").with_ints("starts", [1]).with_ints("ends", [2]).with_ints("axes", [2]);
        let graph = upgraded(9, slice).unwrap();
        assert_eq!((1..4).map(|i| constant(&graph, i).ints().unwrap()[0]).collect::<Vec<_>>(), [1, 2, 2]);
        for op_type in ["Squeeze", "Unsqueeze", "ReduceSum"] {
            let graph = upgraded(12, node(op_type).with_ints("axes", [1])).unwrap();
            assert_eq!(constant(&graph, 1), &Tensor::from_ints(&[1]));
            assert!(graph.nodes[0].attributes.is_empty());
        }
    }

    #[test]
    fn an_upsample_becomes_a_resize_that_rounds_as_before() {
        let graph = upgraded(7, node("Upsample").with("scales", Attribute::Floats(vec![1.0, 1.0, 2.0]))).unwrap();
        assert_eq!(graph.nodes[0].op_type, "Resize");
        assert_eq!(graph.nodes[0].input(1), None);
        assert_eq!(constant(&graph, 2).floats().unwrap(), [1.0, 1.0, 2.0]);
        assert_eq!(graph.shapes().unwrap()["y"][2], Dim::Size(6));
        assert_eq!(graph.nodes[0].string("nearest_mode", ""), "floor");
        let graph = upgraded(9, node("Upsample").with("scales", Attribute::Floats(vec![1.0, 1.0, 0.5]))).unwrap();
        assert_eq!(graph.nodes[0].string("nearest_mode", ""), "ceil");
    }

    #[test]
    fn an_old_softmax_runs_over_all_axes_from_its_own_on() {
        let graph = upgraded(9, node("Softmax").with_int("axis", 1)).unwrap();
        let shapes = graph.shapes().unwrap();
        assert_eq!(shapes["y/rows"], [Dim::Symbol("n".to_owned()), Dim::Size(6)]);
        assert_eq!(shapes["y"], shapes["x"]);
    }

    #[test]
    fn dropout_passes_its_input_and_a_later_operator_set_stays() {
        for opset in [7, 13, 20] {
            let graph = upgraded(opset, node("Dropout").with("ratio", Attribute::Float(0.5))).unwrap();
            assert_eq!(graph.nodes[0], Node { name: "y".to_owned(), ..node("Identity") });
            assert_eq!(graph.opset, opset.max(17));
        }
        assert!(upgraded(7, Node::new("Dropout", ["x"], ["y", "mask"])).is_err());
        assert!(upgraded(7, node("BatchNormalization").with_int("spatial", 0)).is_err());
    }
}
