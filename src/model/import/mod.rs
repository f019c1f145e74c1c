//! Making a model of a network's weights.

mod naming;
mod vgg16;
mod weights;

use std::path::Path;

use bytes::Bytes;

pub use naming::Naming;

use vgg16::Vgg16;
use weights::Weights;

use super::{Labels, directory::ModelDirectory, imagenet_labels};
use crate::{
    error::{Error, Result},
    onnx::map_file,
};

/// What was understood of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// How the tensors are named.
    pub naming: Naming,
    /// How many classes there are.
    pub classes: usize,
    /// The side of the pictures in pixels.
    pub size: usize,
}

/// Makes the model directory `output` of the VGG16 whose `weights` are in a safetensors file, at any width and number of classes.
///
/// The tensors' names tell where they come from, and so their layout and the preprocessing. Without `labels`, 1,000 classes are
/// taken for `ImageNet`'s, and a `labels.txt` or `model.toml` that is there without a model stays. An error if a tensor is missing,
/// too many, or of another shape or type, if the labels are not as many as the classes, or if there is a model, or are labels, that
/// `force` does not give up.
pub fn import_vgg16(weights: &Path, output: &Path, labels: Option<Labels>, force: bool) -> Result<Imported> {
    let network =
        read(weights).map_err(|error| Error { message: format!("`{}`: {error}", weights.display()), ..error })?;
    let (naming, classes, size) = (network.naming, network.classes(), network.size());
    check_number(labels.as_ref(), classes)?;
    let directory = ModelDirectory::open(output)?;
    if directory.has_model() && !force {
        let message =
            format!("`{}` holds a model: name another --output, or replace it with --force", output.display());
        return Err(Error::setup("another_model_there", message));
    }
    let there = if force { None } else { directory.labels()? };
    if labels.is_some() && there.is_some() && labels != there {
        let message = format!(
            "`{}` has a labels.txt of its own: leave --labels out, or replace it with --force",
            output.display()
        );
        return Err(Error::setup("other_labels_there", message));
    }
    check_number(there.as_ref(), classes)?;
    let labels = labels.or(there).or_else(|| (classes == 1000).then(imagenet_labels));
    directory.describe(&manifest(naming, size), labels.as_ref(), force)?;
    directory.write("model.onnx", &network.into_graph().to_bytes())?;
    Ok(Imported { naming, classes, size })
}

/// An error if there are labels, but not as many as `classes`.
fn check_number(labels: Option<&Labels>, classes: usize) -> Result<()> {
    match labels.map(Labels::len) {
        Some(count) if count != classes => {
            let message = format!("the network has {classes} classes, but there are {count} labels");
            Err(Error::setup("labels_do_not_fit", message))
        }
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<Vgg16> {
    let file = map_file(path)?;
    refuse_other_formats(&file)?;
    Vgg16::read(Weights::read(&file)?)
}

/// An error that says how weights in another format become a safetensors file.
fn refuse_other_formats(file: &Bytes) -> Result<()> {
    const KERAS: &str =
        "safetensors.numpy.save_file({w.path: numpy.array(w) for w in model.weights}, \"weights.safetensors\")";
    const PYTORCH: &str = "safetensors.torch.save_file(model.state_dict(), \"weights.safetensors\")";
    let message = if file.starts_with(b"\x89HDF") {
        format!("it is an HDF5 file, not safetensors; load it in Keras and write: {KERAS}")
    } else if file.starts_with(b"PK") {
        format!("it is a zip archive, not safetensors; load it and write, in PyTorch: {PYTORCH}, or in Keras: {KERAS}")
    } else {
        return Ok(());
    };
    Err(Error::setup("invalid_weights", message))
}

fn manifest(naming: Naming, size: usize) -> String {
    let preprocessing = match naming {
        Naming::Torchvision | Naming::Timm => "mode = \"torch\"\nresize = \"crop\"",
        Naming::Keras => "mode = \"caffe\"\nresize = \"stretch\"",
    };
    format!(
        "[about]\ntitle = \"VGG16\"\nsource = \"made by `glassbox import` of weights named by {naming}\"\n\n\
         # What networks of this origin are usually trained on; change it if yours was trained otherwise.\n\
         [preprocessing]\n{preprocessing}\nsize = {size}\n"
    )
}
