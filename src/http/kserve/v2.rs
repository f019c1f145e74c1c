//! Protocol V2, the Open Inference Protocol: health, metadata and inference with tensors in JSON.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName},
};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use utoipa::ToSchema;

use super::{
    MOST_INSTANCES,
    body::{self, Body},
    described::Refusal,
    numbers,
};
use crate::{
    error::{Error, Kind, Result, excerpt, quoted},
    explain::{Instance, Scores},
    http::{App, Problem, Served, operation::SMALL_PICTURE, upload::malformed},
    model::Model,
};

/// Says how much of the body is JSON, where tensors follow it as bytes.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// The outputs of every model.
const OUTPUTS: [&str; 2] = ["probabilities", "logits"];

/// The service
#[utoipa::path(get, path = "/v2", operation_id = "kserve_v2_server", tag = "kserve",
    responses((status = 200, description = "Its name, version and extensions.", body = Object,
        example = json!({"name": "glassbox", "version": "0.1.0", "extensions": []}))))]
pub(super) async fn server() -> Json<Value> {
    Json(json!({"name": "glassbox", "version": env!("CARGO_PKG_VERSION"), "extensions": []}))
}

/// Whether the service lives
#[utoipa::path(get, path = "/v2/health/live", operation_id = "kserve_v2_live", tag = "kserve",
    responses((status = 200, description = "It does.", body = Object, example = json!({"live": true}))))]
pub(super) async fn live() -> Json<Value> {
    Json(json!({"live": true}))
}

/// Whether the models are loaded
#[utoipa::path(get, path = "/v2/health/ready", operation_id = "kserve_v2_ready", tag = "kserve",
    responses(
        (status = 200, description = "They are.", body = Object, example = json!({"ready": true, "live": true})),
        (status = 503, description = "They are loading, or the service stops.", body = Refusal)
    ))]
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    app.check_ready()?;
    Ok(Json(json!({"ready": true, "live": true})))
}

/// The tensors of a model
#[utoipa::path(get, path = "/v2/models/{model}", operation_id = "kserve_v2_model", tag = "kserve",
    params(("model" = String, Path, description = "The model's name", example = "vgg16-caltech101")),
    responses(
        (status = 200, description = "Its inputs and outputs.", body = Object, example = json!({
            "name": "vgg16-caltech101", "platform": "onnx_onnxv1", "versions": [],
            "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 3, 224, 224]}],
            "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 101]}]
        })),
        (status = 404, description = "There is no such model.", body = Refusal),
        (status = 503, description = "Not ready, or broken.", body = Refusal)
    ))]
pub(super) async fn model(Served(model): Served) -> Json<Value> {
    let (height, width) = (model.preprocessing().height(), model.preprocessing().width());
    let outputs = OUTPUTS.map(|name| json!({"name": name, "datatype": "FP32", "shape": [-1, model.labels().len()]}));
    Json(json!({
        "name": model.name(),
        "versions": [],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": model.input(), "datatype": "FP32", "shape": [-1, 3, height, width]}],
        "outputs": outputs,
    }))
}

/// Whether a model can be asked
#[utoipa::path(get, path = "/v2/models/{model}/ready", operation_id = "kserve_v2_model_ready", tag = "kserve",
    params(("model" = String, Path, description = "The model's name", example = "vgg16-caltech101")),
    responses(
        (status = 200, description = "It can.", body = Object, example = json!({"name": "vgg16-caltech101", "ready": true})),
        (status = 404, description = "There is no such model.", body = Refusal),
        (status = 503, description = "Not ready, or broken.", body = Refusal)
    ))]
pub(super) async fn model_ready(Served(model): Served) -> Json<Value> {
    Json(json!({"name": model.name(), "ready": true}))
}

/// Tensors in.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct InferRequest {
    /// Comes back in the answer.
    #[serde(default)]
    id: Option<String>,
    /// The model's input.
    #[schema(min_items = 1, max_items = 1)]
    inputs: Vec<InputTensor>,
    /// The outputs wanted: `probabilities`, `logits`; all by default.
    #[serde(default)]
    #[schema(max_items = 2)]
    outputs: Option<Vec<OutputName>>,
    #[serde(default)]
    parameters: Option<Parameters>,
}

/// The model's input: FP32 numbers [N, 3, H, W], preprocessed already, or N pictures' files in base64 as BYTES.
#[derive(Debug, Deserialize, ToSchema)]
struct InputTensor {
    /// The input's name, as the model's metadata has it.
    #[schema(examples("input"))]
    name: String,
    /// `[N, 3, H, W]`, or `[N]` for BYTES.
    #[schema(min_items = 1, max_items = 4, example = json!([1]))]
    shape: Vec<usize>,
    /// `FP32` or `BYTES`.
    #[schema(pattern = "^(FP32|BYTES)$", examples("BYTES"))]
    datatype: String,
    /// Numbers, flat or nested; or texts.
    #[serde(default)]
    #[schema(value_type = Vec<Value>, example = json!([SMALL_PICTURE]))]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    parameters: Option<Parameters>,
}

/// An output that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
struct OutputName {
    /// `probabilities` or `logits`.
    #[schema(pattern = "^(probabilities|logits)$", examples("probabilities"))]
    name: String,
    #[serde(default)]
    parameters: Option<Parameters>,
}

/// What the binary extension asks for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = KserveParameters)]
struct Parameters {
    /// How many bytes after the JSON are this tensor's.
    #[serde(default, rename = "binary_data_size")]
    size: Option<usize>,
    /// Whether this output is wanted as bytes.
    #[serde(default, rename = "binary_data")]
    output: bool,
    /// Whether all outputs are wanted as bytes.
    #[serde(default, rename = "binary_data_output")]
    outputs: bool,
}

/// Tensors out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InferResponse {
    /// The model's name.
    #[schema(examples("vgg16-caltech101"))]
    model_name: String,
    /// That of the request, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The outputs.
    outputs: Vec<OutputTensor>,
}

/// An output.
#[derive(Debug, Serialize, ToSchema)]
struct OutputTensor {
    /// Its name.
    #[schema(examples("probabilities"))]
    name: &'static str,
    /// Always `FP32`.
    #[schema(examples("FP32"))]
    datatype: &'static str,
    /// [N, classes].
    #[schema(example = json!([1, 3]))]
    shape: [usize; 2],
    /// The numbers in row-major order.
    #[schema(example = json!([0.97, 0.02, 0.01]))]
    data: Vec<f32>,
}

/// What the model says of its input
///
/// One input: numbers that are preprocessed already, or pictures' files. An error is `{"error": "..."}`.
#[utoipa::path(post, path = "/v2/models/{model}/infer", operation_id = "kserve_v2_infer", tag = "kserve",
    params(("model" = String, Path, description = "The model's name", example = "vgg16-caltech101")),
    request_body = InferRequest,
    responses(
        (status = 200, description = "The outputs.", body = InferResponse),
        (status = 400, description = "A deadline is none, or a tensor is none that the model has.", body = Refusal),
        (status = 404, description = "There is no such model.", body = Refusal),
        (status = 501, description = "Outputs as bytes.", body = Refusal),
        (status = 503, description = "Not ready, or too busy.", body = Refusal)
    ))]
pub(super) async fn infer(
    State(app): State<Arc<App>>,
    Served(model): Served,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<InferResponse>, Problem> {
    let length = json_length(&headers, body.bytes.len())?;
    let limits = app.config().images.clone();
    let work = app.run(move |cancellation| {
        let (json, binary) = body.bytes.split_at(length);
        let request: InferRequest = body::parse(json)?;
        refuse_binary_outputs(&request)?;
        let wanted = wanted(request.outputs.as_deref())?;
        let [input] = request.inputs.as_slice() else {
            return Err(malformed(
                "input_count",
                format!("there are {} inputs: the model has one", request.inputs.len()),
            ));
        };
        let instances = instances(input, binary, &model)?;
        let scores = Scores::of(&instances, &model, &limits, cancellation)?;
        let shape = [instances.len(), model.labels().len()];
        let output = |name: &'static str| {
            let data = if name == OUTPUTS[0] { &scores.probabilities } else { &scores.logits };
            OutputTensor { name, datatype: "FP32", shape, data: data.clone() }
        };
        Ok(InferResponse {
            model_name: model.name().to_owned(),
            id: request.id,
            outputs: wanted.into_iter().map(output).collect(),
        })
    });
    Ok(Json(work.await?))
}

/// How many bytes of a body of `length` are JSON.
fn json_length(headers: &HeaderMap, length: usize) -> Result<usize> {
    let Some(value) = headers.get(&JSON_LENGTH) else { return Ok(length) };
    let stated = value.to_str().ok().and_then(|value| value.parse().ok()).filter(|stated| *stated <= length);
    stated.ok_or_else(|| malformed("json_length", format!("`{JSON_LENGTH}` is not the length of a part of the body")))
}

fn refuse_binary_outputs(request: &InferRequest) -> Result<()> {
    let binary = |parameters: &Option<Parameters>| {
        parameters.as_ref().is_some_and(|parameters| parameters.output || parameters.outputs)
    };
    let outputs = request.outputs.iter().flatten().any(|output| binary(&output.parameters));
    if outputs || binary(&request.parameters) {
        let message = "outputs come as JSON only: leave out `binary_data` and `binary_data_output`";
        return Err(Error::new(Kind::Unsupported, "binary_outputs", message));
    }
    Ok(())
}

/// The outputs that are asked for.
fn wanted(names: Option<&[OutputName]>) -> Result<Vec<&'static str>> {
    let Some(names) = names.filter(|names| !names.is_empty()) else { return Ok(OUTPUTS.to_vec()) };
    let known = |wanted: &OutputName| {
        OUTPUTS.into_iter().find(|name| *name == wanted.name).ok_or_else(|| {
            let message = format!("there is no output `{}`: there are {}", excerpt(&wanted.name), quoted(OUTPUTS));
            malformed("unknown_output", message)
        })
    };
    if names.len() > OUTPUTS.len() {
        return Err(malformed("unknown_output", "an output is asked for more than once"));
    }
    names.iter().map(known).collect()
}

/// The pictures in `input`, whose bytes are in `binary` if they are not in JSON.
fn instances(input: &InputTensor, binary: &[u8], model: &Model) -> Result<Vec<Instance>> {
    if input.name != model.input() {
        let message = format!("there is no input `{}`: the model's is `{}`", excerpt(&input.name), model.input());
        return Err(malformed("unknown_input", message));
    }
    let count = input.shape.first().copied().unwrap_or_default();
    if count == 0 || count > MOST_INSTANCES {
        return Err(malformed(
            "instance_count",
            format!("the first of `shape` is {count}: send 1 to {MOST_INSTANCES}"),
        ));
    }
    match &*input.datatype {
        "FP32" => {
            let numbers = floats(input, binary, model)?;
            Ok(numbers.chunks_exact(numbers.len() / count).map(|numbers| Instance::Input(numbers.to_vec())).collect())
        }
        "BYTES" if input.shape.len() == 1 => files(input, count),
        other => {
            let message = format!("the input is FP32 of four dimensions, or BYTES of one, not {}", excerpt(other));
            Err(malformed("unsupported_tensor", message))
        }
    }
}

fn floats(input: &InputTensor, binary: &[u8], model: &Model) -> Result<Vec<f32>> {
    let (height, width) = (model.preprocessing().height(), model.preprocessing().width());
    let &[count, 3, rows, columns] = input.shape.as_slice() else {
        return Err(malformed("wrong_shape", format!("the model's input is [N, 3, {height}, {width}]")));
    };
    if [rows, columns] != [height, width] {
        return Err(malformed("wrong_shape", format!("the model's input is [N, 3, {height}, {width}]")));
    }
    let length = count * 3 * height * width;
    if let Some(json) = input.data.as_deref().map(RawValue::get) {
        let is_nested = json.get(1..).is_some_and(|rest| rest.trim_start().starts_with('['));
        let flat = [length];
        return numbers::read(json, if is_nested { &input.shape } else { &flat });
    }
    let stated = input.parameters.as_ref().and_then(|parameters| parameters.size);
    let expected = length * size_of::<f32>();
    if stated != Some(expected) || binary.len() != expected {
        let message = format!("there is no `data`, nor are there {expected} bytes of it after the JSON");
        return Err(malformed("missing_data", message));
    }
    let numbers: Vec<f32> = binary.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if !numbers.iter().all(|number| number.is_finite()) {
        return Err(malformed("malformed_tensor", "a number of the input is not finite"));
    }
    Ok(numbers)
}

fn files(input: &InputTensor, count: usize) -> Result<Vec<Instance>> {
    let data =
        input.data.as_deref().ok_or_else(|| malformed("missing_data", "BYTES come as `data`, texts in base64"))?;
    let texts: Vec<String> = body::parse(data.get().as_bytes())?;
    if texts.len() != count {
        return Err(malformed("wrong_shape", format!("`data` has {} texts rather than {count}", texts.len())));
    }
    let file = |text: &String| {
        let decoded = BASE64_STANDARD.decode(text);
        let decoded = decoded.map_err(|error| malformed("malformed_base64", format!("a text is not base64: {error}")));
        decoded.map(|bytes| Instance::File(bytes.into()))
    };
    texts.iter().map(file).collect()
}
