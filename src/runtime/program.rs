//! A compiled graph and the sessions that run it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use ndarray::{ArrayD, ArrayViewD};
use ort::{
    session::{RunOptions, Session, SessionInputValue},
    value::TensorRef,
};

use super::{Cancellation, Runtime, Weights, ort_error, shared::SharedWeight};
use crate::{
    error::{Error, Result},
    onnx::Graph,
};

/// A tensor fed to a run.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// Pictures, feature maps, cotangents.
    Floats(ArrayViewD<'a, f32>),
    /// Indices.
    Ints(ArrayViewD<'a, i64>),
}

/// What a run gives back, by value name.
pub type Outputs = HashMap<String, ArrayD<f32>>;

/// A graph compiled for ONNX Runtime.
///
/// It is written once, in a form that refers to the shared weights; sessions are opened as concurrent runs need them
/// (the workers bound how many that is) and kept.
#[derive(Debug)]
pub struct Program {
    kind: Arc<str>,
    runtime: Runtime,
    model: Vec<u8>,
    weights_directory: Option<String>,
    idle: Mutex<Vec<Session>>,
    /// What the sessions read; dropped after them.
    shared: Vec<SharedWeight>,
}

impl Program {
    /// Compiles `graph` and opens its first session, so that a graph that ONNX Runtime refuses is known at once.
    ///
    /// `kind` tells its runs from those of others where they are measured: one of few.
    pub fn compile(runtime: &Runtime, weights: &Weights, graph: &Graph, kind: &str) -> Result<Self> {
        let graph = graph.without_miscounted_ceil_mode()?;
        let program = Self {
            kind: kind.into(),
            runtime: runtime.clone(),
            model: graph.write(&|name, tensor| weights.place(name, tensor)),
            weights_directory: weights.directory().map(|directory| directory.to_string_lossy().into_owned()),
            idle: Mutex::default(),
            shared: weights.shared(&graph)?,
        };
        let session = program.open()?;
        program.idle().push(session);
        Ok(program)
    }

    /// Runs the graph on `inputs`, all float outputs in the answer; stops early when `cancellation` is set.
    pub fn run(&self, inputs: Vec<(&str, Input<'_>)>, cancellation: &Cancellation) -> Result<Outputs> {
        let values = inputs
            .into_iter()
            .map(|(name, input)| Ok((name, value(input)?)))
            .collect::<Result<Vec<(&str, SessionInputValue<'_>)>>>()?;
        cancellation.during(|options| {
            let mut session = match self.take() {
                Some(session) => session,
                None => self.open()?,
            };
            let start = Instant::now();
            let outputs = run(&mut session, values, options);
            metrics::histogram!("glassbox_run_seconds", "program" => Arc::clone(&self.kind)).record(start.elapsed());
            self.idle().push(session);
            outputs
        })
    }

    fn take(&self) -> Option<Session> {
        self.idle().pop()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<Session> {
        let builder = Session::builder(self.runtime.environment()).map_err(ort_error)?;
        // The values of a run are memory of all sessions in turn, rather than kept by each for its next run.
        let mut builder = builder.with_env_allocators().map_err(ort_error)?;
        if let Some(directory) = &self.weights_directory {
            // Prepacking would copy each mapped weight into a layout of its own, once per session.
            builder = builder
                .with_prepacking(false)
                .map_err(ort_error)?
                .with_config_entry("session.model_external_initializers_file_folder_path", directory)
                .map_err(ort_error)?;
        }
        for weight in &self.shared {
            // SAFETY: sessions are in `idle`, which is dropped before `shared`, or borrowed from this program by a run.
            unsafe { weight.lend(&mut builder)? };
        }
        let session = builder.commit_from_memory(&self.model).map_err(ort_error);
        give_back_memory();
        session
    }
}

/// Gives freed memory back to the system: to open a session copies weights to and fro, and C's allocator keeps what was freed.
fn give_back_memory() {
    // SAFETY: it may be called at any time, from any thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

fn run(session: &mut Session, values: Vec<(&str, SessionInputValue<'_>)>, options: &RunOptions) -> Result<Outputs> {
    let outputs = session.run_with_options(values, options).map_err(ort_error)?;
    let floats = outputs
        .iter()
        .map(|(name, value)| Ok((name.to_owned(), value.try_extract_array::<f32>().map_err(ort_error)?.into_owned())));
    floats.collect()
}

fn value(input: Input<'_>) -> Result<SessionInputValue<'_>> {
    let contiguous = || Error::internal("an input is not contiguous");
    match input {
        Input::Floats(view) => {
            let shape = view.shape().to_vec();
            let data = view.to_slice().ok_or_else(contiguous)?;
            Ok(TensorRef::from_array_view((shape, data)).map_err(ort_error)?.into())
        }
        Input::Ints(view) => {
            let shape = view.shape().to_vec();
            let data = view.to_slice().ok_or_else(contiguous)?;
            Ok(TensorRef::from_array_view((shape, data)).map_err(ort_error)?.into())
        }
    }
}
