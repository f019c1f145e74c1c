//! Float32 throughout: gradients of half floats would drown in rounding.

use std::collections::HashSet;

use crate::onnx::{Attribute, DataType, Error, Graph, Node, Result, Tensor};

/// Operators whose outputs are of another type than their first input.
const CHANGES_TYPE: [&str; 22] = [
    "And",
    "ArgMax",
    "ArgMin",
    "Cast",
    "ConstantOfShape",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "RandomNormal",
    "RandomUniform",
    "Range",
    "Shape",
    "Size",
    "Xor",
];

impl Graph {
    /// Computes in float32 what the file computes in half, bfloat16 or double floats; the type, if it was another.
    ///
    /// Casts that no longer change anything are taken out. A quantized model, which computes with integers, is an error.
    pub fn use_float32(&mut self) -> Result<Option<DataType>> {
        if let Some(node) = self.nodes.iter().find(|node| is_quantized(node)) {
            return Err(Error::Unsupported(format!(
                "it is quantized (node `{}` is a {}), and integers have no gradient; export it before quantization",
                node.name, node.op_type
            )));
        }
        let mut found = None;
        for tensor in self.initializers.values_mut() {
            found = found.or(convert(tensor)?);
        }
        for attribute in self.nodes.iter_mut().flat_map(|node| node.attributes.values_mut()) {
            if let Attribute::Tensor(tensor) = attribute {
                found = found.or(convert(tensor)?);
            }
        }
        for value in self.inputs.iter_mut().chain(&mut self.outputs).filter(|value| is_other_float(value.dtype)) {
            found = found.or(Some(value.dtype));
            value.dtype = DataType::Float;
        }
        for node in self.nodes.iter_mut().filter(|node| node.op_type == "Cast") {
            if let Some(dtype) = cast_to(node).filter(|dtype| is_other_float(*dtype)) {
                found = found.or(Some(dtype));
                *node = node.clone().with_int("to", DataType::Float as i64);
            }
        }
        self.drop_casts();
        Ok(found)
    }

    /// Makes an `Identity` of each cast of floats to floats.
    fn drop_casts(&mut self) {
        let inputs = self.inputs.iter().filter(|input| input.dtype == DataType::Float).map(|input| input.name.clone());
        let constants = self.initializers.iter().filter(|(_, tensor)| tensor.dtype() == DataType::Float);
        let mut floats: HashSet<String> = inputs.chain(constants.map(|(name, _)| name.clone())).collect();
        for node in &mut self.nodes {
            // Which input has the type of what comes out.
            let typed = usize::from(node.op_type == "Where");
            let reads_floats = node.input(typed).is_some_and(|name| floats.contains(name));
            let casts = cast_to(node) == Some(DataType::Float);
            if casts && reads_floats {
                node.op_type = "Identity".to_owned();
                node.attributes.clear();
            }
            if casts || (reads_floats && !CHANGES_TYPE.contains(&node.op_type.as_str())) {
                floats.extend(node.output(0).map(str::to_owned));
            }
        }
    }
}

/// What `node` casts to, if it is a cast.
fn cast_to(node: &Node) -> Option<DataType> {
    let code = i32::try_from(node.int("to", 0)).ok()?;
    DataType::from_code(code).filter(|_| node.op_type == "Cast" && node.domain.is_empty())
}

fn is_quantized(node: &Node) -> bool {
    let op_type = node.op_type.as_str();
    op_type.contains("Quantize")
        || op_type.contains("Dequantize")
        || op_type.starts_with("QLinear")
        || matches!(op_type, "ConvInteger" | "MatMulInteger")
}

fn is_other_float(dtype: DataType) -> bool {
    matches!(dtype, DataType::Float16 | DataType::Bfloat16 | DataType::Double)
}

/// Makes `tensor` float32 if it holds floats of another type, which is returned.
fn convert(tensor: &mut Tensor) -> Result<Option<DataType>> {
    let dtype = tensor.dtype();
    if !is_other_float(dtype) {
        return Ok(None);
    }
    *tensor = Tensor::from_floats(tensor.shape(), &tensor.floats()?);
    Ok(Some(dtype))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{Dim, ValueInfo};

    /// A graph of `dtype` from `x` [1, 2] to `y`, with a constant `scale` of two numbers.
    fn graph(dtype: DataType, scale: &[u8], nodes: Vec<Node>) -> Graph {
        let value =
            |name: &str| ValueInfo { name: name.to_owned(), dtype, shape: Some([1, 2].map(Dim::Size).to_vec()) };
        let scale = Tensor::new(dtype, vec![2], scale.to_vec().into()).unwrap();
        Graph {
            opset: 17,
            inputs: vec![value("x")],
            outputs: vec![value("y")],
            nodes,
            initializers: [("scale".to_owned(), scale)].into(),
            ..Graph::default()
        }
    }

    fn product() -> Vec<Node> {
        vec![Node::new("Mul", ["x", "scale"], ["y"])]
    }

    #[test]
    fn weights_of_other_floats_become_float32() {
        let doubles: Vec<u8> = [1.5_f64, 1024.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        for (dtype, scale) in [
            (DataType::Float16, &[0x00, 0x3e, 0x00, 0x64][..]),
            (DataType::Bfloat16, &[0xc0, 0x3f, 0x80, 0x44]),
            (DataType::Double, &doubles),
        ] {
            let mut graph = graph(dtype, scale, product());
            assert_eq!(graph.use_float32(), Ok(Some(dtype)));
            assert_eq!(graph.initializers["scale"], Tensor::from_floats(&[2], &[1.5, 1024.0]));
            assert_eq!([graph.inputs[0].dtype, graph.outputs[0].dtype], [DataType::Float; 2]);
        }
    }

    #[test]
    fn a_graph_in_float32_stays_as_it_is() {
        let scale: Vec<u8> = [1.5_f32, 1024.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut float32 = graph(DataType::Float, &scale, product());
        let before = float32.clone();
        assert_eq!(float32.use_float32(), Ok(None));
        assert_eq!(float32, before);
    }

    #[test]
    fn casts_between_floats_are_gone_and_others_stay() {
        let cast = |from: &str, to: &str, dtype| Node::new("Cast", [from], [to]).with_int("to", dtype as i64);
        let nodes = vec![
            cast("x", "half", DataType::Float16),
            Node::new("Mul", ["half", "scale"], ["product"]),
            cast("product", "single", DataType::Float),
            cast("single", "whole", DataType::Int64),
            cast("whole", "y", DataType::Float16),
        ];
        let mut graph = graph(DataType::Float16, &[0, 0, 0, 0], nodes);
        graph.use_float32().unwrap();
        let operators: Vec<_> = graph.nodes.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(operators, ["Identity", "Mul", "Identity", "Cast", "Cast"]);
        assert_eq!((graph.nodes[3].int("to", 0), graph.nodes[4].int("to", 0)), (7, 1));
    }

    #[test]
    fn quantized_models_are_refused() {
        for op_type in ["QuantizeLinear", "DequantizeLinear", "QLinearConv", "DynamicQuantizeLinear", "ConvInteger"] {
            let mut graph = graph(DataType::Float, &[0; 8], vec![Node::new(op_type, ["x", "scale"], ["y"])]);
            assert!(graph.use_float32().unwrap_err().to_string().contains("before quantization"));
        }
    }
}
