//! From a model's files to a graph that can be served.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Labels, Preprocessing, conventions::Conventions, inference::Inferences, manifest::Manifest};
use crate::{
    error::{Error, Result},
    onnx::{ChosenOutput, Classifier, DataType, Dim, Graph, Layer, Layout, Shapes, layers},
    runtime::Weights,
};

/// A graph that can be served, and what was understood on the way.
pub(super) struct Intake {
    pub graph: Graph,
    pub shapes: Shapes,
    pub classifier: Classifier,
    pub layers: Vec<Layer>,
    pub preprocessing: Preprocessing,
    pub origin: Origin,
}

/// A model's file as it came, before it was brought to the form that is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Origin {
    /// What wrote it; empty if it does not say.
    #[schema(examples("pytorch 2.9.0"))]
    pub producer: String,
    /// The version of ONNX's operators.
    #[schema(examples(17))]
    pub opset: i64,
    /// The input that takes the picture.
    #[schema(examples("input"))]
    pub input: String,
    /// Where that has its channels.
    pub layout: Layout,
    /// The output that gives the classes' scores.
    #[schema(examples("logits"))]
    pub output: String,
    /// What it computes with.
    #[schema(examples("float32"))]
    pub numbers: &'static str,
    /// How many pictures one run takes; none stands for any number.
    pub batch: Option<usize>,
}

/// Brings `graph` to the form that is served, as `manifest` says, and else as `inferences` come to tell.
///
/// An error says what keeps the model from being served.
pub(super) fn take_in(
    graph: Graph,
    manifest: &Manifest,
    labels: Option<&Labels>,
    weights: &Weights,
    inferences: &mut Inferences<'_>,
) -> Result<Intake> {
    let (producer, opset) = (graph.producer.clone(), graph.opset);
    let by = if producer.is_empty() { "an unknown exporter" } else { &producer };
    inferences.found("file", format!("by {by}, operator set {opset}"));
    let mut graph = graph.upgrade()?;
    let converted = graph.use_float32()?;
    inferences.found("numbers", numbers(converted));
    let input = graph.take_pictures()?;
    inferences.found("input", format!("`{}`, {}", input.name, input.layout));
    let conventions = Conventions::of(&graph, &input);
    let section = manifest.preprocessing.clone().unwrap_or_default().completed(&conventions, inferences);
    let size = manifest.size(input.size, &conventions, inferences)?;
    let preprocessing = section.resolve(size)?;
    inferences.found("size", format!("{}x{}", preprocessing.width(), preprocessing.height()));
    inferences.found("preprocessing", preprocessing.to_string());
    inferences.found("resize", preprocessing.resize());
    graph.fix_picture_size(&input.name, size);

    let output = fit(&mut graph, &input.name, manifest, labels)
        .map_err(|error| if input.size.contains(&None) { with_size(&error, size) } else { error })?;
    if let Some(reason) = output.reason {
        inferences.note("output", output.name.as_str(), reason);
    }
    inferences.found("output", format!("`{}`", output.name));
    let pictures = match batch(&graph, &input.name).as_ref().and_then(Dim::size) {
        None => "any number of pictures".to_owned(),
        Some(1) => "one picture".to_owned(),
        Some(batch) => format!("{batch} pictures"),
    };
    inferences.found("batch", format!("{pictures} in one run"));
    weights.hold(&mut graph);
    let mut shapes = graph.shapes()?;
    // Before what is added for want of a softmax, which is no layer of the model's.
    let layers = layers(&graph, &shapes);
    let classifier = Classifier::find(&mut graph, &mut shapes, &input.name)?;
    let batch = shapes.get(&input.name).and_then(|shape| shape.first()).and_then(Dim::size);
    let origin = Origin {
        producer,
        opset,
        input: input.name,
        layout: input.layout,
        output: output.name,
        numbers: numbers(converted),
        batch,
    };
    Ok(Intake { graph, shapes, classifier, layers, preprocessing, origin })
}

/// Brings the graph, whose input has its size by now, to the form that is served, and finds its output.
fn fit(graph: &mut Graph, input: &str, manifest: &Manifest, labels: Option<&Labels>) -> Result<ChosenOutput> {
    graph.reshape_strided()?;
    let stated = batch(graph, input);
    let open = graph.open_batch(input)?;
    if let Some(stated) = stated.and_then(|batch| batch.size()).filter(|&stated| stated > 1 && !open) {
        let message =
            format!("it takes {stated} pictures at a time, no fewer and no more; export it for one, or for any number");
        return Err(Error::setup("invalid_model", message));
    }
    graph.fold_shapes()?;
    graph.bypass_no_ops(&graph.shapes()?);
    let output = graph.keep_classifier_output(manifest.output.name.as_deref(), labels.map(Labels::len))?;
    graph.keep_channels_first()?;
    graph.fold_biases()?;
    let rows = graph.shapes()?.remove(&output.name).and_then(|shape| shape.into_iter().next());
    if open && rows != batch(graph, input) {
        let message = format!("its output `{}` does not have a row for each picture", output.name);
        return Err(Error::setup("invalid_model", message));
    }
    Ok(output)
}

/// How many pictures `input` takes.
fn batch(graph: &Graph, input: &str) -> Option<Dim> {
    graph.inputs.iter().find(|value| value.name == input)?.shape.as_ref()?.first().cloned()
}

/// `error`, which may come of the size of pictures that the file leaves open.
fn with_size(error: &Error, [height, width]: [usize; 2]) -> Error {
    let message = format!(
        "{error}; the file leaves the size of pictures open, and they were taken to be {width}x{height}: if that is wrong, \
         say `size` in [preprocessing] of model.toml"
    );
    Error { message, ..error.clone() }
}

/// What a file computes with, where that is not float32 by itself.
fn numbers(converted: Option<DataType>) -> &'static str {
    match converted {
        Some(DataType::Float16) => "float16",
        Some(DataType::Bfloat16) => "bfloat16",
        Some(DataType::Double) => "float64",
        _ => "float32",
    }
}
