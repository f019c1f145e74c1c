//! The models that are published for everyone.

use crate::{
    error::{Error, Kind, Result, nearest, quoted},
    model::{Labels, imagenet_labels},
};

/// A file of a model that is published, and how it is described.
#[derive(Debug, Clone)]
pub struct Published {
    /// The name under which it is served.
    pub name: String,
    /// What the file is called where it is published.
    pub file: String,
    /// Its addresses, the best first.
    pub urls: Vec<String>,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// Its `model.toml`.
    pub manifest: String,
    /// What its classes are called.
    pub labels: Labels,
}

impl Published {
    /// The model called `name`; an error that says which there are.
    pub fn find(name: &str) -> Result<Self> {
        let all = [vgg16()];
        all.iter().find(|published| published.name == name).cloned().ok_or_else(|| {
            let names = || all.iter().map(|published| published.name.as_str());
            let near = nearest(name, names(), 1);
            let known = if near.is_empty() { names().collect() } else { near };
            let message = format!("there is no model `{name}` to pull; there is {}", quoted(known));
            Error::new(Kind::NotFound, "unknown_model", message)
        })
    }

    /// The addresses, or the file's at a `mirror` if one is named.
    pub fn urls_at(&self, mirror: &str) -> Vec<String> {
        if mirror.is_empty() {
            self.urls.clone()
        } else {
            vec![format!("{}/{}", mirror.trim_end_matches('/'), self.file)]
        }
    }
}

/// VGG16 for `ImageNet` from the ONNX model zoo: that of `MXNet`, which gives logits. The zoo documents its preprocessing.
///
/// The zoo says that it has moved to Hugging Face, and that its repository gives no more files since July 2025.
fn vgg16() -> Published {
    let file = "vgg16-7.onnx";
    Published {
        name: "vgg16".to_owned(),
        file: file.to_owned(),
        urls: vec![
            format!("https://huggingface.co/onnxmodelzoo/vgg16-7/resolve/main/{file}"),
            format!(
                "https://media.githubusercontent.com/media/onnx/models/main/validated/vision/classification/vgg/model/{file}"
            ),
        ],
        size: 553_437_328,
        sha256: "f20805a3ecccaa88647bbab4ad011ff2412a9838485ea844de0fcbce349820b9".to_owned(),
        manifest: include_str!("vgg16.toml").to_owned(),
        labels: imagenet_labels(),
    }
}
