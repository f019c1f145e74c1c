//! A batch of any length, where the file fixes one.

use std::collections::HashSet;

use crate::onnx::{Dim, Graph, Node, Result, Shapes, Tensor, layers::picture_values, shapes::axis};

/// What the batch is called.
const BATCH: &str = "batch";

impl Graph {
    /// Leaves open how many pictures `input` takes, where the file fixes it, if the graph can do with any number.
    ///
    /// Whether it is open then. It can be if every value that depends on the pictures still has a row for each picture,
    /// whatever their number, and no row depends on another picture.
    pub fn open_batch(&mut self, input: &str) -> Result<bool> {
        let stated =
            self.inputs.iter().find(|value| value.name == input).and_then(|value| value.shape.as_ref()?.first());
        let Some(&Dim::Size(fixed)) = stated else { return Ok(true) };
        let shapes = self.shapes()?;
        // What contradicts itself once the batch is open needs the batch that it has.
        let Ok(open) = self.opened(input, &shapes, fixed) else { return Ok(false) };
        let Ok(opened) = open.shapes() else { return Ok(false) };
        let is_open = open.is_row_by_row(&shapes, &opened, fixed);
        if is_open {
            *self = open;
        }
        Ok(is_open)
    }

    /// The graph with an open batch, in what it states and in the constants that its reshapes go by.
    fn opened(&self, input: &str, shapes: &Shapes, fixed: usize) -> Result<Self> {
        let mut open = self.clone();
        let inputs = open.inputs.iter_mut().filter(|value| value.name == input);
        for batch in inputs.filter_map(|value| value.shape.as_mut()?.first_mut()) {
            *batch = Dim::Symbol(BATCH.to_owned());
        }
        // What the file states was of the batch that it has.
        open.stated.clear();
        for output in &mut open.outputs {
            output.shape = None;
        }
        open.fold_shapes()?;
        open.keep_batch_in_reshapes(shapes, fixed);
        Ok(open)
    }

    /// Makes each `Reshape` that leaves the first axis as it is say so, instead of that axis' length `fixed`.
    fn keep_batch_in_reshapes(&mut self, shapes: &Shapes, fixed: usize) {
        let row = |value: Option<&str>| shapes.get(value?)?.get(1..)?.iter().map(Dim::size).product::<Option<usize>>();
        let mut targets = Vec::new();
        for node in self.nodes.iter_mut().filter(|node| node.op_type == "Reshape" && node.domain.is_empty()) {
            let target = node.input(1).and_then(|name| self.initializers.get(name)?.ints().ok());
            let keeps_rows = row(node.input(0)).is_some() && row(node.input(0)) == row(node.output(0));
            let target = target.filter(|target| keeps_rows && target.first() == Some(&(fixed as i64)));
            // With `allowzero`, which PyTorch sets always, 0 is a length and not "as before"; without any 0 both mean the same.
            let zeros = |target: &[i64]| node.int("allowzero", 0) != 0 && target.contains(&0);
            let Some(mut target) = target.filter(|target| !zeros(target)) else { continue };
            node.attributes.remove("allowzero");
            target[0] = 0;
            let name = format!("{}/target", node.outputs[0]);
            node.inputs[1].clone_from(&name);
            targets.push((name, Tensor::from_ints(&target)));
        }
        self.initializers.extend(targets);
    }

    /// Whether each value that depends on the pictures has a row for each, by its shape in `opened`, and no row depends on another
    /// picture; `shapes` are those with the batch `fixed`.
    fn is_row_by_row(&self, shapes: &Shapes, opened: &Shapes, fixed: usize) -> bool {
        let pictures = picture_values(self);
        let batch = Dim::Symbol(BATCH.to_owned());
        let has_rows = |name: &String| {
            let (before, now) = (shapes.get(name), opened.get(name));
            let (Some((first, before)), Some((rows, now))) =
                (before.and_then(|shape| shape.split_first()), now.and_then(|shape| shape.split_first()))
            else {
                return false;
            };
            *first == Dim::Size(fixed) && *rows == batch && before == now
        };
        let of_pictures =
            |node: &&Node| node.op_type != "Shape" && node.inputs.iter().any(|name| pictures.contains(name.as_str()));
        self.nodes.iter().filter(of_pictures).all(|node| {
            let rank = node.input(0).and_then(|name| opened.get(name)).map_or(0, Vec::len);
            let mut made = node.outputs.iter().filter(|name| !name.is_empty());
            made.all(has_rows) && keeps_rows_apart(node, rank, &pictures) && !adds_rows(node, opened)
        })
    }
}

/// Whether `node`, whose first input has `rank` axes, makes each row from that row of what it reads; `pictures` are the values that
/// have rows.
fn keeps_rows_apart(node: &Node, rank: usize, pictures: &HashSet<&str>) -> bool {
    let has_rows = |name: &String| pictures.contains(name.as_str());
    match node.op_type.as_str() {
        "Softmax" | "LogSoftmax" | "Hardmax" | "LayerNormalization" | "LpNormalization" => {
            axis(node.int("axis", -1), rank) != Some(0)
        }
        // A constant has as many rows as the file says.
        "Concat" => node.inputs.iter().all(has_rows),
        "Gemm" => !node.inputs.iter().skip(1).any(has_rows),
        "MatMul" => rank > 2 || !node.inputs.iter().skip(1).any(has_rows),
        _ => true,
    }
}

/// Whether `node` is a `Gemm` that adds a matrix with more rows than one.
fn adds_rows(node: &Node, shapes: &Shapes) -> bool {
    let added = node.input(2).filter(|_| node.op_type == "Gemm").and_then(|name| shapes.get(name));
    added.is_some_and(|shape| shape.len() == 2 && shape[0] != Dim::Size(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{DataType, Shape, ValueInfo};

    fn sizes<const N: usize>(sizes: [usize; N]) -> Shape {
        sizes.map(Dim::Size).to_vec()
    }

    /// A graph from `x` [batch, 2, 3, 4] to the last node's output, with these constants.
    fn graph(batch: usize, nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
        let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape: Some(shape) };
        let output = nodes.last().unwrap().outputs[0].clone();
        Graph {
            opset: 17,
            inputs: vec![value("x", sizes([batch, 2, 3, 4]))],
            outputs: vec![value(&output, sizes([batch, 24]))],
            nodes,
            initializers: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
            ..Graph::default()
        }
    }

    /// The shape of the output once the batch is open; `None` where it cannot be.
    fn opened(mut graph: Graph) -> Option<Shape> {
        let before = graph.clone();
        if !graph.open_batch("x").unwrap() {
            assert_eq!(graph, before);
            return None;
        }
        assert!(graph.inputs[0].shape.as_ref().unwrap()[0].size().is_none());
        graph.shapes().unwrap().remove(&graph.outputs[0].name)
    }

    /// `[batch, ...]`
    fn open<const N: usize>(rest: [usize; N]) -> Shape {
        std::iter::once(Dim::Symbol(BATCH.to_owned())).chain(rest.map(Dim::Size)).collect()
    }

    fn reshape(batch: usize, target: &[i64]) -> Graph {
        graph(batch, vec![Node::new("Reshape", ["x", "target"], ["y"])], vec![("target", Tensor::from_ints(target))])
    }

    #[test]
    fn a_reshape_with_the_batch_in_its_constant_keeps_whatever_batch_there_is() {
        assert_eq!(opened(reshape(1, &[1, 24])), Some(open([24])));
        assert_eq!(opened(reshape(1, &[1, -1])), Some(open([24])));
        assert_eq!(opened(reshape(1, &[-1, 24])), Some(open([24])));
        assert_eq!(opened(reshape(8, &[8, 6, -1])), Some(open([6, 4])));
        let mut allowing_zero = reshape(1, &[1, 24]);
        allowing_zero.nodes[0].attributes.insert("allowzero".to_owned(), crate::onnx::Attribute::Int(1));
        assert_eq!(opened(allowing_zero), Some(open([24])));
        let nodes = vec![
            Node::new("Concat", ["one", "rest"], ["target"]).with_int("axis", 0),
            Node::new("Reshape", ["x", "target"], ["y"]),
        ];
        let constants = vec![("one", Tensor::from_ints(&[1])), ("rest", Tensor::from_ints(&[-1]))];
        assert_eq!(opened(graph(1, nodes, constants)), Some(open([24])));
    }

    #[test]
    fn a_batch_that_is_open_stays_so() {
        let mut graph = reshape(1, &[-1, 24]);
        graph.inputs[0].shape.as_mut().unwrap()[0] = Dim::Symbol("n".to_owned());
        let before = graph.clone();
        assert_eq!(graph.open_batch("x"), Ok(true));
        assert_eq!(graph, before);
    }

    #[test]
    fn what_mixes_pictures_or_needs_the_number_of_rows_keeps_its_batch() {
        let floats = |shape: &[usize]| Tensor::from_floats(shape, &vec![0.0; shape.iter().product()]);
        let ints = Tensor::from_ints;
        let x = |op_type: &str, constants: &[&str]| Node::new(op_type, [&["x"], constants].concat(), ["y"]);
        let flat = || Node::new("Flatten", ["x"], ["f"]);
        for (nodes, constants) in [
            (vec![x("Reshape", &["target"])], vec![("target", ints(&[2, -1]))]),
            (vec![x("Reshape", &["target"]).with_int("allowzero", 1)], vec![("target", ints(&[1, 0]))]),
            (vec![x("Concat", &["constant"]).with_int("axis", 1)], vec![("constant", floats(&[1, 1, 3, 4]))]),
            (vec![x("Concat", &["x"]).with_int("axis", 0)], vec![]),
            (vec![x("Gather", &["first"])], vec![("first", ints(&[0]))]),
            (vec![x("Slice", &["zero", "first"])], vec![("zero", ints(&[0])), ("first", ints(&[1]))]),
            (vec![x("ReduceMean", &[])], vec![]),
            (vec![x("Softmax", &[]).with_int("axis", 0)], vec![]),
            (vec![x("Mystery", &[])], vec![]),
            (vec![x("Resize", &["", "", "sizes"])], vec![("sizes", ints(&[1, 2, 6, 8]))]),
            (vec![flat(), Node::new("Gemm", ["f", "f"], ["y"]).with_int("transB", 1)], vec![]),
        ] {
            let operator = nodes.last().unwrap().op_type.clone();
            assert_eq!(opened(graph(1, nodes, constants)), None, "{operator}");
        }
    }
}
