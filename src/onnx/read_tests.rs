use super::super::ExternalData;
use super::super::proto::{OperatorSetIdProto, StringStringEntryProto, TypeProto};
use super::*;

fn float_input(name: &str) -> ValueInfo {
    let shape = vec![Dim::Symbol("batch".to_owned()), Dim::Size(2)];
    ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape: Some(shape) }
}

/// `y = LeakyRelu(x + bias)`, with attributes of every kind.
fn small_graph() -> Graph {
    let activation = Node::new("LeakyRelu", ["sum"], ["y"])
        .with("alpha", Attribute::Float(0.0))
        .with("s", Attribute::String("text".to_owned()))
        .with("t", Attribute::Tensor(Tensor::scalar(3.0)))
        .with("fs", Attribute::Floats(vec![1.0, 2.0]))
        .with("ss", Attribute::Strings(vec!["a".to_owned(), String::new()]))
        .with_int("i", 0)
        .with_ints("is", [1, -2]);
    Graph {
        name: "small".to_owned(),
        producer: "glassbox".to_owned(),
        opset: 17,
        inputs: vec![float_input("x")],
        outputs: vec![float_input("y")],
        nodes: vec![Node::new("Add", ["x", "bias"], ["sum"]), activation],
        initializers: [("bias".to_owned(), Tensor::from_floats(&[2], &[1.0, 2.0]))].into(),
        ..Graph::default()
    }
}

/// The message of the error that reading `graph`, once written, gives.
fn refusal(graph: &Graph) -> String {
    Graph::read(graph.to_bytes().into()).unwrap_err().to_string()
}

/// A model whose graph is `edit`ed as a protobuf.
fn edited(edit: impl FnOnce(&mut ModelProto)) -> Result<Graph> {
    let mut model = ModelProto::decode(Bytes::from(small_graph().to_bytes())).unwrap();
    edit(&mut model);
    Graph::read(model.encode_to_vec().into())
}

fn edited_graph(edit: impl FnOnce(&mut GraphProto)) -> Result<Graph> {
    edited(|model| edit(model.graph.as_mut().unwrap()))
}

#[test]
fn what_is_written_is_read_back() {
    let graph = small_graph();
    assert_eq!(Graph::read(graph.to_bytes().into()).unwrap(), graph);
}

#[test]
fn shapes_stated_of_values_between_are_read() {
    let graph = edited_graph(|graph| {
        let sum = ValueInfoProto { name: "sum".to_owned(), ..graph.output[0].clone() };
        let nothing = ValueInfoProto { name: "nothing".to_owned(), r#type: Some(TypeProto::default()) };
        graph.value_info = vec![sum, nothing];
    });
    let shape = vec![Dim::Symbol("batch".to_owned()), Dim::Size(2)];
    assert_eq!(graph.unwrap().stated, [("sum".to_owned(), shape)].into());
}

#[test]
fn weights_beside_the_model_are_read_and_stay_in_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("models").join("model.onnx");
    std::fs::create_dir(model.parent().unwrap()).unwrap();
    let data: Vec<u8> = [9.0_f32, 1.0, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(model.with_file_name("weights.bin"), &data).unwrap();
    std::fs::write(directory.path().join("secret.bin"), &data).unwrap();
    let write = |location: &str, offset| {
        let place = ExternalData { location: location.to_owned(), offset, length: 8 };
        std::fs::write(&model, small_graph().write(&|_, _| Some(place.clone()))).unwrap();
        Graph::read_file(&model)
    };
    assert_eq!(write("weights.bin", 4).unwrap(), small_graph());
    assert!(write("weights.bin", 8).unwrap_err().to_string().contains("beyond the end"));
    assert!(write("weights.bin", u64::MAX).is_err());
    assert!(write("../secret.bin", 4).unwrap_err().to_string().contains("outside"));
    assert!(
        write(directory.path().join("secret.bin").to_str().unwrap(), 4).unwrap_err().to_string().contains("outside")
    );
    assert!(matches!(write("missing.bin", 4), Err(Error::File { .. })));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(directory.path().join("secret.bin"), model.with_file_name("link.bin")).unwrap();
        assert!(write("link.bin", 4).unwrap_err().to_string().contains("outside"));
    }
    let bytes = std::fs::read(&model).unwrap();
    assert!(Graph::read(bytes.into()).unwrap_err().to_string().contains("beside it"));
}

#[test]
fn versions_outside_the_range_are_refused() {
    for opset in [6, 22] {
        assert!(refusal(&Graph { opset, ..small_graph() }).contains("operator set"));
    }
    for opset in [7, 21] {
        assert_eq!(Graph::read(Graph { opset, ..small_graph() }.to_bytes().into()).unwrap().opset, opset);
    }
    assert!(edited(|model| model.ir_version = 2).is_err());
    assert!(edited(|model| model.ir_version = 12).is_ok());
    assert!(edited(|model| model.opset_import.clear()).is_err());
    let alias = OperatorSetIdProto { domain: "ai.onnx".to_owned(), version: 13 };
    assert_eq!(edited(|model| model.opset_import = vec![alias]).unwrap().opset, 13);
}

#[test]
fn nodes_are_sorted_named_and_constants_become_initializers() {
    let mut graph = small_graph();
    graph.nodes.reverse();
    let constant = Node::new("Constant", [""; 0], ["c"]).with_ints("value_ints", [4, 5]);
    graph.nodes.push(constant);
    for node in &mut graph.nodes {
        node.name = String::new();
    }
    let read = Graph::read(graph.to_bytes().into()).unwrap();
    assert_eq!(read.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["Add_1", "LeakyRelu_0"]);
    assert_eq!(read.initializers["c"], Tensor::from_ints(&[4, 5]));
}

#[test]
fn names_that_clash_are_made_unique() {
    let mut graph = small_graph();
    graph.nodes.push(Node { name: "sum_1".to_owned(), ..Node::new("Relu", ["y"], ["z"]) });
    graph.nodes[1].name = "sum".to_owned();
    let names: Vec<_> = Graph::read(graph.to_bytes().into()).unwrap().nodes.into_iter().map(|node| node.name).collect();
    assert_eq!(names, ["sum", "sum_1_", "sum_1"]);
}

#[test]
fn broken_dataflow_is_refused_by_name() {
    let mut cycle = small_graph();
    cycle.nodes[0].inputs[0] = "y".to_owned();
    assert!(refusal(&cycle).contains("cycle"));
    let mut undefined = small_graph();
    undefined.nodes[0].inputs[0] = "ghost".to_owned();
    assert!(refusal(&undefined).contains("`ghost`"));
    let mut twice = small_graph();
    twice.nodes[1].outputs[0] = "sum".to_owned();
    assert!(refusal(&twice).contains("`sum` is defined twice"));
    let mut lost = small_graph();
    lost.outputs[0].name = "lost".to_owned();
    assert!(refusal(&lost).contains("`lost`"));
}

#[test]
fn initializers_among_the_inputs_are_not_inputs() {
    let mut graph = small_graph();
    graph.inputs.push(float_input("bias"));
    assert_eq!(Graph::read(graph.to_bytes().into()).unwrap(), small_graph());
}

#[test]
fn what_is_not_supported_is_named() {
    let subgraph = |kind: i32| AttributeProto {
        name: "then_branch".to_owned(),
        kind,
        g: Some(Bytes::new()),
        ..AttributeProto::default()
    };
    for kind in [attribute_kind::GRAPH, attribute_kind::UNDEFINED] {
        let error = edited_graph(|graph| graph.node[0].attribute.push(subgraph(kind))).unwrap_err().to_string();
        assert!(error.contains("`sum` (Add)") && error.contains("then_branch"), "{error}");
    }
    assert!(edited_graph(|graph| graph.sparse_initializer.push(Bytes::new())).is_err());
    assert!(edited_graph(|graph| graph.initializer[0].data_type = 8).unwrap_err().to_string().contains("`bias`"));
    assert!(edited_graph(|graph| graph.input[0].r#type = Some(TypeProto { tensor_type: None })).is_err());
    let foreign = edited_graph(|graph| graph.node[0].domain = "com.microsoft".to_owned()).unwrap();
    assert_eq!(foreign.nodes[0].domain, "com.microsoft");
    assert_eq!(Graph::read(foreign.to_bytes().into()).unwrap(), foreign);
}

#[test]
fn typed_fields_become_raw_bytes() {
    let read = |data_type: DataType, edit: fn(&mut TensorProto)| {
        let graph = edited_graph(|graph| {
            let tensor = &mut graph.initializer[0];
            tensor.raw_data = None;
            tensor.data_type = data_type as i32;
            edit(tensor);
        });
        graph.unwrap().initializers["bias"].data().to_vec()
    };
    assert_eq!(read(DataType::Float, |t| t.float_data = vec![1.0, -2.0]), [0, 0, 128, 63, 0, 0, 0, 192]);
    assert_eq!(read(DataType::Int64, |t| t.int64_data = vec![1, -1])[..9], [1, 0, 0, 0, 0, 0, 0, 0, 255]);
    assert_eq!(read(DataType::Int8, |t| t.int32_data = vec![1, -1]), [1, 255]);
    assert_eq!(read(DataType::Float16, |t| t.int32_data = vec![0x3c00, 0xbc00]), [0, 0x3c, 0, 0xbc]);
    assert_eq!(read(DataType::Uint32, |t| t.uint64_data = vec![7, 8]), [7, 0, 0, 0, 8, 0, 0, 0]);
    assert_eq!(read(DataType::Double, |t| t.double_data = vec![0.0, 1.0])[14..], [240, 63]);
}

#[test]
fn tensors_that_lie_about_their_size_are_refused() {
    for dims in [vec![-2], vec![i64::MAX, i64::MAX], vec![3]] {
        assert!(edited_graph(|graph| graph.initializer[0].dims = dims).unwrap_err().to_string().contains("`bias`"));
    }
    let huge = |graph: &mut GraphProto| {
        graph.initializer[0].data_location = Some(EXTERNAL);
        graph.initializer[0].external_data =
            vec![StringStringEntryProto { key: "location".to_owned(), value: "f".to_owned() }];
        graph.initializer[0].dims = vec![1 << 60, 8];
    };
    assert!(edited_graph(huge).is_err());
}

#[test]
fn open_dimensions_become_symbols() {
    let graph = edited_graph(|graph| {
        let dims =
            &mut graph.input[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().shape.as_mut().unwrap().dim;
        dims[0].value = None;
        dims[1].value = Some(DimensionValue::Size(-1));
    });
    let symbols = vec![Dim::Symbol("x.0".to_owned()), Dim::Symbol("x.1".to_owned())];
    assert_eq!(graph.unwrap().inputs[0].shape, Some(symbols));
}

#[test]
fn windows_out_of_all_proportion_are_refused() {
    let mut graph = small_graph();
    graph.nodes[0].attributes.insert("strides".to_owned(), Attribute::Ints(vec![1, i64::MAX]));
    assert!(refusal(&graph).contains("its strides are out of all proportion"));
}

proptest::proptest! {
    #[test]
    fn damaged_files_never_panic(at in 0_usize..600, byte: u8, cut in 0_usize..600) {
        let mut bytes = small_graph().to_bytes();
        let length = bytes.len();
        bytes[at % length] = byte;
        let _ = Graph::read(bytes.clone().into());
        bytes.truncate(cut % length);
        let _ = Graph::read(bytes.into());
    }
}
