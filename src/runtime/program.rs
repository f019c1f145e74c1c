//! A compiled graph.

use std::{collections::HashMap, sync::Arc, time::Instant};

use ndarray::{ArrayD, ArrayViewD};
use ort::{
    session::{Session, SessionInputValue, builder::SessionBuilder},
    value::TensorRef,
};

use super::{Cancellation, Runtime, Weights, ort_error, session::ConcurrentSession};
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

/// A graph compiled for ONNX Runtime: one session, which any number of threads run at once.
#[derive(Debug)]
pub struct Program {
    kind: Arc<str>,
    session: ConcurrentSession,
}

impl Program {
    /// Compiles `graph`, in a form that refers to the shared `weights`.
    ///
    /// `kind` tells its runs from those of others where they are measured: one of few.
    pub fn compile(runtime: &Runtime, weights: &Weights, graph: &Graph, kind: &str) -> Result<Self> {
        let graph = graph.without_miscounted_ceil_mode()?;
        let session = open(runtime, weights, &graph)?;
        Ok(Self { kind: kind.into(), session })
    }

    /// Runs the graph on `inputs`, all float outputs in the answer; stops early when `cancellation` is set.
    pub fn run(&self, inputs: Vec<(&str, Input<'_>)>, cancellation: &Cancellation) -> Result<Outputs> {
        let values = inputs
            .into_iter()
            .map(|(name, input)| Ok((name, value(input)?)))
            .collect::<Result<Vec<(&str, SessionInputValue<'_>)>>>()?;
        cancellation.during(|options| {
            let start = Instant::now();
            let outputs = self.session.run(&values, options);
            metrics::histogram!("glassbox_run_seconds", "program" => Arc::clone(&self.kind)).record(start.elapsed());
            outputs
        })
    }
}

fn open(runtime: &Runtime, weights: &Weights, graph: &Graph) -> Result<ConcurrentSession> {
    let mut builder = builder(runtime).map_err(ort_error)?;
    if let Some(directory) = weights.directory() {
        // Prepacking would copy each mapped weight into a layout of its own.
        builder = builder
            .with_prepacking(false)
            .map_err(ort_error)?
            .with_config_entry("session.model_external_initializers_file_folder_path", directory.to_string_lossy())
            .map_err(ort_error)?;
    }
    let shared = weights.shared(graph)?;
    for weight in &shared {
        // SAFETY: the session that reads `shared` is handed over with it below, to be dropped before it; if that is not reached, there
        // is no session.
        unsafe { weight.lend(&mut builder)? };
    }
    let model = graph.write(&|name, tensor| weights.place(name, tensor));
    let session = builder.commit_from_memory(&model).map_err(ort_error);
    give_back_memory();
    ConcurrentSession::new(session?, shared)
}

/// What makes a session whose runs take the memory of their values from all sessions' arena.
///
/// A memory pattern would have each run take it in one piece, as large as the run needs, which hardly ever fits what earlier runs of other
/// programs left free: the arena took 195 MiB more for four programs of VGG16.
fn builder(runtime: &Runtime) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(runtime.environment())?.with_env_allocators()?.with_memory_pattern(false)?)
}

/// Gives freed memory back to the system: to open a session copies weights to and fro, and C's allocator keeps what was freed.
fn give_back_memory() {
    // SAFETY: it may be called at any time, from any thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
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
