//! Weights that sessions read where they lie.
//!
//! A session that maps a weight's file itself has a mapping of its own: the memory is shared, but each mapping counts as resident.

use std::ffi::CString;

use bytes::Bytes;
use ort::{AsPointer, ortsys, session::builder::SessionBuilder, value::TensorRef};

use super::ort_error;
use crate::{
    error::{Error, Result},
    onnx::{DataType, Tensor},
};

/// A float32 weight as a tensor of ONNX Runtime, in memory that this holds.
#[derive(Debug)]
pub(super) struct SharedWeight {
    name: CString,
    /// Points into `_data`, and is dropped before it.
    value: TensorRef<'static, f32>,
    _data: Bytes,
}

impl SharedWeight {
    /// The weight `name`; `None` if `tensor` does not hold float32 at an address that suits it.
    pub fn new(name: &str, tensor: &Tensor) -> Result<Option<Self>> {
        let data = tensor.data().clone();
        #[allow(clippy::cast_ptr_alignment)] // the next line checks it
        let address = data.as_ptr().cast::<f32>();
        if tensor.dtype() != DataType::Float || !address.is_aligned() {
            return Ok(None);
        }
        // SAFETY: `address` is aligned, and is the start of as many bytes as the slice has; any bytes are float32. They are never
        // written to while a `Bytes` shares them, and `_data` keeps them where they are for as long as `value` exists.
        let floats: &'static [f32] = unsafe { std::slice::from_raw_parts(address, data.len() / size_of::<f32>()) };
        let value = TensorRef::from_array_view((tensor.shape().to_vec(), floats)).map_err(ort_error)?;
        let name = CString::new(name).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Some(Self { name, value, _data: data }))
    }

    /// Makes the session that `builder` opens read the initializer of this name here.
    ///
    /// # Safety
    ///
    /// The session must be dropped before this is.
    pub unsafe fn lend(&self, builder: &mut SessionBuilder) -> Result<()> {
        // SAFETY: all pointers are valid: those of living objects, and a string that ends with a zero. ONNX Runtime reads the value
        // as long as the session exists, and does not write to initializers; that the value lives as long is the caller's promise.
        let add = |options| -> ort::Result<()> {
            ortsys![unsafe AddInitializer(options, self.name.as_ptr(), self.value.ptr())?];
            Ok(())
        };
        add(builder.ptr_mut()).map_err(ort_error)
    }
}
