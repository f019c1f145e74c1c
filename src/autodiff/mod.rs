//! Reverse-mode differentiation of ONNX graphs: ONNX in, ONNX out, standard operators only.
//!
//! ONNX Runtime runs models but does not differentiate them. [`differentiate()`] extends a model's graph with the
//! vector-Jacobian product (VJP) of one of its values: the new graph takes a cotangent of that value as another
//! input, and its outputs are the cotangents carried back to the values asked for, that is gradients of
//! `sum(cotangent * target)`.
//!
//! # Batches
//! The cotangent has a batch of its own. With `n` pictures and a cotangent of batch `n`, each picture gets its own
//! gradient. With one picture and a cotangent of batch `k`, one forward pass serves `k` gradients, such as those of `k`
//! classes. So every rule keeps this invariant: *a value's cotangent has the value's shape, except on axis 0, where it
//! has the cotangent's batch*; whatever a rule takes from the forward pass must broadcast along axis 0.
//!
//! # Rooms
//! One file per family of operators holds the rules; `rules.rs` is the table that finds them, `context.rs` is what they
//! write into.

mod activation;
mod along;
mod blocked;
mod context;
mod conv;
mod differentiate;
mod elementwise;
mod error;
mod gather;
mod layout;
mod linear;
mod maxima;
mod normalization;
mod phases;
mod pool;
mod reduce;
mod resize;
mod rules;
mod smooth;
mod softmax;
mod window;

pub use context::is_backward;
pub use differentiate::{COTANGENT, COTANGENT_BATCH, Rule, Vjp, differentiate, gradient_name};
pub use error::{Error, Result};
pub use rules::{operators, step_operators};
