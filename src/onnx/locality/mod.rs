//! The part of a graph in which a change of some pixels stays local.
//!
//! An element of a feature map depends on a small part of the picture. So when only a patch of the picture changes, only a part
//! of each feature map does. [`Graph::locality`] finds the steps for which that holds and says how far each of them looks.

mod reach;
mod rules;

use std::collections::{HashMap, HashSet};

pub use reach::Reach;
use rules::Local;

use super::{DataType, Dim, Graph, Node, Result, Shapes, ValueInfo};

/// The local part of a graph, and where the rest begins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Locality {
    /// The local computations, each after those it reads from.
    pub steps: Vec<Step>,
    /// The local values, all [N, C, H, W], that the rest of the graph reads.
    pub frontier: Vec<String>,
}

/// One local computation: a convolution, a pool, or something for each element, with the functions of each element that follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The local values that it reads, each [N, C, H, W].
    pub inputs: Vec<String>,
    /// The value it gives, [N, C, H, W].
    pub output: String,
    /// How rows of the output depend on rows of the inputs.
    pub rows: Reach,
    /// The same for columns.
    pub columns: Reach,
    /// What the computation reads beyond the border of its inputs.
    pub border: f32,
    /// The nodes, which expect the border as part of their inputs.
    pub nodes: Vec<Node>,
    /// How many multiplications make the whole output, for one picture.
    pub work: u64,
}

impl Graph {
    /// The local part of the graph, as seen from its input `picture` [N, C, H, W].
    pub fn locality(&self, shapes: &Shapes, picture: &str) -> Locality {
        let mut walk = Walk { graph: self, shapes, local: HashSet::new(), steps: Vec::new() };
        if walk.sizes(picture).is_some() {
            walk.local.insert(picture.to_owned());
        }
        let consumers = self.consumers();
        let mut frontier = Vec::new();
        for node in &self.nodes {
            match walk.local(node) {
                Some(local) => walk.add(node, local, &consumers),
                None => frontier.extend(node.inputs.iter().filter(|name| walk.local.contains(*name)).cloned()),
            }
        }
        frontier
            .extend(self.outputs.iter().map(|output| &output.name).filter(|name| walk.local.contains(*name)).cloned());
        let mut seen = HashSet::new();
        frontier.retain(|name| seen.insert(name.clone()));
        Locality { steps: walk.steps, frontier }
    }

    /// A graph of `step` alone. Its inputs are crops of the step's inputs, border included.
    #[must_use]
    pub fn of_step(&self, step: &Step, shapes: &Shapes) -> Self {
        let crop = |name: &String| {
            let channels = shapes.get(name).and_then(|shape| shape.get(1)).cloned();
            let symbol = |symbol: &str| Dim::Symbol(format!("glassbox/{symbol}"));
            let shape = channels.map(|channels| vec![symbol("batch"), channels, symbol("rows"), symbol("columns")]);
            ValueInfo { name: name.clone(), dtype: DataType::Float, shape }
        };
        self.part(step.inputs.iter().map(crop).collect(), step.nodes.clone(), &[&step.output])
    }

    /// The graph from the values `from` to the values `to`.
    ///
    /// An error if one of `to` depends on an input of the graph by another way.
    pub fn between(&self, from: &[String], to: &[&str], shapes: &Shapes) -> Result<Self> {
        let input =
            |name: &String| ValueInfo { name: name.clone(), dtype: DataType::Float, shape: shapes.get(name).cloned() };
        let makes_none = |node: &&Node| !node.outputs.iter().any(|name| from.contains(name));
        let nodes = self.nodes.iter().filter(makes_none).cloned().collect();
        let part = self.part(from.iter().map(input).collect(), nodes, to);
        let made: HashSet<&str> = part.nodes.iter().flat_map(|node| node.outputs.iter().map(String::as_str)).collect();
        let known = |name: &&String| {
            made.contains(name.as_str()) || from.contains(name) || part.initializers.contains_key(*name)
        };
        let read = part.nodes.iter().flat_map(|node| node.inputs.iter().filter(|name| !name.is_empty()));
        match read.chain(part.outputs.iter().map(|output| &output.name)).find(|name| !known(name)) {
            Some(name) => Err(super::Error::Invalid(format!("`{name}` does not come from the values given"))),
            None => Ok(part),
        }
    }

    /// How many multiplications one picture takes.
    pub fn work(&self, shapes: &Shapes) -> u64 {
        self.nodes.iter().map(|node| rules::work(node, self, shapes)).fold(0, u64::saturating_add)
    }

    fn part(&self, inputs: Vec<ValueInfo>, nodes: Vec<Node>, outputs: &[&str]) -> Self {
        let output = |name: &&str| ValueInfo { name: (*name).to_owned(), dtype: DataType::Float, shape: None };
        let outputs = outputs.iter().map(output).collect();
        let mut part = Self { inputs, outputs, nodes, ..self.clone() };
        part.prune();
        part
    }
}

struct Walk<'g> {
    graph: &'g Graph,
    shapes: &'g Shapes,
    local: HashSet<String>,
    steps: Vec<Step>,
}

impl Walk<'_> {
    /// The rows and columns of the feature maps `name`.
    fn sizes(&self, name: &str) -> Option<[usize; 2]> {
        match self.shapes.get(name)?.as_slice() {
            [_, Dim::Size(_), Dim::Size(rows), Dim::Size(columns)] => Some([*rows, *columns]),
            _ => None,
        }
    }

    /// How `node` is local, if it is and all it reads is.
    fn local(&self, node: &Node) -> Option<Local> {
        let output = node.output(0)?;
        let known = |name: &str| self.local.contains(name) || self.graph.initializers.contains_key(name);
        let reads = node.inputs.iter().filter(|name| !name.is_empty());
        if !node.domain.is_empty() || !reads.clone().all(|name| known(name)) || self.sizes(output).is_none() {
            return None;
        }
        let sizes: Vec<[usize; 2]> =
            reads.filter(|name| self.local.contains(*name)).filter_map(|name| self.sizes(name)).collect();
        rules::local(node, self.graph, &sizes, self.sizes(output)?)
    }

    fn add(&mut self, node: &Node, local: Local, consumers: &HashMap<&str, Vec<usize>>) {
        let output = node.output(0).unwrap_or_default().to_owned();
        self.local.insert(output.clone());
        let mut inputs: Vec<String> = node.inputs.iter().filter(|name| self.local.contains(*name)).cloned().collect();
        let mut seen = HashSet::new();
        inputs.retain(|name| seen.insert(name.clone()));
        let work = rules::work(node, self.graph, self.shapes);
        if let [input] = inputs.as_slice()
            && local.pointwise
            && consumers.get(input.as_str()).is_some_and(|readers| readers.len() == 1)
            && self.graph.outputs.iter().all(|output| output.name != *input)
            && let Some(step) = self.steps.iter_mut().find(|step| step.output == *input)
        {
            step.nodes.push(local.node);
            step.output = output;
            step.work += work;
            return;
        }
        let Local { rows, columns, border, node, .. } = local;
        self.steps.push(Step { inputs, output, rows, columns, border, nodes: vec![node], work });
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
