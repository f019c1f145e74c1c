//! Activation maximization: a picture that a class or a filter answers to as strongly as can be.

mod ascend;
mod canvas;
mod color;
mod fourier;
mod maximum;
mod optimizer;
mod options;
mod regularizers;
mod transform;

pub use ascend::Step;
pub use maximum::{Drawing, Losses, Maximum};
pub use options::{ActivationMaximization, Recipe};

#[cfg(test)]
mod tests;
