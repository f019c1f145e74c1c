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

/// Something that was understood of a model's files, whether they say it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What; if it was concluded, the inference's setting.
    pub what: &'static str,
    /// As what.
    pub value: String,
}

/// What was found out about one model so far.
#[derive(Debug)]
pub(super) struct Inferences<'m> {
    model: &'m str,
    list: Vec<Inference>,
    findings: Vec<Finding>,
}

impl<'m> Inferences<'m> {
    /// Nothing yet, about `model`.
    pub fn about(model: &'m str) -> Self {
        Self { model, list: Vec::new(), findings: Vec::new() }
    }

    /// The model's name.
    pub fn model(&self) -> &'m str {
        self.model
    }

    /// Notes what was understood.
    pub fn found(&mut self, what: &'static str, value: impl Into<String>) {
        self.findings.push(Finding { what, value: value.into() });
    }

    /// Notes a conclusion, and tells the log.
    pub fn note(&mut self, setting: &'static str, value: impl Into<String>, reason: impl Into<String>) {
        let (value, reason) = (value.into(), reason.into());
        tracing::info!(model = self.model, setting, value, reason, "inferred");
        self.list.push(Inference { setting, value, reason });
    }

    /// The conclusions so far, in order.
    pub fn list(&self) -> &[Inference] {
        &self.list
    }

    /// All that was understood, and the conclusions among it.
    pub fn into_lists(self) -> (Vec<Finding>, Vec<Inference>) {
        (self.findings, self.list)
    }
}
