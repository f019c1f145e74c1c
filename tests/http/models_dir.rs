//! Models out of a models directory: a small network that is no VGG, and a full-size VGG16.

use std::{fs, path::Path, sync::OnceLock};

use ndarray::ArrayD;
use ndarray_npy::ReadNpyExt;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Server, json, png, refused, stop_sign};
use crate::{
    small_network::{self, NORMALIZATION},
    vgg16,
};

/// A server of the full-size VGG16, called `vgg16`: made once, since it has 138 million numbers.
pub fn full_size_vgg16() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        // The model is loaded when it is asked for, and nobody would remove half a gigabyte in a temporary directory of a static's.
        let models = Path::new(env!("CARGO_TARGET_TMPDIR")).join("full_size");
        let directory = models.join("vgg16");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("new"), vgg16::full_size().to_bytes()).unwrap();
        fs::rename(directory.join("new"), directory.join("model.onnx")).unwrap();
        fs::write(directory.join("model.toml"), "[preprocessing]\nmode = \"caffe\"\nresize = \"stretch\"").unwrap();
        Server::start(|config| {
            config.models.dir = models;
            config.server.request_timeout = 600;
        })
    })
}

fn small() -> (Server, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("small")).unwrap();
    fs::write(directory.path().join("small/model.onnx"), small_network::graph().to_bytes()).unwrap();
    (Server::start(|config| config.models.dir = directory.path().into()), directory)
}

fn names<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_network_that_is_no_vgg_has_figures_of_its_own() {
    let (server, _directory) = small();
    // The first convolution of each size of feature maps: 32x32, 16x16, 8x8.
    let filters = json(server.get("/v1/models/small/filters")).await;
    assert_eq!(names(&filters["filters"], "layer"), ["features.0", "features.3", "features.7"]);
    // Four convolutions of five, the first and the last among them.
    let request = server.request("POST", "/v1/models/small/explain/layer-outputs").body(png(stop_sign()));
    let outputs = json(request).await;
    assert_eq!(names(&outputs["layers"], "layer"), ["features.0", "features.3", "features.5", "features.9"]);
    let shapes: Vec<_> = (0..4).map(|layer| outputs["layers"][layer]["maps"][0]["shape"].clone()).collect();
    assert_eq!(shapes, [json!([32, 32]), json!([16, 16]), json!([16, 16]), json!([8, 8])]);
    let detail = refused(server.get("/v1/models/small/filters?layer=block1_conv1"), 422, "unknown_layer").await;
    assert!(detail.contains("`features.0`"), "{detail}");

    let layer = json(server.get("/v1/models/small/layers/features.1")).await;
    assert_eq!((&layer["type"], &layer["parameters"]), (&json!("BatchNormalization"), &json!(32)));
    assert_eq!(layer["trainable_parameters"], 16);
    let weights = json(server.get("/v1/models/small/layers/features.1/weights")).await;
    let keras = ["gamma", "beta", "moving_mean", "moving_variance"];
    assert_eq!(names(&weights["tensors"], "name"), keras);
    let numbers = |member: &str| {
        weights["tensors"].as_array().unwrap().iter().map(|tensor| tensor[member].clone()).collect::<Value>()
    };
    assert_eq!(numbers("mean"), json!([4.5, 0.0, 0.5, 2.0]));
    assert_eq!(numbers("min"), json!([1.0, -0.5, 0.0, 2.0]));
    assert_eq!(numbers("max"), json!([8.0, 0.5, 4.0, 2.0]));
    assert_eq!(numbers("std"), json!([5.25_f64.sqrt(), 0.5, 1.75_f64.sqrt(), 0.0]));
    for (name, (_, expected)) in keras.iter().zip(NORMALIZATION) {
        let file = server.get(&format!("/v1/models/small/layers/features.1/weights?tensor={name}&format=npy"));
        let file = file.send().await.unwrap().bytes().await.unwrap();
        assert_eq!(ArrayD::<f32>::read_npy(file.as_ref()).unwrap().into_raw_vec_and_offset().0, expected, "{name}");
    }
    let depthwise = json(server.get("/v1/models/small/layers/features.5/weights")).await;
    assert_eq!(depthwise["tensors"][0]["shape"], json!([3, 3, 8, 1]));
}

#[tokio::test]
async fn a_full_size_vgg16_is_served() {
    let server = full_size_vgg16();
    let get = |call: &str| server.get(&format!("/v1/models/vgg16{call}"));
    let summary = json(get("/summary")).await;
    assert_eq!(summary["total_parameters"], 138_357_544);
    assert_eq!(
        (&summary["trainable_parameters"], &summary["non_trainable_parameters"]),
        (&json!(138_357_544), &json!(0))
    );

    let layer = json(get("/layers/block5_conv1")).await;
    let expected = json!({
        "name": "block5_conv1", "type": "Conv2D", "connected_to": ["block4_pool"],
        "filters": 512, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "dilation_rate": [1, 1], "groups": 1,
        "activation": "relu", "use_bias": true, "parameters": 2_359_808, "trainable_parameters": 2_359_808,
        "input_shape": [[null, 14, 14, 512]], "output_shape": [null, 14, 14, 512]
    });
    assert_eq!(layer, expected);

    let weights = json(get("/layers/fc1/weights")).await;
    let kernel = &weights["tensors"][0];
    assert_eq!(kernel["shape"], json!([25088, 4096]));
    let counts: Vec<u64> = serde_json::from_value(kernel["histogram"]["counts"].clone()).unwrap();
    assert_eq!(counts.iter().sum::<u64>(), 25088 * 4096);
    // Numbers spread evenly between -scale and scale.
    let scale = (6.0_f64 / 25088.0).sqrt();
    let number = |member: &str| kernel[member].as_f64().unwrap() / scale;
    assert!(number("mean").abs() < 1e-3 && (number("std") - 3.0_f64.sqrt().recip()).abs() < 1e-3, "{kernel}");
    assert!((number("min") + 1.0).abs() < 1e-5 && (number("max") - 1.0).abs() < 1e-5, "{kernel}");
    assert!(counts.iter().all(|count| count.abs_diff(25088 * 4096 / 32) < 20_000), "{counts:?}");

    let post = |call: &str| server.request("POST", &format!("/v1/models/vgg16{call}")).body(png(stop_sign()));
    let predictions = json(post("/predict?top=1000")).await;
    let probabilities =
        predictions["predictions"].as_array().unwrap().iter().map(|p| p["probability"].as_f64().unwrap());
    assert!((probabilities.sum::<f64>() - 1.0).abs() < 1e-4, "{predictions}");
    let explanation = json(post("/explain/grad-cam")).await;
    assert_eq!((&explanation["layer"], &explanation["maps"][0]["shape"]), (&json!("block5_conv3"), &json!([14, 14])));
    assert_eq!(explanation["maps"][0]["class"]["index"], predictions["predictions"][0]["index"]);
    let drawn = post("/explain/grad-cam?format=png").send().await.unwrap().bytes().await.unwrap();
    let drawn = image::load_from_memory(&drawn).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (320, 240));
}
