//! What the files of a model do not say, and what it is taken to be.

use serde::Serialize;
use utoipa::ToSchema;

/// A setting that was concluded from something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Inference {
    /// What was concluded.
    #[schema(examples("preprocessing"))]
    pub setting: &'static str,
    /// Its value.
    #[schema(examples("torch"))]
    pub value: String,
    /// From what.
    #[schema(examples("it was written by pytorch 2.9.0"))]
    pub reason: String,
}

/// What was concluded about one model.
#[derive(Debug)]
pub(super) struct Inferences<'m> {
    model: &'m str,
    list: Vec<Inference>,
}

impl<'m> Inferences<'m> {
    /// Nothing yet, about `model`.
    pub fn about(model: &'m str) -> Self {
        Self { model, list: Vec::new() }
    }

    /// Notes a conclusion, and tells the log.
    pub fn note(&mut self, setting: &'static str, value: impl Into<String>, reason: impl Into<String>) {
        let (value, reason) = (value.into(), reason.into());
        tracing::info!(model = self.model, setting, value, reason, "inferred");
        self.list.push(Inference { setting, value, reason });
    }

    /// All of them, in order.
    pub fn into_list(self) -> Vec<Inference> {
        self.list
    }
}
