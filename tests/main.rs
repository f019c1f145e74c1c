//! Drives a real server over a socket, and checks the library against references.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod activation_maximization;
mod adapt;
mod architecture;
mod cli;
mod golden_gradients;
mod golden_techniques;
mod golden_weights;
mod gradients;
mod hostile;
mod http;
mod incremental;
mod jobs;
mod onnx_runtime;
mod operators;
mod own_models;
mod pull;
mod small_network;
mod stop_sign;
mod summary;
mod techniques;
mod traces;
mod upgrades;
mod vgg16;
mod vgg16_files;
mod zoo;
