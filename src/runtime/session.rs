//! A session that several threads run at once, so that a program has its packed weights once.
//!
//! `ort` lends a session to one run at a time (`run(&mut self)`), since some execution providers cannot do better. The only one here is
//! the CPU's, for which ONNX Runtime promises more: "Multiple threads can invoke the `Run()` method on the same inference session object.
//! To facilitate this, the `Compute()` function of all kernels is const" (its high-level design); "Multiple threads are allowed to run
//! this function; hence its thread-safe" (`inference_session.h`). The call below is therefore made by hand.

use std::{
    collections::HashMap,
    ffi::CString,
    ptr::{self, NonNull},
};

use ndarray::ArrayD;
use ort::{
    AsPointer, ortsys,
    session::{RunOptions, Session, SessionInputValue},
    value::DynValue,
};

use super::{ort_error, shared::SharedWeight};
use crate::error::{Error, Result};

/// A session and the weights that it reads.
#[derive(Debug)]
pub(super) struct ConcurrentSession {
    session: Session,
    outputs: Vec<(String, CString)>,
    /// Dropped after the session.
    _weights: Vec<SharedWeight>,
}

impl ConcurrentSession {
    /// `session`, of the CPU's execution provider, whose weights were lent by `weights`.
    pub fn new(session: Session, weights: Vec<SharedWeight>) -> Result<Self> {
        let mut this = Self { session, outputs: Vec::new(), _weights: weights };
        let names =
            this.session.outputs().iter().map(|output| Ok((output.name().to_owned(), c_string(output.name())?)));
        this.outputs = names.collect::<Result<_>>()?;
        Ok(this)
    }

    /// Runs the session on `inputs`; all its outputs, which must be float32, by name.
    pub fn run(
        &self,
        inputs: &[(&str, SessionInputValue<'_>)],
        options: &RunOptions,
    ) -> Result<HashMap<String, ArrayD<f32>>> {
        let values = self.call(inputs, options)?;
        let named = self.outputs.iter().zip(values);
        named
            .map(|((name, _), value)| {
                Ok((name.clone(), value.try_extract_array::<f32>().map_err(ort_error)?.into_owned()))
            })
            .collect()
    }

    fn call(&self, inputs: &[(&str, SessionInputValue<'_>)], options: &RunOptions) -> Result<Vec<DynValue>> {
        let input_names = inputs.iter().map(|(name, _)| c_string(name)).collect::<Result<Vec<_>>>()?;
        let input_names: Vec<_> = input_names.iter().map(|name| name.as_ptr()).collect();
        let inputs: Vec<_> = inputs.iter().map(|(_, value)| value.ptr()).collect();
        let output_names: Vec<_> = self.outputs.iter().map(|(_, name)| name.as_ptr()).collect();
        let mut outputs = vec![ptr::null_mut(); output_names.len()];
        let mut run = || -> ort::Result<()> {
            // SAFETY: the session, the options and the inputs live until this returns, and so do the names, which end with a zero; each
            // array is as long as is told, and a null output asks for one to be made. That other threads may be in the same call with the
            // same session is what ONNX Runtime promises above: no value of one run is seen by another, the weights are only read, and the
            // arena locks itself. The options belong to this run, but for their flag that ends it, which is atomic.
            ortsys![unsafe Run(
                self.session.ptr().cast_mut(), options.ptr(), input_names.as_ptr(), inputs.as_ptr(), inputs.len(),
                output_names.as_ptr(), output_names.len(), outputs.as_mut_ptr()
            )?];
            Ok(())
        };
        let ran = run();
        // What a failed run has made is released as well.
        let made = outputs.into_iter().filter_map(NonNull::new);
        // SAFETY: ONNX Runtime has made each value for us, in the session's memory, and nobody else releases it.
        let values: Vec<_> =
            made.map(|value| unsafe { DynValue::from_ptr(value, Some(self.session.allocator())) }).collect();
        ran.map_err(ort_error)?;
        if values.len() == self.outputs.len() { Ok(values) } else { Err(Error::internal("a run left an output out")) }
    }
}

fn c_string(name: &str) -> Result<CString> {
    CString::new(name).map_err(|_| Error::internal(format!("`{name}` holds a zero byte")))
}
