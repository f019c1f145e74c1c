//! The walk back through the graph.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::context::Context;
use super::{Error, Result, rules};
use crate::onnx::{DataType, Dim, Graph, Node, Shape, Shapes, ValueInfo};

/// The input of a gradient graph that takes the cotangent: floats of the target's shape, with a batch of its own.
pub const COTANGENT: &str = "cotangent";

/// The symbol of the cotangent's batch, which is also the gradients' batch.
pub const COTANGENT_BATCH: &str = "cotangent_batch";

/// How a gradient passes a rectifier (`Relu`, and `Clip` from 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The derivative: `dx = dy * [x > 0]`.
    Standard,
    /// Guided backpropagation: `dx = dy * [dy > 0] * [x > 0]`.
    Guided,
    /// DeconvNet: `dx = dy * [dy > 0]`.
    Deconvnet,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::Guided => "guided",
            Self::Deconvnet => "deconvnet",
        })
    }
}

/// One walk back: by which rule, and to which values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vjp<'a> {
    /// How the gradient passes rectifiers.
    pub rule: Rule,
    /// The values to differentiate with respect to: graph inputs, or values that nodes make.
    pub wrt: Vec<&'a str>,
}

/// The name of the output that holds the gradient with respect to `value` by `rule`.
pub fn gradient_name(rule: Rule, value: &str) -> String {
    format!("gradient/{rule}/{value}")
}

/// The graph of the gradients of `target` asked for in `vjps`.
///
/// Its outputs are `forward_outputs` (values of `graph`), then the gradients in the order of `vjps`, named by
/// [`gradient_name`]. It has the inputs of `graph` and [`COTANGENT`]. Of the forward pass only what the outputs
/// need is left, once, however many rules and values are asked for.
///
/// `shapes` are those of `graph`; sizes beyond the batch must be known wherever a rule needs them.
pub fn differentiate(
    graph: &Graph,
    shapes: &Shapes,
    target: &str,
    vjps: &[Vjp<'_>],
    forward_outputs: &[&str],
) -> Result<Graph> {
    let known: HashSet<&str> = graph
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .chain(graph.nodes.iter().flat_map(|node| node.outputs.iter().map(String::as_str)))
        .collect();
    let wanted = vjps.iter().flat_map(|vjp| vjp.wrt.iter().copied());
    if let Some(name) = forward_outputs.iter().copied().chain([target]).chain(wanted).find(|name| !known.contains(name))
    {
        return Err(Error::UnknownValue(name.to_owned()));
    }

    let mut context = Context::new(graph, shapes);
    let mut outputs: Vec<ValueInfo> = forward_outputs.iter().map(|name| forward_output(graph, shapes, name)).collect();
    let mut gradients = Vec::new();
    for vjp in vjps {
        for (value, cotangent) in walk_back(&mut context, graph, target, vjp)? {
            let name = gradient_name(vjp.rule, value);
            outputs.push(info(&name, with_cotangent_batch(shapes.get(value))));
            gradients.push((cotangent, name));
        }
    }

    let mut result = context.finish();
    name_outputs(&mut result, gradients);
    result.inputs.push(info(COTANGENT, with_cotangent_batch(shapes.get(target))));
    result.outputs = outputs;
    result.prune();
    Ok(result)
}

/// Carries the cotangent of `target` back to the values of one VJP, and returns theirs.
fn walk_back<'v>(
    context: &mut Context<'_>,
    graph: &Graph,
    target: &str,
    vjp: &Vjp<'v>,
) -> Result<Vec<(&'v str, String)>> {
    context.begin(vjp.rule, active_values(graph, &vjp.wrt));
    let mut cotangents: HashMap<&str, String> = HashMap::from([(target, COTANGENT.to_owned())]);
    for node in graph.nodes.iter().rev() {
        if !node.inputs.iter().any(|name| context.is_active(name)) {
            continue;
        }
        for (index, output) in node.outputs.iter().enumerate() {
            let Some(cotangent) = cotangents.get(output.as_str()).cloned() else { continue };
            for (input, contribution) in rules::vjp(context, node, index, &cotangent)? {
                let Some(name) = node.input(input).filter(|name| context.is_active(name)) else { continue };
                let sum = match cotangents.remove(name) {
                    Some(earlier) => context.op("Add", [earlier, contribution]),
                    None => contribution,
                };
                cotangents.insert(name, sum);
            }
        }
    }
    vjp.wrt
        .iter()
        .map(|&value| match cotangents.get(value) {
            Some(cotangent) => Ok((value, cotangent.clone())),
            None => Err(Error::NotUpstream { value: value.to_owned(), target: target.to_owned() }),
        })
        .collect()
}

/// The values whose change with a `wrt` value a gradient can follow, those values included.
fn active_values(graph: &Graph, wrt: &[&str]) -> HashSet<String> {
    let mut active: HashSet<String> = wrt.iter().map(|&name| name.to_owned()).collect();
    for node in graph.nodes.iter().filter(|node| !rules::is_locally_constant(node)) {
        if node.inputs.iter().any(|name| active.contains(name)) {
            active.extend(node.outputs.iter().filter(|name| !name.is_empty()).cloned());
        }
    }
    active
}

fn forward_output(graph: &Graph, shapes: &Shapes, name: &str) -> ValueInfo {
    let declared = graph.outputs.iter().find(|output| output.name == name);
    declared.cloned().unwrap_or_else(|| info(name, shapes.get(name).cloned()))
}

fn info(name: &str, shape: Option<Shape>) -> ValueInfo {
    ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape }
}

fn with_cotangent_batch(shape: Option<&Shape>) -> Option<Shape> {
    let mut shape = shape?.clone();
    if let Some(batch) = shape.first_mut() {
        *batch = Dim::Symbol(COTANGENT_BATCH.to_owned());
    }
    Some(shape)
}

/// Gives each computed value its output's name; by a copy where it already serves as another output or is the cotangent.
fn name_outputs(graph: &mut Graph, gradients: Vec<(String, String)>) {
    let mut renamed: HashMap<String, String> = HashMap::from([(COTANGENT.to_owned(), COTANGENT.to_owned())]);
    for (from, to) in gradients {
        if let Some(name) = renamed.get(&from) {
            graph.nodes.push(Node::new("Identity", [name.clone()], [to]));
            continue;
        }
        for name in graph.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain(&mut node.outputs)) {
            if *name == from {
                name.clone_from(&to);
            }
        }
        renamed.insert(from, to);
    }
}
