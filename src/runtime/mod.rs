//! ONNX Runtime: the library, sessions, the workers that use them, and cancellation.

mod cancellation;
mod workers;

pub use cancellation::Cancellation;
pub use workers::Workers;

use crate::error::Error;

/// An error of ONNX Runtime, for the log.
fn ort_error<T>(error: ort::Error<T>) -> Error {
    Error::internal(format!("ONNX Runtime: {error}"))
}
