//! The tensors of a safetensors file.

use std::collections::BTreeMap;

use bytes::Bytes;
use safetensors::{Dtype, SafeTensors};

use super::naming::{Naming, Spelling};
use crate::{
    error::{Error, Result, quoted},
    onnx::{DataType, Tensor},
};

/// The most names that an error lists.
const MOST_NAMES: usize = 4;

/// A network's tensors, by the names that [`super::naming::LayerName::tensors`] gives them.
pub(super) struct Weights {
    pub naming: Naming,
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Reads the tensors of `file`, which they share if they are float32; an error if it is no safetensors file of floats with a
    /// VGG's names.
    pub fn read(file: &Bytes) -> Result<Self> {
        let stored = SafeTensors::deserialize(file)
            .map_err(|error| invalid(format!("it is not a safetensors file: {error}")))?;
        let views: BTreeMap<_, _> = stored.iter().collect();
        let names: Vec<_> = views.keys().copied().collect();
        let spelling = Spelling::of(&names).ok_or_else(|| {
            let names = listed(&names);
            invalid(format!("its tensors ({names}) have neither torchvision's, timm's nor Keras' names of a VGG16"))
        })?;
        let mut tensors = BTreeMap::new();
        for (name, view) in views {
            let dtype = data_type(name, view.dtype())?;
            let tensor = Tensor::new(dtype, view.shape().to_vec(), file.slice_ref(view.data()))?;
            if tensors.insert(spelling.plain(name), as_float32(tensor)?).is_some() {
                return Err(invalid(format!("`{name}` is in it twice, under another spelling too")));
            }
        }
        Ok(Self { naming: spelling.naming, tensors })
    }

    /// Takes out the tensors called `names`; an error names those that are missing, and those that are too many.
    pub fn take(mut self, names: &[String]) -> Result<BTreeMap<String, Tensor>> {
        let missing: Vec<_> =
            names.iter().filter(|name| !self.tensors.contains_key(*name)).map(String::as_str).collect();
        let taken = names.iter().filter_map(|name| self.tensors.remove_entry(name)).collect();
        let besides: Vec<_> = self.tensors.keys().map(String::as_str).collect();
        if missing.is_empty() && besides.is_empty() {
            return Ok(taken);
        }
        let faults = [("missing", missing), ("too many", besides)];
        let faults = faults.iter().filter(|(_, names)| !names.is_empty());
        let faults = faults.map(|(fault, names)| format!("{fault}: {}", listed(names))).collect::<Vec<_>>().join("; ");
        let naming = self.naming;
        Err(invalid(format!("it is not a plain VGG16 named by {naming} ({faults}); export other networks to ONNX")))
    }
}

/// The first of `names`, and how many more there are.
fn listed(names: &[&str]) -> String {
    let first = quoted(names.iter().copied().take(MOST_NAMES));
    match names.len().saturating_sub(MOST_NAMES) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn data_type(name: &str, dtype: Dtype) -> Result<DataType> {
    match dtype {
        Dtype::F16 => Ok(DataType::Float16),
        Dtype::BF16 => Ok(DataType::Bfloat16),
        Dtype::F32 => Ok(DataType::Float),
        Dtype::F64 => Ok(DataType::Double),
        other => Err(invalid(format!("`{name}` is of type {other:?}: save the weights as float32"))),
    }
}

fn as_float32(tensor: Tensor) -> Result<Tensor> {
    Ok(if tensor.dtype() == DataType::Float { tensor } else { Tensor::from_floats(tensor.shape(), &tensor.floats()?) })
}

/// An error about the weights.
pub(super) fn invalid(message: String) -> Error {
    Error::setup("invalid_weights", message)
}
