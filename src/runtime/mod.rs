//! ONNX Runtime: the library, compiled programs and their sessions, the workers that use them, and cancellation.

mod cancellation;
mod library;
mod program;
mod session;
mod shared;
mod weights;
mod workers;

pub use cancellation::{Cancellation, Progress};
pub use library::Runtime;
pub use program::{Input, Outputs, Program};
pub use weights::Weights;
pub use workers::{Workers, joined};

use crate::error::Error;

/// An error of ONNX Runtime, for the log.
#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn ort_error<T>(error: ort::Error<T>) -> Error {
    Error::internal(format!("ONNX Runtime: {error}"))
}
