//! Why a graph cannot be differentiated.

use crate::onnx;

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a graph cannot be differentiated as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The way back passes an operator whose gradient is not known here.
    #[error(
        "the gradient of operator `{op_type}` (node `{node}`) is not known, so no gradient can pass it; choose a layer after it"
    )]
    NoRule {
        /// The operator.
        op_type: String,
        /// The node's name.
        node: String,
    },
    /// The operator has a rule, but not for the way this node uses it.
    #[error("no gradient can pass node `{node}` ({op_type}): {reason}")]
    Node {
        /// The operator.
        op_type: String,
        /// The node's name.
        node: String,
        /// What stands in the way.
        reason: String,
    },
    /// A name that no value of the graph has.
    #[error("the graph has no value named `{0}`")]
    UnknownValue(String),
    /// The target does not depend on the value, so there is no gradient.
    #[error("`{target}` does not depend on `{value}`, so it has no gradient with respect to it")]
    NotUpstream {
        /// The value the gradient was asked for.
        value: String,
        /// The value that was to be differentiated.
        target: String,
    },
    /// The graph itself is not as it should be.
    #[error(transparent)]
    Graph(#[from] onnx::Error),
}

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        Self::unprocessable("not_differentiable", error.to_string())
    }
}
