//! What can be wrong with an ONNX file or graph.

/// A result whose error is [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a graph cannot be read, edited or understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not an ONNX model, or parts of it are missing or contradict each other.
    #[error("not a valid ONNX model: {0}")]
    Invalid(String),
    /// The model is valid ONNX, but uses something that is not supported.
    #[error("unsupported ONNX model: {0}")]
    Unsupported(String),
    /// A file cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the operating system says.
        reason: String,
    },
    /// A node breaks its operator's rules.
    #[error("node `{node}` ({op_type}): {reason}")]
    Node {
        /// The node's name.
        node: String,
        /// The node's operator.
        op_type: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        Self::setup("invalid_model", error.to_string())
    }
}
