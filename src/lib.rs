//! Glassbox explains what an image classifier saw.
//!
//! The rooms of this library stand on floors, and a room imports only from floors below its own
//! (`tests/architecture.rs` checks it): [`cli`] on [`http`] on [`jobs`] on [`explain`] on [`model`] on
//! [`runtime`] on [`autodiff`] and [`imaging`] on [`onnx`], with [`config`], [`error`] and [`trace`] on the ground.

pub mod autodiff;
pub mod cli;
pub mod config;
pub mod error;
pub mod explain;
pub mod http;
pub mod imaging;
pub mod jobs;
pub mod model;
pub mod onnx;
pub mod runtime;
pub mod trace;
