//! Edits that keep a graph's meaning.

use std::collections::HashSet;

use super::{DataType, Error, Graph, Result, ValueInfo};

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
}
