//! Shape inference, with the arithmetic that exporters do on shapes.
//!
//! Lengths that are known only when the model runs stay symbols, so that one graph serves every batch. An operator that is
//! not known here is no error: its outputs have the shape that the file states, or none, and whoever needs it says so.

mod arithmetic;
mod calculate;
mod ceil_mode;
mod elements;
mod layout;
mod linear;
mod reshape;
mod strided;
mod weights;
mod window;

use std::collections::HashMap;

pub(super) use arithmetic::BROADCASTING;
use elements::{Element, Elements};

use super::{Dim, Error, Graph, Node, Result, Shape, Tensor, graph::shape_text};

/// The most elements that a value may have for one picture.
const MOST: usize = 1 << 32;

/// The shape of each value of a graph, by name.
pub type Shapes = HashMap<String, Shape>;

impl Graph {
    /// The shape of every value whose shape follows from those of the inputs and initializers.
    ///
    /// An error if a node breaks its operator's rules.
    pub fn shapes(&self) -> Result<Shapes> {
        Ok(Inference::run(self)?.shapes)
    }

    /// Replaces what follows from shapes and constants alone by initializers: exporters compute a `Reshape`'s target from its
    /// input, and leave copies of weights in other layouts to whoever runs the model.
    pub fn fold_shapes(&mut self) -> Result<()> {
        let inference = Inference::run(self)?;
        let mut folded: HashMap<String, Tensor> = HashMap::new();
        for name in self.nodes.iter().filter_map(|node| node.output(0)) {
            if let Some(tensor) = inference.elements.get(name).and_then(Elements::tensor) {
                folded.insert(name.to_owned(), tensor?);
            }
        }
        let targets = reshape::constant_targets(&inference, &folded);
        let shapes = inference.shapes;
        self.initializers.extend(folded);
        reshape::set_targets(self, targets);
        weights::fold(self, &shapes)?;
        let initializers = &self.initializers;
        self.nodes.retain(|node| node.output(0).is_none_or(|name| !initializers.contains_key(name)));
        self.prune();
        Ok(())
    }
}

/// What is known about the values of a graph so far.
struct Inference<'g> {
    graph: &'g Graph,
    shapes: Shapes,
    /// The elements of small tensors: shapes, parts of shapes and constants.
    elements: HashMap<String, Elements>,
}

impl<'g> Inference<'g> {
    fn run(graph: &'g Graph) -> Result<Self> {
        let mut inference = Self { graph, shapes: HashMap::new(), elements: HashMap::new() };
        for input in &graph.inputs {
            if let Some(shape) = &input.shape {
                inference.insert(&input.name, shape.clone())?;
            }
        }
        for (name, tensor) in &graph.initializers {
            inference.insert(name, tensor.shape().iter().map(|&size| Dim::Size(size)).collect())?;
            if let Some(elements) = Elements::of(tensor) {
                inference.elements.insert(name.clone(), elements);
            }
        }
        for node in &graph.nodes {
            let mut inferred = inference.infer(node)?.unwrap_or_default().into_iter();
            for name in &node.outputs {
                let shape = inferred.next().or_else(|| inference.stated(name).cloned());
                if let Some(shape) = shape.filter(|_| !name.is_empty()) {
                    inference.insert(name, shape)?;
                }
            }
            if let (Some(elements), Some(name)) = (elements::elements(&inference, node), node.output(0)) {
                inference.insert(name, elements.shape.iter().map(|&size| Dim::Size(size)).collect())?;
                inference.elements.insert(name.to_owned(), elements);
            }
        }
        Ok(inference)
    }

    /// Notes the shape of `value`; an error if no machine could hold it, so that arithmetic on the others cannot overflow.
    fn insert(&mut self, value: &str, shape: Shape) -> Result<()> {
        // A length of 0 makes no other one sensible.
        let lengths = shape.iter().filter_map(Dim::size).filter(|&length| length > 0);
        let elements = lengths.into_iter().try_fold(1_usize, usize::checked_mul);
        if elements.is_none_or(|elements| elements > MOST) {
            let shape = shape_text(&shape);
            return Err(Error::Invalid(format!("the shape of `{value}` is out of all proportion: {shape}")));
        }
        self.shapes.insert(value.to_owned(), shape);
        Ok(())
    }

    /// The shapes of the outputs of `node`, as far as they follow; `None` when nothing does.
    fn infer(&self, node: &Node) -> Result<Option<Vec<Shape>>> {
        if !node.domain.is_empty() {
            return Ok(None);
        }
        let one = |shape: Option<Shape>| shape.map(|shape| vec![shape]);
        Ok(match node.op_type.as_str() {
            "Conv" => one(window::conv(self, node)?),
            "ConvTranspose" => one(window::conv_transpose(self, node)),
            "MaxPool" => window::pool(self, node)?.map(|shape| vec![shape.clone(), shape]),
            "AveragePool" | "LpPool" => one(window::pool(self, node)?),
            "GlobalAveragePool" | "GlobalMaxPool" => one(window::global(self, node)),
            "Gemm" => one(linear::gemm(self, node)?),
            "MatMul" => one(linear::matmul(self, node)?),
            "Split" => layout::split(self, node),
            "Flatten" => one(layout::flatten(self, node)),
            "Reshape" => one(layout::reshape(self, node)?),
            "Transpose" => one(layout::transpose(self, node)),
            "Concat" => one(layout::concat(self, node)),
            "Squeeze" => one(layout::squeeze(self, node)),
            "Unsqueeze" => one(layout::unsqueeze(self, node)),
            "Pad" => one(layout::pad(self, node)),
            "Slice" => one(layout::slice(self, node)),
            "Gather" => one(layout::gather(self, node)),
            "OneHot" => one(layout::one_hot(self, node)),
            "Expand" => one(layout::expand(self, node)),
            "Resize" => one(layout::resize(self, node)),
            "Tile" => one(layout::tile(self, node)),
            "DepthToSpace" => one(layout::depth_to_space(self, node)),
            "SpaceToDepth" => one(layout::space_to_depth(self, node)),
            "Shape" => {
                one(self.shape(node, 0).map(|shape| vec![Dim::Size(layout::shape_range(node, shape.len()).len())]))
            }
            "ConstantOfShape" => {
                one(self.integers(node, 0).map(|sizes| sizes.iter().map(|&n| Dim::Size(n.max(0) as usize)).collect()))
            }
            op if op.starts_with("Reduce") || op.starts_with("Arg") => one(layout::reduce(self, node)),
            op if arithmetic::BROADCASTING.contains(&op) => one(arithmetic::broadcast(self, node)),
            op if arithmetic::ELEMENTWISE.contains(&op) => one(self.shape(node, 0).cloned()),
            _ => None,
        })
    }

    /// The shape that the file states of `value`.
    fn stated(&self, value: &str) -> Option<&Shape> {
        let output = || self.graph.outputs.iter().find(|output| output.name == value)?.shape.as_ref();
        self.graph.stated.get(value).or_else(output)
    }

    /// The shape of input `index` of `node`, if it is known.
    fn shape(&self, node: &Node, index: usize) -> Option<&Shape> {
        self.shapes.get(node.input(index)?)
    }

    /// Input `index` of `node`, if it is a small tensor of known elements.
    fn elements(&self, node: &Node, index: usize) -> Option<&Elements> {
        self.elements.get(node.input(index)?)
    }

    /// The elements of input `index` of `node`, if they are known.
    fn list(&self, node: &Node, index: usize) -> Option<&[Element]> {
        self.elements(node, index).map(|elements| elements.list.as_slice())
    }

    /// The integers in input `index` of `node`, if they are all known.
    fn integers(&self, node: &Node, index: usize) -> Option<Vec<i64>> {
        self.list(node, index)?.iter().map(Element::int).collect()
    }

    /// The floats in input `index` of `node`, if they are all known.
    fn floats(&self, node: &Node, index: usize) -> Option<Vec<f32>> {
        self.list(node, index)?.iter().map(Element::float).collect()
    }
}

/// `axis` counted from the front, if it is one of `rank` axes.
pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(counted).ok().filter(|&axis| axis < rank)
}

/// A length that only a run tells, as axis `index` of what `node` makes.
fn open(node: &Node, index: usize) -> Dim {
    Dim::Symbol(format!("{}.{index}", node.output(0).unwrap_or_default()))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

#[cfg(test)]
mod fold_tests;
