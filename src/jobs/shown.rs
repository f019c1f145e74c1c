//! What a job shows before it ends.

use crate::{
    error::{Error, Result},
    explain::{Found, SoFar},
};

/// The file that holds the picture so far.
const PICTURE: &str = "growing";
/// What the names of files begin with that hold explanations; the technique's name follows.
pub(super) const EXPLANATION: &str = "explanation:";

/// What a job has come to so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A picture that is being made, as a PNG file.
    Picture(Vec<u8>),
    /// What a technique has found, a [`SoFar`] as JSON.
    Explanation {
        /// The technique's name.
        technique: String,
        /// The JSON.
        json: Vec<u8>,
    },
}

impl Shown {
    /// What a technique has found.
    pub(super) fn explanation(so_far: SoFar<'_>) -> Result<Self> {
        let technique = match so_far.explanation {
            Found::Maps(explanation) => explanation.technique,
            Found::Occlusion(maps) => maps.technique,
            Found::Layers(layers) => layers.technique,
        };
        let json = serde_json::to_vec(&so_far).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self::Explanation { technique: technique.to_owned(), json })
    }

    /// The name of the file that holds it; the newest takes the place of the one before.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Picture(_) => PICTURE.to_owned(),
            Self::Explanation { technique, .. } => format!("{EXPLANATION}{technique}"),
        }
    }

    /// The file.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Picture(bytes) | Self::Explanation { json: bytes, .. } => bytes,
        }
    }

    /// What a file called `name` holds, if it is one of these.
    pub(super) fn kept(name: &str, bytes: Vec<u8>) -> Option<Self> {
        if name == PICTURE {
            return Some(Self::Picture(bytes));
        }
        let technique = name.strip_prefix(EXPLANATION)?.to_owned();
        Some(Self::Explanation { technique, json: bytes })
    }
}
