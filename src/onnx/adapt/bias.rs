//! Biases that exporters add after a convolution: the floors above look for them in it.

use std::collections::HashSet;

use crate::onnx::{Graph, Result};

impl Graph {
    /// Makes a constant for each channel that is added to a convolution, and to nothing else, the convolution's bias.
    pub fn fold_biases(&mut self) -> Result<()> {
        let mut gone = HashSet::new();
        for index in 0..self.nodes.len() {
            let Some((add, bias)) = self.bias_added_to(index) else { continue };
            let sum = self.nodes[add].outputs[0].clone();
            let tensor = &self.initializers[&bias];
            let name = format!("{bias}/bias");
            let tensor = tensor.reshaped(vec![tensor.len()])?;
            self.initializers.insert(name.clone(), tensor);
            let conv = &mut self.nodes[index];
            conv.inputs.truncate(2);
            conv.inputs.push(name);
            conv.outputs[0] = sum;
            gone.insert(add);
        }
        let mut index = 0..;
        self.nodes.retain(|_| index.next().is_none_or(|index| !gone.contains(&index)));
        self.prune();
        Ok(())
    }

    /// The `Add` after convolution `index`, and the constant it adds, if that is the bias which the convolution lacks.
    fn bias_added_to(&self, index: usize) -> Option<(usize, String)> {
        let conv = self.nodes.get(index).filter(|node| node.op_type == "Conv" && node.domain.is_empty())?;
        let product = conv.output(0).filter(|_| conv.input(2).is_none())?;
        let filters = *self.initializers.get(conv.input(1)?)?.shape().first()?;
        let is_output = self.outputs.iter().any(|output| output.name == product);
        let mut readers =
            self.nodes.iter().enumerate().filter(|(_, node)| node.inputs.iter().any(|name| name == product));
        let (add, node) = readers.next().filter(|_| !is_output)?;
        if readers.next().is_some() || node.op_type != "Add" || !node.domain.is_empty() || node.output(0).is_none() {
            return None;
        }
        let bias = node.inputs.iter().find(|name| *name != product)?;
        let shape = self.initializers.get(bias)?.shape();
        let each_channel = [1, filters, 1, 1];
        (shape == each_channel || shape == &each_channel[1..]).then(|| (add, bias.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{DataType, Dim, Node, Tensor, ValueInfo};

    /// A graph from `x` [n, 1, 4, 4] to `y`.
    fn graph(nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
        let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
        let shape = vec![Dim::Symbol("n".to_owned()), 1.into(), 4.into(), 4.into()];
        Graph {
            opset: 17,
            inputs: vec![value("x", Some(shape))],
            outputs: vec![value("y", None)],
            nodes,
            initializers: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
            ..Graph::default()
        }
    }

    #[test]
    fn what_is_added_to_each_channel_is_the_bias() {
        let nodes = |offset: &str| vec![Node::new("Conv", ["x", "k"], ["a"]), Node::new("Add", [offset, "a"], ["y"])];
        let constants = || {
            vec![
                ("k", Tensor::from_floats(&[2, 1, 1, 1], &[1.0, 2.0])),
                ("each", Tensor::from_floats(&[1, 2, 1, 1], &[3.0, 4.0])),
                ("along", Tensor::from_floats(&[4], &[0.0; 4])),
            ]
        };
        let mut folded = graph(nodes("each"), constants());
        folded.fold_biases().unwrap();
        assert_eq!(folded.nodes, [Node { name: "a".to_owned(), ..Node::new("Conv", ["x", "k", "each/bias"], ["y"]) }]);
        assert_eq!(folded.initializers["each/bias"], Tensor::from_floats(&[2], &[3.0, 4.0]));
        let mut other = graph(nodes("along"), constants());
        other.fold_biases().unwrap();
        assert_eq!(other.nodes, nodes("along"));
    }
}
