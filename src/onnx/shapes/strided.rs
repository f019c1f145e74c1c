//! Gathers that take everything in order.
//!
//! PyTorch's dynamo exporter writes some averages of feature maps with `as_strided`: it flattens a value, batch and all, and
//! gathers its elements again by indices that it computes from the batch. That is a `Reshape`, which keeps pictures apart.

use super::{Dim, Element, Graph, Inference, Node, Result, Tensor};

impl Graph {
    /// Puts a `Reshape` in the place of each `Gather` that takes all elements of a flattened value in order.
    pub fn reshape_strided(&mut self) -> Result<()> {
        let candidates: Vec<usize> = (0..self.nodes.len()).filter(|&index| flattened(self, index).is_some()).collect();
        if candidates.is_empty() {
            return Ok(());
        }
        // The indices are linear in the batch: what holds for one picture and for two holds for all.
        let fixed = has_fixed_batch(self);
        let batches =
            if fixed { vec![self.clone()] } else { [1, 2].map(|batch| self.clone().with_batch(batch)).to_vec() };
        let runs = batches.iter().map(Inference::run).collect::<Result<Vec<_>>>()?;
        for index in candidates {
            let node = &self.nodes[index];
            let shapes: Option<Vec<Vec<usize>>> = runs.iter().map(|run| shape_in_order(run, node)).collect();
            if let (Some(source), Some([shape, ..])) = (flattened(self, index), shapes.as_deref()) {
                self.reshape_node(index, source.to_owned(), shape);
            }
        }
        Ok(())
    }

    /// Makes node `index` a `Reshape` of `source` to `shape`, but for the batch.
    fn reshape_node(&mut self, index: usize, source: String, shape: &[usize]) {
        let node = &mut self.nodes[index];
        let target = format!("{}/target", node.outputs[0]);
        let sizes = shape.iter().skip(1).map(|&size| size as i64);
        let sizes: Vec<i64> = std::iter::once(-1).chain(sizes).collect();
        let reshape = Node::new("Reshape", [source, target.clone()], node.outputs.clone());
        *node = Node { name: node.name.clone(), module: node.module.clone(), ..reshape };
        self.initializers.insert(target, Tensor::from_ints(&sizes));
    }
}

/// What node `index` gathers from, before that was flattened to one axis.
fn flattened(graph: &Graph, index: usize) -> Option<&str> {
    let node = &graph.nodes[index];
    let all =
        node.input(0).filter(|_| node.op_type == "Gather" && node.domain.is_empty() && node.int("axis", 0) == 0)?;
    let maker = graph.nodes[..index].iter().find(|maker| maker.output(0) == Some(all))?;
    let target = graph.initializers.get(maker.input(1).filter(|_| maker.op_type == "Reshape")?)?;
    (target.ints().ok()? == [-1]).then(|| maker.input(0)).flatten()
}

/// The shape that `node` gathers to, if it takes all elements in order.
fn shape_in_order(inference: &Inference<'_>, node: &Node) -> Option<Vec<usize>> {
    let [Dim::Size(length)] = inference.shape(node, 0)?.as_slice() else { return None };
    let indices = inference.elements(node, 1)?;
    let in_order = indices.list.iter().map(Element::int).eq((0..*length as i64).map(Some));
    in_order.then(|| indices.shape.clone())
}

fn has_fixed_batch(graph: &Graph) -> bool {
    let batch = |input: &crate::onnx::ValueInfo| input.shape.as_ref()?.first()?.size();
    graph.inputs.iter().all(|input| batch(input).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{DataType, ValueInfo};

    fn int(value: i64) -> Tensor {
        Tensor::from_ints(&[value]).reshaped(Vec::new()).unwrap()
    }

    /// What PyTorch's dynamo exporter writes for the mean of `x` [batch, 3, 1, 1]: its elements again, by `3 n + c`.
    fn as_strided(batch: Dim, channels: &[i64]) -> Graph {
        let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
        let nodes = vec![
            Node::new("Shape", ["x"], ["batch"]).with_int("end", 1),
            Node::new("Squeeze", ["batch"], ["n"]),
            Node::new("Reshape", ["x", "all"], ["flat"]),
            Node::new("Range", ["0", "n", "1"], ["pictures"]),
            Node::new("Mul", ["pictures", "3"], ["starts"]),
            Node::new("Unsqueeze", ["starts", "axes"], ["column"]),
            Node::new("Add", ["column", "channels"], ["indices"]),
            Node::new("Gather", ["flat", "indices"], ["strided"]),
            Node::new("Relu", ["strided"], ["y"]),
        ];
        let channels = Tensor::from_ints(channels).reshaped(vec![1, channels.len(), 1, 1]).unwrap();
        let lists =
            [("all", Tensor::from_ints(&[-1])), ("axes", Tensor::from_ints(&[1, 2, 3])), ("channels", channels)];
        let scalars = [("0", int(0)), ("1", int(1)), ("3", int(3))];
        let mut graph = Graph {
            opset: 18,
            inputs: vec![value("x", Some(vec![batch, 3.into(), 1.into(), 1.into()]))],
            outputs: vec![value("y", None)],
            nodes,
            initializers: lists.into_iter().chain(scalars).map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
            ..Graph::default()
        };
        graph.reshape_strided().unwrap();
        graph.prune();
        graph
    }

    #[test]
    fn a_gather_of_everything_in_order_is_a_reshape() {
        for batch in [Dim::Symbol("n".to_owned()), Dim::Size(2)] {
            let graph = as_strided(batch.clone(), &[0, 1, 2]);
            let nodes: Vec<_> = graph.nodes.iter().map(|node| node.op_type.as_str()).collect();
            assert_eq!(nodes, ["Reshape", "Relu"]);
            assert_eq!(graph.initializers[&graph.nodes[0].inputs[1]], Tensor::from_ints(&[-1, 3, 1, 1]));
            assert_eq!(graph.shapes().unwrap()["y"], [batch, 3.into(), 1.into(), 1.into()]);
        }
    }

    #[test]
    fn a_gather_of_something_else_stays() {
        for channels in [&[0, 2, 1], &[0, 1, 1]] {
            let graph = as_strided(Dim::Symbol("n".to_owned()), channels);
            assert_eq!(graph.nodes.iter().filter(|node| node.op_type == "Gather").count(), 1);
        }
    }
}
