//! Topological order, and the check that every value is defined once.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{Error, Graph, Result};

/// Puts the nodes into topological order, keeping the order they have wherever it is one.
///
/// An error if a value is made twice, read but never made, or needs itself.
pub(super) fn sort(graph: &mut Graph) -> Result<()> {
    let order = {
        let producers = define_once(graph)?;
        check_defined(graph, &producers)?;
        order(graph, &producers)?
    };
    if order.is_sorted() {
        return Ok(());
    }
    let mut place = vec![0; order.len()];
    for (to, &from) in order.iter().enumerate() {
        place[from] = to;
    }
    let mut nodes: Vec<_> = place.into_iter().zip(std::mem::take(&mut graph.nodes)).collect();
    nodes.sort_by_key(|(place, _)| *place);
    graph.nodes = nodes.into_iter().map(|(_, node)| node).collect();
    Ok(())
}

/// The node that makes each value, `None` for inputs and initializers; an error if two things define one value.
fn define_once(graph: &Graph) -> Result<HashMap<&str, Option<usize>>> {
    let given = graph.inputs.iter().map(|input| &input.name).chain(graph.initializers.keys());
    let given = given.map(|name| (name.as_str(), None));
    let made = graph
        .nodes
        .iter()
        .enumerate()
        .flat_map(|(index, node)| node.outputs.iter().map(move |name| (name.as_str(), Some(index))));
    let mut producers = HashMap::new();
    for (name, producer) in given.chain(made.filter(|(name, _)| !name.is_empty())) {
        if producers.insert(name, producer).is_some() {
            return Err(Error::Invalid(format!("`{name}` is defined twice")));
        }
    }
    Ok(producers)
}

fn check_defined(graph: &Graph, producers: &HashMap<&str, Option<usize>>) -> Result<()> {
    for node in &graph.nodes {
        if let Some(name) = node.inputs.iter().find(|name| !name.is_empty() && !producers.contains_key(name.as_str())) {
            return Err(Error::Invalid(format!(
                "node `{}` ({}) reads `{name}`, which nothing defines",
                node.name, node.op_type
            )));
        }
    }
    match graph.outputs.iter().find(|output| !producers.contains_key(output.name.as_str())) {
        Some(output) => Err(Error::Invalid(format!("nothing defines the output `{}`", output.name))),
        None => Ok(()),
    }
}

/// Kahn's algorithm; of the nodes that can come next, the first in the file does.
fn order(graph: &Graph, producers: &HashMap<&str, Option<usize>>) -> Result<Vec<usize>> {
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    let mut waits_for = vec![0_usize; graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        for producer in node.inputs.iter().filter_map(|name| producers.get(name.as_str()).copied().flatten()) {
            readers[producer].push(index);
            waits_for[index] += 1;
        }
    }
    let mut ready: BinaryHeap<_> =
        waits_for.iter().enumerate().filter(|(_, n)| **n == 0).map(|(index, _)| Reverse(index)).collect();
    let mut order = Vec::with_capacity(graph.nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &reader in &readers[index] {
            waits_for[reader] -= 1;
            if waits_for[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    // A node that still waits is in a cycle or after one; one of those it waits for is in the same situation.
    match waits_for.iter().position(|&n| n > 0) {
        Some(index) => {
            let node = &graph.nodes[index];
            Err(Error::Invalid(format!(
                "node `{}` ({}) needs its own result: the graph has a cycle",
                node.name, node.op_type
            )))
        }
        None => Ok(order),
    }
}
