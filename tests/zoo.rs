//! Networks of many families, as several exporters write them, against the answers of their frameworks' autograd
//! (`golden/zoo.py`): small ones always, and the full ones by `make zoo`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use glassbox::{
    autodiff::Rule,
    config,
    model::{Files, Model, Question},
    onnx::{Dim, Graph, Layer},
    runtime::{Cancellation, Runtime, Weights},
};
use ndarray::{Array4, ArrayD, Axis, Slice};
use ndarray_npy::ReadNpyExt;
use serde::Deserialize;

use crate::vgg16::uniform;

/// A network as one exporter wrote it.
struct Network {
    name: String,
    exporter: String,
    folder: PathBuf,
    about: About,
}

/// What `golden/zoo.py` says of a network.
#[derive(Deserialize)]
struct About {
    seed: u32,
    height: usize,
    width: usize,
    class: usize,
    /// Of the gradients every so many rows and columns are kept.
    step: usize,
}

/// How far our answers are from autograd's.
struct Errors {
    logits: f32,
    gradient: f32,
    guided: Option<f32>,
}

impl Network {
    /// The networks in `directory`, in the order of their names.
    fn all(directory: &Path) -> Vec<Self> {
        let mut networks = Vec::new();
        for folder in sorted(directory) {
            let Ok(about) = fs::read(folder.join("network.json")) else { continue };
            for file in sorted(&folder).into_iter().filter(|file| file.extension().is_some_and(|end| end == "onnx")) {
                let text = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
                let about = serde_json::from_slice(&about).unwrap();
                networks.push(Self { name: text(&folder), exporter: text(&file), folder: folder.clone(), about });
            }
        }
        networks
    }

    fn model(&self, runtime: &Runtime, weights: Weights) -> Result<Model, String> {
        let graph =
            Graph::read_file(&self.folder.join(format!("{}.onnx", self.exporter))).map_err(|e| e.to_string())?;
        Model::new("zoo", Files { graph, manifest: None, labels: None }, runtime, weights).map_err(|e| e.to_string())
    }

    fn picture(&self) -> Array4<f32> {
        let About { seed, height, width, .. } = self.about;
        Array4::from_shape_vec((1, 3, height, width), uniform(seed, 3 * height * width, 2.0)).unwrap()
    }

    /// Autograd's answer `name`, if the network has it.
    fn golden(&self, name: &str) -> Option<ArrayD<f32>> {
        let file = fs::File::open(self.folder.join(format!("{name}.npy"))).ok()?;
        Some(ArrayD::read_npy(file).unwrap())
    }

    fn measure(&self, runtime: &Runtime) -> Result<Errors, String> {
        let cache = tempfile::tempdir().unwrap();
        let model = self.model(runtime, Weights::new(cache.path()))?;
        let guided = self.golden("guided");
        let rules = if guided.is_some() { vec![Rule::Standard, Rule::Guided] } else { vec![Rule::Standard] };
        let gradients = rules.into_iter().map(|rule| (rule, model.input().to_owned())).collect();
        let question = Question { gradients, values: Vec::new() };
        let classes = [Some(self.about.class)];
        let answer =
            model.ask(&question, &self.picture(), &classes, &Cancellation::default()).map_err(|e| e.to_string())?;
        let error = |rule, golden: &ArrayD<f32>| {
            let mut gradient = answer.gradient(rule, model.input()).unwrap().index_axis(Axis(0), 0).to_owned();
            for axis in [1, 2] {
                gradient.slice_axis_inplace(Axis(axis), Slice::new(0, None, self.about.step as isize));
            }
            relative_error(&gradient, golden)
        };
        Ok(Errors {
            logits: relative_error(&answer.logits.index_axis(Axis(0), 0).to_owned(), &self.golden("logits").unwrap()),
            gradient: error(Rule::Standard, &self.golden("gradient").unwrap()),
            guided: guided.map(|golden| error(Rule::Guided, &golden)),
        })
    }
}

impl Errors {
    fn worst(&self) -> f32 {
        let largest = |a: f32, b| if b <= a { a } else { b };
        [self.logits, self.gradient].into_iter().chain(self.guided).fold(0.0, largest)
    }
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// |a - b| / |b|, both in L2.
fn relative_error(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f32 {
    assert_eq!(a.shape(), b.shape());
    ((a - b).mapv(|d| d * d).sum() / b.mapv(|v| v * v).sum()).sqrt()
}

/// Compares all networks in `directory`, and prints how far they are off (the table in `docs/zoo.md`): by at most `bound`.
fn check(directory: &Path, bound: f32) {
    let runtime = Runtime::load(&config::Runtime::default()).unwrap();
    let networks = Network::all(directory);
    assert!(!networks.is_empty(), "there are no networks in {}", directory.display());
    println!("| network | exporter | logits | gradient | guided |\n|---|---|---|---|---|");
    let mut failures = Vec::new();
    for network in networks {
        let Network { name, exporter, .. } = &network;
        match network.measure(&runtime) {
            Ok(errors) => {
                let Errors { logits, gradient, guided } = errors;
                let guided = guided.map_or_else(String::new, |guided| format!("{guided:.1e}"));
                println!("| {name} | {exporter} | {logits:.1e} | {gradient:.1e} | {guided} |");
                let worst = errors.worst();
                // A NaN is no small number.
                if worst.is_nan() || worst > bound {
                    failures.push(format!("{name} ({exporter}) is off by {worst}"));
                }
            }
            Err(error) => failures.push(format!("{name} ({exporter}): {error}")),
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn small() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/zoo")
}

#[test]
fn small_networks_have_autograds_gradients() {
    check(&small(), 1e-5);
}

#[test]
#[ignore = "`make zoo` writes the networks first"]
fn full_networks_have_autograds_gradients() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("target/zoo/networks"), 1e-3);
}

/// The layers, that which Grad-CAM looks at by default with an arrow.
#[test]
fn layers_have_names_that_people_recognise() {
    let runtime = Runtime::load(&config::Runtime::default()).unwrap();
    let cache = tempfile::tempdir().unwrap();
    for network in Network::all(&small()) {
        let model = network.model(&runtime, Weights::new(cache.path())).unwrap();
        let shown = &model.feature_layer(None).unwrap().name;
        let line = |layer: &Layer| {
            let arrow = if layer.name == *shown { "->" } else { "" };
            let activation = layer.activation.map_or_else(String::new, |activation| format!(" + {activation}"));
            let sizes: Vec<String> = layer.output_shape.iter().skip(1).map(size).collect();
            let kind = format!("{}{activation}", layer.kind);
            format!("{arrow:<3}{:<50} {kind:<32} {}\n", layer.name, sizes.join("x"))
        };
        let lines: String = model.layers().iter().map(line).collect();
        insta::assert_snapshot!(format!("{}_{}", network.name, network.exporter), lines);
    }
}

#[test]
fn a_layer_answers_to_the_names_of_the_modules_that_it_ends() {
    let runtime = Runtime::load(&config::Runtime::default()).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let networks = Network::all(&small());
    let names = [
        ("vgg16", "legacy", "features.28", "block5_conv3"),
        ("vgg16", "legacy", "features.29", "block5_conv3"),
        ("vgg16", "dynamo", "features.28", "block5_conv3"),
        ("vgg11_bn", "dynamo", "features.26", "features.25"),
        ("resnet18", "legacy", "layer4.1", "layer4.1.relu_1"),
        ("resnet18", "legacy", "layer4", "layer4.1.relu_1"),
        ("resnet18", "dynamo", "layer4.1", "layer4.1.relu"),
        ("resnet18", "dynamo", "layer4.1.bn2", "layer4.1.conv2"),
        ("densenet", "legacy", "features.denseblock2", "features.denseblock2.concatenate"),
        ("mobilenet_v2", "legacy", "features.4", "features.4.0"),
        ("googlenet", "dynamo", "inception5b", "inception5b.concatenate"),
        ("keras_mobilenet", "keras", "conv_pw_3_relu", "conv_pw_3"),
        ("keras_xception", "keras", "block14_sepconv1_act", "block14_sepconv1_1"),
    ];
    for (name, exporter, asked, expected) in names {
        let network = networks.iter().find(|network| network.name == name && network.exporter == exporter).unwrap();
        let model = network.model(&runtime, Weights::new(cache.path())).unwrap();
        assert_eq!(model.layer(asked).unwrap().name, expected, "{asked} of {name} ({exporter})");
    }
}

fn size(dim: &Dim) -> String {
    dim.size().map_or_else(|| "?".to_owned(), |size| size.to_string())
}
