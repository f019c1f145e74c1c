//! A model with an operator whose gradient is not known: what needs no gradient works all the same.

use glassbox::onnx::{DataType, Dim, Graph, Node, Tensor, ValueInfo};
use serde_json::Value;

use super::{Server, json, png, refused, stop_sign};
use crate::vgg16::uniform;

/// `conv1`, a running sum over the rows (`sums`), `conv2` and a dense layer.
fn model() -> Graph {
    let conv = |x, name: &str| {
        let weights = format!("{name}/kernel");
        Node::new("Conv", [x, weights.as_str()], [name]).with_ints("pads", [1, 1, 1, 1])
    };
    let weights = |shape: &[usize], seed| Tensor::from_floats(shape, &uniform(seed, shape.iter().product(), 0.2));
    let shape = vec![Dim::Symbol("batch".to_owned()), Dim::Size(3), Dim::Size(32), Dim::Size(32)];
    let value = |name: &str, shape| ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape };
    let constants = [
        ("conv1/kernel", weights(&[4, 3, 3, 3], 1)),
        ("conv2/kernel", weights(&[4, 4, 3, 3], 2)),
        ("dense/kernel", weights(&[4, 5], 3)),
        ("rows", Tensor::from_ints(&[2]).reshaped(vec![]).unwrap()),
    ];
    Graph {
        opset: 17,
        inputs: vec![value("input", Some(shape))],
        outputs: vec![value("logits", None)],
        nodes: vec![
            conv("input", "conv1"),
            Node::new("CumSum", ["conv1", "rows"], ["sums"]),
            Node::new("Tanh", ["sums"], ["tanh"]),
            conv("tanh", "conv2"),
            Node::new("Relu", ["conv2"], ["relu"]),
            Node::new("GlobalAveragePool", ["relu"], ["pool"]),
            Node::new("Flatten", ["pool"], ["flat"]),
            Node::new("Gemm", ["flat", "dense/kernel"], ["logits"]),
        ],
        initializers: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}

#[tokio::test]
async fn only_what_needs_the_unknown_gradient_is_refused() {
    let models = tempfile::tempdir().unwrap();
    let directory = models.path().join("sums");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("model.onnx"), model().to_bytes()).unwrap();
    let server = Server::start(|config| config.models.dir = models.path().to_owned());
    let call = |call: &str| server.request("POST", &format!("/v1/models/sums{call}")).body(png(stop_sign()));

    let predictions = json(call("/predict")).await;
    assert_eq!(predictions["predictions"].as_array().unwrap().len(), 5);
    let range = |map: &Value| map["max"].as_f64().unwrap() - map["min"].as_f64().unwrap();
    assert!(range(&json(call("/explain/occlusion?patch=8&stride=8")).await["maps"][0]["drop"]) > 0.0);
    json(call("/explain/layer-outputs?layer=conv1")).await;

    for technique in ["saliency", "guided-backprop", "integrated-gradients?steps=2", "grad-cam?layer=conv1"] {
        let detail = refused(call(&format!("/explain/{technique}")), 422, "not_differentiable").await;
        assert!(detail.contains("`CumSum`") && detail.contains("`sums`"), "{detail}");
    }
    let explanation = json(call("/explain/grad-cam?variant=hirescam")).await;
    assert_eq!(explanation["layer"], "conv2", "the operator lies before it");
    assert!(range(&explanation["maps"][0]) > 0.0, "{explanation}");
}
