//! Targets of `Reshape` that depend on nothing but the batch, as constants.

use std::collections::HashMap;

use super::{Element, Inference};
use crate::onnx::{Dim, Graph, Tensor};

/// Constant targets for the `Reshape` nodes whose computed one can be said by 0 and -1, by the name of what the node makes.
///
/// `folded` are the values that become constants anyhow.
pub(super) fn constant_targets(inference: &Inference<'_>, folded: &HashMap<String, Tensor>) -> HashMap<String, Tensor> {
    let mut targets = HashMap::new();
    for node in inference.graph.nodes.iter().filter(|node| node.op_type == "Reshape" && node.domain.is_empty()) {
        let (Some(target), Some(output)) = (node.input(1), node.output(0)) else { continue };
        let constant = folded.contains_key(target) || inference.graph.initializers.contains_key(target);
        let (Some(list), Some(shape)) = (inference.list(node, 1), inference.shape(node, 0)) else { continue };
        // With `allowzero`, 0 does not keep a length but is one.
        if !constant
            && node.int("allowzero", 0) == 0
            && let Some(target) = spelled(list, shape)
        {
            targets.insert(output.to_owned(), Tensor::from_ints(&target));
        }
    }
    targets
}

/// The target in numbers: a length known only in a run is 0 where the input has it at the same place, and -1 once.
fn spelled(target: &[Element], input: &[Dim]) -> Option<Vec<i64>> {
    let mut rest = target.contains(&Element::Int(-1));
    let number = |(index, element): (usize, &Element)| match element {
        Element::Int(number) => Some(*number),
        Element::Symbol(symbol) if input.get(index) == Some(&Dim::Symbol(symbol.clone())) => Some(0),
        Element::Symbol(_) if !rest => {
            rest = true;
            Some(-1)
        }
        Element::Symbol(_) | Element::Float(_) => None,
    };
    target.iter().enumerate().map(number).collect()
}

/// Makes the targets inputs of their nodes.
pub(super) fn set_targets(graph: &mut Graph, targets: HashMap<String, Tensor>) {
    for (output, target) in targets {
        let name = format!("{output}/target");
        let node = graph.nodes.iter_mut().find(|node| node.output(0) == Some(&output));
        if let Some(node) = node.filter(|_| !graph.initializers.contains_key(&name)) {
            node.inputs[1].clone_from(&name);
            graph.initializers.insert(name, target);
        }
    }
}
