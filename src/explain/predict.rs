//! What the model sees, with probabilities.

use std::{num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{explanation::Prediction, predictions::likeliest};
use crate::{
    error::Result,
    model::{Model, Picture, Question},
    runtime::Cancellation,
};

/// The likeliest classes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct Predict {
    /// How many classes to give.
    #[arg(long, default_value_t)]
    #[schema(value_type = usize, minimum = 1, default = 5)]
    pub top: Top,
}

/// How many classes to give: at least 1; more than the model has means all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "usize")]
pub struct Top(usize);

impl Default for Top {
    fn default() -> Self {
        Self(5)
    }
}

impl TryFrom<usize> for Top {
    type Error = &'static str;

    fn try_from(count: usize) -> Result<Self, Self::Error> {
        if count == 0 { Err("top must be at least 1") } else { Ok(Self(count)) }
    }
}

impl FromStr for Top {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let count: usize = text.parse().map_err(|error: ParseIntError| error.to_string())?;
        Ok(Self::try_from(count)?)
    }
}

impl std::fmt::Display for Top {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What the model sees in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"predictions": [{"index": 36, "label": "elephant", "probability": 0.97}]}))]
pub struct Predictions {
    /// The likeliest classes, best first.
    pub predictions: Vec<Prediction>,
}

impl Predict {
    /// The likeliest classes of `picture`.
    pub fn predict(&self, model: &Model, picture: &Picture, cancellation: &Cancellation) -> Result<Predictions> {
        let answer = model.ask(&Question::default(), &picture.input, &[], cancellation)?;
        Ok(Predictions { predictions: likeliest(model, &answer, self.top.0) })
    }
}
