//! What is fuzzed: each module takes in any bytes, and panics if the service does with them what it must not.
//!
//! The tests of the service (`tests/hostile`) run the same functions on the seeds and on changes to them.

pub mod onnx;
pub mod options;
pub mod picture;
