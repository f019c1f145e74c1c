//! What gradient ascent on a picture needs at each step: a unit's activation, and its gradient with respect to the picture.

use ndarray::{Array4, ArrayD, ArrayView4, Axis};

use super::{
    ClassRef, Model,
    programs::{Aside, Fed, values},
};
use crate::{
    autodiff::{self, COTANGENT, Rule, Vjp, gradient_name},
    error::{Error, Result},
    onnx::{DataType, Dim, Graph, Node, ValueInfo},
    runtime::{Cancellation, Input},
};

/// The output that holds the unit's activation.
const ACTIVATION: &str = "glassbox/activation";

/// One unit of a model, whose activation can be made large: a class's logit or a layer's filter.
///
/// The activation is the one before the activation function, for where a `ReLU` is 0 it has no gradient to climb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The graph value [N, units, ...] that it belongs to.
    value: String,
    /// Its place in that value.
    index: usize,
}

impl Unit {
    /// The class's or filter's index.
    pub fn index(&self) -> usize {
        self.index
    }
}

/// The compiled way from a picture to a unit, and its gradient.
///
/// Only the part of the model that leads to the unit is in it.
#[derive(Debug)]
pub struct Ascent {
    program: Aside,
    input: String,
    size: (usize, usize),
    /// The gradient of the unit's mean with respect to its value, [1, units, ...].
    cotangent: ArrayD<f32>,
}

impl Model {
    /// The unit that is the logit of `class`; a 422 for an unknown class.
    pub fn class_unit(&self, class: &ClassRef) -> Result<Unit> {
        Ok(Unit { value: self.programs.logits().to_owned(), index: self.labels.resolve(class)? })
    }

    /// The unit that is a `filter` of `layer`: a channel of feature maps, or one number of a dense layer.
    ///
    /// A 422 for an unknown layer, one that has no such units, or a filter index out of range.
    pub fn filter_unit(&self, layer: &str, filter: usize) -> Result<Unit> {
        let layer = self.layer(layer)?;
        let units = match layer.output_shape.as_slice() {
            [_, units] if !layer.inputs.is_empty() => units.size(),
            [_, units, _, _] if !layer.inputs.is_empty() && layer.has_feature_maps() => units.size(),
            _ => None,
        };
        let units = units.ok_or_else(|| {
            let message = format!(
                "layer `{}` has no filters to maximise: name a convolution, a dense layer or a pool",
                layer.name
            );
            Error::unprocessable("unsuitable_layer", message)
        })?;
        if filter >= units {
            let message =
                format!("layer `{}` has no filter {filter}: its filters go from 0 to {}", layer.name, units - 1);
            return Err(Error::unprocessable("filter_out_of_range", message));
        }
        Ok(Unit { value: layer.preactivation.clone(), index: filter })
    }

    /// Compiles the way to `unit` from pictures of `height` x `width` pixels.
    ///
    /// A size other than the model's own, where the way to the unit depends on it, is a 422; so is a way that cannot be
    /// differentiated.
    pub fn ascent(&self, unit: &Unit, (height, width): (usize, usize)) -> Result<Ascent> {
        let own = (self.preprocessing.height(), self.preprocessing.width());
        self.compile_ascent(unit, (height, width)).map_err(|error| {
            if (height, width) == own {
                return error;
            }
            let message = format!(
                "pictures of {width}x{height} do not fit the way to what is maximised ({error}); leave `size` out for the \
                 model's own {}x{}: dense layers need that",
                own.1, own.0
            );
            Error::unprocessable("unsuitable_size", message)
        })
    }

    fn compile_ascent(&self, unit: &Unit, size: (usize, usize)) -> Result<Ascent> {
        let (input, value) = (self.input(), unit.value.as_str());
        let mut graph = self.programs.graph().forward_to(&[value])?;
        resize_input(&mut graph, input, size);
        let shapes = graph.shapes()?;
        let cotangent = mean_cotangent(shapes.get(value).map_or(&[], Vec::as_slice), unit)?;
        let vjp = Vjp { rule: Rule::Standard, wrt: vec![input] };
        let bytes = values(&graph, &shapes);
        let mut graph = autodiff::differentiate(&graph, &shapes, value, &[vjp], &[value])?;
        output_activation(&mut graph, value);
        let program = self.programs.compile_aside(&graph, "ascent", Fed::One, bytes)?;
        Ok(Ascent { program, input: input.to_owned(), size, cotangent })
    }
}

impl Ascent {
    /// The height and width of its pictures.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// The unit's activation for `input` [1, 3, H, W], its mean over all positions, and the gradient [1, 3, H, W].
    pub fn run(&self, input: &ArrayView4<'_, f32>, cancellation: &Cancellation) -> Result<(f32, Array4<f32>)> {
        let picture = input.as_standard_layout();
        let inputs = vec![
            (self.input.as_str(), Input::Floats(picture.view().into_dyn())),
            (COTANGENT, Input::Floats(self.cotangent.view())),
        ];
        let mut outputs = self.program.run(inputs, cancellation)?;
        let value = outputs.remove(ACTIVATION).map(|value| value.sum());
        let gradient = outputs
            .remove(&gradient_name(Rule::Standard, &self.input))
            .and_then(|gradient| gradient.into_dimensionality().ok());
        value.zip(gradient).ok_or_else(|| Error::internal("an ascent's program lacks an output"))
    }
}

/// Makes `graph` give the unit's activation, which the cotangent picks, instead of the whole `value`.
fn output_activation(graph: &mut Graph, value: &str) {
    graph.nodes.push(Node::new("Mul", [value, COTANGENT], ["glassbox/picked"]));
    graph.nodes.push(Node::new("ReduceSum", ["glassbox/picked"], [ACTIVATION]).with_int("keepdims", 0));
    graph.outputs.retain(|output| output.name != value);
    graph.outputs.push(ValueInfo { name: ACTIVATION.into(), dtype: DataType::Float, shape: Some(Vec::new()) });
}

fn resize_input(graph: &mut Graph, input: &str, (height, width): (usize, usize)) {
    let mut resized = false;
    for shape in graph.inputs.iter_mut().filter(|value| value.name == input).filter_map(|value| value.shape.as_mut()) {
        if let [_, _, rows, columns] = shape.as_mut_slice() {
            let size = [Dim::Size(height), Dim::Size(width)];
            resized |= size != [rows.clone(), columns.clone()];
            [*rows, *columns] = size;
        }
    }
    if resized {
        // What the file states was of the model's own size.
        graph.stated.clear();
    }
}

/// The gradient of the unit's mean over all positions with respect to its value of `shape` [N, units, ...], for one picture.
fn mean_cotangent(shape: &[Dim], unit: &Unit) -> Result<ArrayD<f32>> {
    let sizes: Option<Vec<usize>> = shape.iter().skip(1).map(Dim::size).collect();
    let sizes = sizes.filter(|sizes| !sizes.is_empty() && !sizes.contains(&0)).ok_or_else(|| {
        let message = format!("the size of `{}` cannot be told from the picture's", unit.value);
        Error::unprocessable("unknown_shape", message)
    })?;
    let positions: usize = sizes[1..].iter().product();
    let mut cotangent = ArrayD::zeros([&[1], sizes.as_slice()].concat());
    cotangent.index_axis_mut(Axis(1), unit.index).fill(1.0 / positions as f32);
    Ok(cotangent)
}
