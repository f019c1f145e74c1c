//! Edits that keep a graph's meaning.

use std::collections::HashSet;

use super::{DataType, Dim, Error, Graph, Result, Shapes, ValueInfo};

impl Graph {
    /// The part of the graph that makes `values`, which become its outputs; an error for a value that nothing makes.
    pub fn forward_to(&self, values: &[&str]) -> Result<Self> {
        let mut graph = self.clone();
        let producers = self.producers();
        let mut outputs: Vec<ValueInfo> = Vec::new();
        for &name in values {
            if !producers.contains_key(name) {
                return Err(Error::Invalid(format!("no node makes the value `{name}`")));
            }
            if outputs.iter().all(|output| output.name != name) {
                outputs.push(ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape: None });
            }
        }
        graph.outputs = outputs;
        graph.prune();
        Ok(graph)
    }

    /// The same graph with the batch of every input fixed: a first dimension that is a symbol becomes `batch`, there and where an output
    /// has the same symbol first.
    #[must_use]
    pub fn with_batch(mut self, batch: usize) -> Self {
        let first = |value: &ValueInfo| value.shape.as_ref()?.first().cloned();
        let symbols: Vec<Dim> = self.inputs.iter().filter_map(first).filter(|dim| dim.size().is_none()).collect();
        let values = self.inputs.iter_mut().chain(&mut self.outputs);
        for dim in values.filter_map(|value| value.shape.as_mut()?.first_mut()).filter(|dim| symbols.contains(dim)) {
            *dim = Dim::Size(batch);
        }
        self
    }

    /// Takes out nodes that pass their input on as it is: `Identity`, and changes to the shape that a value has already.
    pub fn bypass_no_ops(&mut self, shapes: &Shapes) {
        let known = |name: &str| shapes.get(name);
        for index in (0..self.nodes.len()).rev() {
            let node = &self.nodes[index];
            let (Some(input), Some(output)) = (node.input(0), node.output(0)) else { continue };
            let keeps_shape = || known(input).is_some() && known(input) == known(output);
            let passes = match node.op_type.as_str() {
                "Identity" => true,
                "Flatten" | "Reshape" | "Squeeze" | "Expand" => keeps_shape(),
                _ => false,
            };
            // A graph's outputs keep their names, and so do its inputs and initializers.
            let is_output = |name: &str| self.outputs.iter().any(|value| value.name == name);
            let (input, output) = (input.to_owned(), output.to_owned());
            let made_by_node = self.nodes.iter().any(|node| node.outputs.contains(&input));
            if !passes || !node.domain.is_empty() || (is_output(&output) && (is_output(&input) || !made_by_node)) {
                continue;
            }
            let (from, to) = if is_output(&output) { (input, output) } else { (output, input) };
            self.nodes.remove(index);
            for name in self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain(&mut node.outputs)) {
                if *name == from {
                    name.clone_from(&to);
                }
            }
        }
    }

    /// Drops the nodes and initializers that no output depends on.
    ///
    /// Graph inputs stay, used or not, so that what a caller feeds does not depend on what it asks for.
    pub fn prune(&mut self) {
        let mut needed: HashSet<String> = self.outputs.iter().map(|output| output.name.clone()).collect();
        let mut keep = vec![false; self.nodes.len()];
        for (node, keep) in self.nodes.iter().zip(&mut keep).rev() {
            *keep = node.outputs.iter().any(|name| needed.contains(name));
            if *keep {
                needed.extend(node.inputs.iter().filter(|name| !name.is_empty()).cloned());
            }
        }
        let mut keep = keep.into_iter();
        self.nodes.retain(|_| keep.next().unwrap_or_default());
        self.initializers.retain(|name, _| needed.contains(name));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Node, Tensor};
    use super::*;

    #[test]
    fn only_ancestors_of_the_outputs_are_kept() {
        let value = |name: &str| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape: None };
        let mut graph = Graph {
            opset: 17,
            inputs: vec![value("x"), value("unused")],
            outputs: vec![value("y")],
            nodes: vec![
                Node::new("Mul", ["x", "scale"], ["a"]),
                Node::new("Mul", ["x", "other"], ["b"]),
                Node::new("Relu", ["a"], ["y"]),
                Node::new("Relu", ["y"], ["z"]),
            ],
            ..Graph::default()
        };
        graph.initializers.insert("scale".to_owned(), Tensor::scalar(2.0));
        graph.initializers.insert("other".to_owned(), Tensor::scalar(3.0));
        graph.prune();
        let names: Vec<_> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["a", "y"]);
        assert_eq!(graph.initializers.keys().collect::<Vec<_>>(), ["scale"]);
        assert_eq!(graph.inputs.len(), 2);
    }

    #[test]
    fn the_batch_of_all_inputs_and_outputs_is_fixed_and_nothing_else() {
        let symbol = |name: &str| Dim::Symbol(name.to_owned());
        let value = |first: Dim, second: Dim| ValueInfo {
            name: "x".to_owned(),
            dtype: DataType::Float,
            shape: Some(vec![first, second]),
        };
        let inputs =
            vec![value(symbol("n"), symbol("width")), value(symbol("k"), 3.into()), value(2.into(), symbol("n"))];
        let outputs =
            vec![value(symbol("n"), symbol("n")), value(symbol("width"), symbol("k")), value(symbol("k"), 1.into())];
        let graph = Graph { inputs, outputs, ..Graph::default() }.with_batch(1);
        let expected = [value(1.into(), symbol("width")), value(1.into(), 3.into()), value(2.into(), symbol("n"))];
        assert_eq!(graph.inputs, expected);
        let expected = [value(1.into(), symbol("n")), value(symbol("width"), symbol("k")), value(1.into(), 1.into())];
        assert_eq!(graph.outputs, expected);
    }

    #[test]
    fn what_passes_its_input_on_is_taken_out_and_outputs_keep_their_names() {
        let shape = |sizes: [usize; 2]| sizes.map(Dim::Size).to_vec();
        let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
        let mut graph = Graph {
            opset: 17,
            inputs: vec![value("x", Some(shape([1, 6])))],
            outputs: vec![value("y", None), value("x2", None)],
            nodes: vec![
                Node::new("Identity", ["x"], ["same"]),
                Node::new("Relu", ["same"], ["a"]),
                Node::new("Flatten", ["a"], ["flat"]),
                Node::new("Sigmoid", ["flat"], ["b"]),
                Node::new("Identity", ["b"], ["y"]),
                Node::new("Identity", ["x"], ["x2"]),
            ],
            ..Graph::default()
        };
        graph.bypass_no_ops(&graph.shapes().unwrap());
        let expected =
            [Node::new("Relu", ["x"], ["a"]), Node::new("Sigmoid", ["a"], ["y"]), Node::new("Identity", ["x"], ["x2"])];
        let without_names =
            |nodes: &[Node]| nodes.iter().map(|node| Node { name: String::new(), ..node.clone() }).collect::<Vec<_>>();
        assert_eq!(without_names(&graph.nodes), without_names(&expected));
    }
}
