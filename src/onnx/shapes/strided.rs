//! Gathers that take everything in order.
//!
//! PyTorch's dynamo exporter writes some averages of feature maps with `as_strided`: it flattens a value, batch and all, and
//! gathers its elements again by indices that it computes from the batch. That is a `Reshape`, which keeps pictures apart.

use super::{Dim, Graph, Inference, Node, Result, Tensor};

/// Puts a `Reshape` in the place of each `Gather` that takes all elements of a flattened value in order.
pub(super) fn reshape_instead(graph: &mut Graph) -> Result<()> {
    let candidates: Vec<usize> = (0..graph.nodes.len()).filter(|&index| flattened(graph, index).is_some()).collect();
    if candidates.is_empty() {
        return Ok(());
    }
    // The indices are linear in the batch: what holds for one picture and for two holds for all.
    let batches =
        if fixed_batch(graph) { vec![graph.clone()] } else { vec![with_batch(graph, 1), with_batch(graph, 2)] };
    let runs = batches.iter().map(Inference::run).collect::<Result<Vec<_>>>()?;
    for index in candidates {
        let shapes: Option<Vec<Vec<usize>>> = runs.iter().map(|run| shape_in_order(run, &graph.nodes[index])).collect();
        let Some((source, shape)) =
            flattened(graph, index).map(str::to_owned).zip(shapes.and_then(|mut all| all.pop()))
        else {
            continue;
        };
        let target = format!("{}/shape", graph.nodes[index].outputs[0]);
        let sizes = shape.iter().skip(1).map(|&size| size as i64);
        let tensor = Tensor::from_ints(&std::iter::once(-1).chain(sizes).collect::<Vec<_>>());
        graph.initializers.insert(target.clone(), tensor);
        let node = &mut graph.nodes[index];
        *node = Node { name: node.name.clone(), ..Node::new("Reshape", [source, target], node.outputs.clone()) };
    }
    Ok(())
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
    let in_order = indices.list.iter().map(super::Element::int).eq((0..*length as i64).map(Some));
    in_order.then(|| indices.shape.clone())
}

fn fixed_batch(graph: &Graph) -> bool {
    let batch = |input: &crate::onnx::ValueInfo| input.shape.as_ref()?.first()?.size();
    graph.inputs.iter().all(|input| batch(input).is_some())
}

/// `graph` for `batch` pictures.
fn with_batch(graph: &Graph, batch: usize) -> Graph {
    let mut graph = graph.clone();
    for shape in graph.inputs.iter_mut().filter_map(|input| input.shape.as_mut()) {
        if let Some(first) = shape.first_mut().filter(|first| first.size().is_none()) {
            *first = Dim::Size(batch);
        }
    }
    graph
}
