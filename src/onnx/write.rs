//! From a [`Graph`] to the bytes of a model file.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message;

use super::proto::{
    AttributeProto, DimensionProto, DimensionValue, EXTERNAL, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_kind,
};
use super::{Attribute, Dim, ExternalData, Graph, Node, Tensor, ValueInfo};

impl Graph {
    /// The bytes of a model file; an initializer for which `external` gives a place is a reference to there.
    pub fn write(&self, external: &dyn Fn(&str, &Tensor) -> Option<ExternalData>) -> Vec<u8> {
        let initializer = self.initializers.iter().map(|(name, tensor)| match external(name, tensor) {
            Some(place) => external_tensor(name, tensor, &place),
            None => inline_tensor(name, tensor),
        });
        let graph = GraphProto {
            node: self.nodes.iter().map(node_to_proto).collect(),
            name: if self.name.is_empty() { "graph".to_owned() } else { self.name.clone() },
            initializer: initializer.collect(),
            input: self.inputs.iter().map(value_to_proto).collect(),
            output: self.outputs.iter().map(value_to_proto).collect(),
            value_info: Vec::new(),
            sparse_initializer: Vec::new(),
        };
        let model = ModelProto {
            ir_version: ir_version(self.opset),
            producer_name: "glassbox".to_owned(),
            producer_version: String::new(),
            graph: Some(graph),
            opset_import: self.opset_imports(),
            functions: Vec::new(),
        };
        model.encode_to_vec()
    }

    /// The bytes of a model file with all weights inside.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.write(&|_, _| None)
    }

    /// ONNX's own operator set, and the first version of every other domain in use.
    fn opset_imports(&self) -> Vec<OperatorSetIdProto> {
        let domains: BTreeSet<&str> =
            self.nodes.iter().map(|node| node.domain.as_str()).filter(|domain| !domain.is_empty()).collect();
        let own = OperatorSetIdProto { domain: String::new(), version: self.opset };
        let others = domains.into_iter().map(|domain| OperatorSetIdProto { domain: domain.to_owned(), version: 1 });
        std::iter::once(own).chain(others).collect()
    }
}

/// The file format that came with an operator set.
fn ir_version(opset: i64) -> i64 {
    match opset {
        ..=18 => 8,
        19..=20 => 9,
        _ => 10,
    }
}

fn node_to_proto(node: &Node) -> NodeProto {
    NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: node.name.clone(),
        op_type: node.op_type.clone(),
        attribute: node.attributes.iter().map(|(name, value)| attribute_to_proto(name, value)).collect(),
        domain: node.domain.clone(),
        metadata_props: Vec::new(),
    }
}

fn attribute_to_proto(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
    let bytes = |text: &String| Bytes::from(text.clone());
    proto.kind = match value {
        Attribute::Float(value) => {
            proto.f = Some(*value);
            attribute_kind::FLOAT
        }
        Attribute::Int(value) => {
            proto.i = Some(*value);
            attribute_kind::INT
        }
        Attribute::String(value) => {
            proto.s = Some(bytes(value));
            attribute_kind::STRING
        }
        Attribute::Tensor(value) => {
            proto.t = Some(inline_tensor("", value));
            attribute_kind::TENSOR
        }
        Attribute::Floats(values) => {
            proto.floats.clone_from(values);
            attribute_kind::FLOATS
        }
        Attribute::Ints(values) => {
            proto.ints.clone_from(values);
            attribute_kind::INTS
        }
        Attribute::Strings(values) => {
            proto.strings = values.iter().map(bytes).collect();
            attribute_kind::STRINGS
        }
    };
    proto
}

fn empty_tensor(name: &str, tensor: &Tensor) -> TensorProto {
    TensorProto {
        dims: tensor.shape().iter().map(|&d| d as i64).collect(),
        data_type: tensor.dtype() as i32,
        name: name.to_owned(),
        ..TensorProto::default()
    }
}

fn inline_tensor(name: &str, tensor: &Tensor) -> TensorProto {
    TensorProto { raw_data: Some(tensor.data().clone()), ..empty_tensor(name, tensor) }
}

fn external_tensor(name: &str, tensor: &Tensor, place: &ExternalData) -> TensorProto {
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
    let external_data = vec![
        entry("location", place.location.clone()),
        entry("offset", place.offset.to_string()),
        entry("length", place.length.to_string()),
    ];
    TensorProto { external_data, data_location: Some(EXTERNAL), ..empty_tensor(name, tensor) }
}

fn value_to_proto(value: &ValueInfo) -> ValueInfoProto {
    let dim = |dim: &Dim| DimensionProto {
        value: Some(match dim {
            Dim::Size(size) => DimensionValue::Size(*size as i64),
            Dim::Symbol(symbol) => DimensionValue::Symbol(symbol.clone()),
        }),
    };
    let shape = value.shape.as_ref().map(|shape| TensorShapeProto { dim: shape.iter().map(dim).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: value.dtype as i32, shape });
    ValueInfoProto { name: value.name.clone(), r#type: Some(TypeProto { tensor_type }) }
}
