//! From a file's bytes to a [`Graph`] whose invariants hold: named nodes in topological order, constants as initializers.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use bytes::Bytes;
use prost::Message;

use super::external::{Directory, map_file};
use super::proto::{
    AttributeProto, DimensionValue, EXTERNAL, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, ValueInfoProto, attribute_kind,
};
use super::{Attribute, DataType, Dim, Error, Graph, Node, Result, Shape, Tensor, ValueInfo, order};

/// The oldest and the newest operator set that is read.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=21;

/// The oldest file format that is read.
const OLDEST_IR: i64 = 3;

impl Graph {
    /// Reads a model from the bytes of its file, sharing its weights with `bytes`.
    ///
    /// An error if it is not ONNX, breaks its rules, has its weights in other files, or uses what is not supported.
    pub fn read(bytes: Bytes) -> Result<Self> {
        read(bytes, Directory::new(None))
    }

    /// Reads a model from `path`, with weights in files beside it if it says so; the files are mapped, not copied.
    ///
    /// An error as for [`Graph::read`], or if a file cannot be read or lies outside the model's directory.
    pub fn read_file(path: &Path) -> Result<Self> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        read(map_file(path)?, Directory::new(Some(directory.to_owned())))
    }
}

fn read(bytes: Bytes, mut directory: Directory) -> Result<Graph> {
    let model = ModelProto::decode(bytes).map_err(|error| Error::Invalid(error.to_string()))?;
    let opset = opset(&model)?;
    if let Some(function) = model.functions.first() {
        let name = &function.name;
        return Err(Error::Unsupported(format!(
            "it defines its own function `{name}`; inline functions first (onnx.inliner)"
        )));
    }
    // tf2onnx adds the commit that it was made of, which is None when it is a release.
    let version = model.producer_version.trim().trim_end_matches(" None");
    let producer = [model.producer_name.trim(), version].join(" ").trim().to_owned();
    let graph = model.graph.ok_or_else(|| Error::Invalid("it holds no graph".to_owned()))?;
    Ok(Graph { producer, ..graph_from_proto(graph, opset, &mut directory)? })
}

/// The version of ONNX's own operators; an error if it, or the file format, is not one that is read.
fn opset(model: &ModelProto) -> Result<i64> {
    let own = model.opset_import.iter().find(|import| own_domain(&import.domain).is_empty());
    let version =
        own.map(|import| import.version).ok_or_else(|| Error::Invalid("it states no operator set".to_owned()))?;
    if model.ir_version < OLDEST_IR {
        let ir = model.ir_version;
        return Err(Error::Unsupported(format!(
            "its file format (IR version {ir}) is older than {OLDEST_IR}; export the model again"
        )));
    }
    if !OPSETS.contains(&version) {
        let (first, last) = (OPSETS.start(), OPSETS.end());
        return Err(Error::Unsupported(format!(
            "it uses operator set {version}; export it with one from {first} to {last}"
        )));
    }
    Ok(version)
}

/// A domain with ONNX's own spelled as the empty string.
fn own_domain(domain: &str) -> &str {
    if domain == "ai.onnx" { "" } else { domain }
}

fn graph_from_proto(proto: GraphProto, opset: i64, directory: &mut Directory) -> Result<Graph> {
    if !proto.sparse_initializer.is_empty() {
        return Err(Error::Unsupported("it has sparse weights".to_owned()));
    }
    let mut initializers = BTreeMap::new();
    for mut tensor in proto.initializer {
        let name = std::mem::take(&mut tensor.name);
        let tensor = tensor_from_proto(&name, tensor, directory)?;
        insert_constant(&mut initializers, name, tensor)?;
    }
    let mut nodes = Vec::with_capacity(proto.node.len());
    for (index, node) in proto.node.into_iter().enumerate() {
        let node = node_from_proto(node, index, directory)?;
        if node.op_type == "Constant" && node.domain.is_empty() {
            let value = constant_value(&node)?;
            let name = node.output(0).ok_or_else(|| node.error("it has no output"))?;
            insert_constant(&mut initializers, name.to_owned(), value)?;
        } else {
            nodes.push(node);
        }
    }
    name_uniquely(&mut nodes);
    // Before IR version 4, every initializer had to be listed among the inputs.
    let real_inputs = proto.input.into_iter().filter(|input| !initializers.contains_key(&input.name));
    let inputs = real_inputs.map(value_from_proto).collect::<Result<Vec<_>>>()?;
    let outputs = proto.output.into_iter().map(value_from_proto).collect::<Result<Vec<_>>>()?;
    // A value of a kind that is not read here has no shape of use here.
    let stated = proto.value_info.into_iter().filter_map(|value| value_from_proto(value).ok());
    let stated = stated.filter_map(|value| Some((value.name, value.shape?))).collect();
    let mut graph =
        Graph { name: proto.name, producer: String::new(), opset, inputs, outputs, nodes, initializers, stated };
    order::sort(&mut graph)?;
    Ok(graph)
}

fn insert_constant(initializers: &mut BTreeMap<String, Tensor>, name: String, tensor: Tensor) -> Result<()> {
    if initializers.contains_key(&name) {
        return Err(Error::Invalid(format!("`{name}` is defined twice")));
    }
    initializers.insert(name, tensor);
    Ok(())
}

fn node_from_proto(proto: NodeProto, index: usize, directory: &mut Directory) -> Result<Node> {
    let name = if proto.name.is_empty() { format!("{}_{index}", proto.op_type) } else { proto.name };
    let domain = own_domain(&proto.domain).to_owned();
    let mut node = Node {
        name,
        module: module(&proto.metadata_props),
        op_type: proto.op_type,
        domain,
        inputs: proto.input,
        outputs: proto.output,
        attributes: BTreeMap::new(),
    };
    if node.outputs.is_empty() {
        return Err(node.error("it has no output"));
    }
    for mut attribute in proto.attribute {
        let name = std::mem::take(&mut attribute.name);
        let value = attribute_from_proto(&node, &name, attribute, directory)?;
        check_window(&node, &name, &value)?;
        node.attributes.insert(name, value);
    }
    Ok(node)
}

/// Refuses windows of no sensible size, so that arithmetic on the others cannot overflow.
fn check_window(node: &Node, name: &str, value: &Attribute) -> Result<()> {
    const WINDOW: [&str; 6] = ["dilations", "kernel_shape", "output_padding", "output_shape", "pads", "strides"];
    const LARGEST: u64 = 1 << 24;
    const LARGEST_BLOCK: u64 = 1 << 12;
    match value {
        Attribute::Int(size)
            if (name == "blocksize" && size.unsigned_abs() > LARGEST_BLOCK)
                || (name == "group" && size.unsigned_abs() > LARGEST) =>
        {
            Err(node.error(format!("its {name} {size} is too large")))
        }
        Attribute::Ints(values) if WINDOW.contains(&name) && values.iter().any(|v| v.unsigned_abs() > LARGEST) => {
            Err(node.error(format!("its {name} are out of all proportion: {values:?}")))
        }
        _ => Ok(()),
    }
}

/// The module that PyTorch's dynamo exporter notes: `layer1.0` of `['', 'layer1', 'layer1.0', 'add_1']`, whose last is the node itself.
fn module(metadata: &[StringStringEntryProto]) -> String {
    let scopes = metadata.iter().find(|entry| entry.key == "pkg.torch.onnx.name_scopes");
    let list = scopes.and_then(|entry| entry.value.strip_prefix('[')?.strip_suffix(']'));
    let quoted = list.and_then(|list| list.rsplit(", ").nth(1)).unwrap_or_default();
    quoted.trim_matches(['\'', '"']).to_owned()
}

/// Makes every node's name unique, leaving alone those that are.
fn name_uniquely(nodes: &mut [Node]) {
    let mut taken: HashSet<String> = nodes.iter().map(|node| node.name.clone()).collect();
    let mut seen = HashSet::with_capacity(nodes.len());
    for (index, node) in nodes.iter_mut().enumerate() {
        if !seen.insert(node.name.clone()) {
            // The node's index makes nearly every name unique at once; a name that was there before may need another digit.
            let mut name = format!("{}_{index}", node.name);
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            seen.insert(name.clone());
            node.name = name;
        }
    }
}

fn attribute_from_proto(
    node: &Node,
    name: &str,
    proto: AttributeProto,
    directory: &mut Directory,
) -> Result<Attribute> {
    let missing = || node.error(format!("attribute `{name}` has no value"));
    let text = |bytes: Bytes| {
        String::from_utf8(bytes.into()).map_err(|_| node.error(format!("attribute `{name}` is not text")))
    };
    Ok(match kind(&proto) {
        attribute_kind::FLOAT => Attribute::Float(proto.f.unwrap_or_default()),
        attribute_kind::INT => Attribute::Int(proto.i.unwrap_or_default()),
        attribute_kind::STRING => Attribute::String(text(proto.s.unwrap_or_default())?),
        attribute_kind::TENSOR => Attribute::Tensor(tensor_from_proto(name, proto.t.ok_or_else(missing)?, directory)?),
        attribute_kind::FLOATS => Attribute::Floats(proto.floats),
        attribute_kind::INTS => Attribute::Ints(proto.ints),
        attribute_kind::STRINGS => Attribute::Strings(proto.strings.into_iter().map(text).collect::<Result<_>>()?),
        attribute_kind::GRAPH | attribute_kind::GRAPHS => {
            let Node { name: node, op_type, .. } = node;
            return Err(Error::Unsupported(format!("node `{node}` ({op_type}) holds a subgraph (`{name}`)")));
        }
        other => {
            let Node { name: node, op_type, .. } = node;
            return Err(Error::Unsupported(format!(
                "node `{node}` ({op_type}): attribute `{name}` is of a kind ({other}) not read here"
            )));
        }
    })
}

/// Which field holds the attribute's value; some old writers left the kind out.
fn kind(proto: &AttributeProto) -> i32 {
    if proto.kind != attribute_kind::UNDEFINED {
        return proto.kind;
    }
    let present = [
        (attribute_kind::FLOAT, proto.f.is_some()),
        (attribute_kind::INT, proto.i.is_some()),
        (attribute_kind::STRING, proto.s.is_some()),
        (attribute_kind::TENSOR, proto.t.is_some()),
        (attribute_kind::GRAPH, proto.g.is_some()),
        (attribute_kind::FLOATS, !proto.floats.is_empty()),
        (attribute_kind::INTS, !proto.ints.is_empty()),
        (attribute_kind::STRINGS, !proto.strings.is_empty()),
        (attribute_kind::GRAPHS, !proto.graphs.is_empty()),
    ];
    present.iter().find(|(_, present)| *present).map_or(attribute_kind::UNDEFINED, |(kind, _)| *kind)
}

/// The value of a `Constant` node, whichever of its attributes holds it.
fn constant_value(node: &Node) -> Result<Tensor> {
    match node.attributes.iter().next() {
        Some((_, Attribute::Tensor(tensor))) => Ok(tensor.clone()),
        Some((_, Attribute::Float(value))) => Ok(Tensor::scalar(*value)),
        Some((_, Attribute::Int(value))) => Tensor::from_ints(&[*value]).reshaped(Vec::new()),
        Some((_, Attribute::Floats(values))) => Ok(Tensor::from_floats(&[values.len()], values)),
        Some((_, Attribute::Ints(values))) => Ok(Tensor::from_ints(values)),
        Some((_, Attribute::String(_) | Attribute::Strings(_))) => {
            Err(Error::Unsupported(format!("node `{}` (Constant) holds text", node.name)))
        }
        None => Err(node.error("it has no value")),
    }
}

fn tensor_from_proto(name: &str, proto: TensorProto, directory: &mut Directory) -> Result<Tensor> {
    let dtype = DataType::from_code(proto.data_type).ok_or_else(|| {
        Error::Unsupported(format!("tensor `{name}` has element type {}, which is not read here", proto.data_type))
    })?;
    let negative = |_| Error::Invalid(format!("tensor `{name}` has a negative dimension"));
    let shape = proto.dims.iter().map(|&d| usize::try_from(d)).collect::<Result<Vec<_>, _>>().map_err(negative)?;
    let length = shape.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
    let length = length.ok_or_else(|| Error::Invalid(format!("tensor `{name}` is too large: {shape:?}")))?;
    let data = if proto.data_location == Some(EXTERNAL) {
        directory.read(name, &proto.external_data, length)?
    } else {
        inline_data(dtype, proto)
    };
    let found = data.len();
    Tensor::new(dtype, shape, data)
        .map_err(|_| Error::Invalid(format!("tensor `{name}` needs {length} bytes and has {found}")))
}

/// The elements that are in the tensor itself, as raw little-endian bytes.
fn inline_data(dtype: DataType, proto: TensorProto) -> Bytes {
    if let Some(raw) = proto.raw_data {
        return raw;
    }
    match dtype {
        DataType::Float => proto.float_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::Double => proto.double_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::Int64 => proto.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::Uint64 => proto.uint64_data.iter().flat_map(|v| v.to_le_bytes()).collect(),
        DataType::Uint32 => proto.uint64_data.iter().flat_map(|&v| (v as u32).to_le_bytes()).collect(),
        // Everything of 32 bits or fewer, half floats included, is in the low bytes of an int32 each.
        _ => proto.int32_data.iter().flat_map(|v| v.to_le_bytes().into_iter().take(dtype.size())).collect(),
    }
}

fn value_from_proto(proto: ValueInfoProto) -> Result<ValueInfo> {
    let name = proto.name;
    // Outputs of old exporters may come without a type; everything a CNN gives back is float.
    let Some(of) = proto.r#type else { return Ok(ValueInfo { name, dtype: DataType::Float, shape: None }) };
    let tensor = of.tensor_type.ok_or_else(|| Error::Unsupported(format!("`{name}` is not a tensor")))?;
    let dtype = DataType::from_code(tensor.elem_type).ok_or_else(|| {
        Error::Unsupported(format!("`{name}` has element type {}, which is not read here", tensor.elem_type))
    })?;
    let shape = tensor.shape.map(|shape| shape_from_proto(&name, shape));
    Ok(ValueInfo { name, dtype, shape })
}

/// The shape a file states; what it leaves open (nothing, 0 or -1) becomes a symbol of its own.
fn shape_from_proto(name: &str, proto: TensorShapeProto) -> Shape {
    let dim = |(axis, value)| match value {
        Some(DimensionValue::Size(size)) if size > 0 => Dim::Size(size as usize),
        Some(DimensionValue::Symbol(symbol)) if !symbol.is_empty() => Dim::Symbol(symbol),
        _ => Dim::Symbol(format!("{name}.{axis}")),
    };
    proto.dim.into_iter().map(|dim| dim.value).enumerate().map(dim).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
