//! From a picture's file to an answer's file: the way that every request takes, over HTTP and on the command line.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use tracing::info_span;
use utoipa::ToSchema;

use super::{Backdrop, Findings};
use crate::{
    config::Images,
    error::{Error, Kind, Result},
    imaging::{Region, Style, decode},
    model::{Model, Picture},
    runtime::Cancellation,
};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Numbers as JSON.
    Json,
    /// A picture.
    Png,
    /// Numbers as a `NumPy` file.
    Npy,
}

/// What a model found in a picture.
#[derive(Debug, Serialize, ToSchema)]
pub struct Report<F> {
    /// The model's name.
    #[schema(examples("vgg16-caltech101"))]
    model: String,
    /// The upright picture.
    image: Dimensions,
    /// The part of it that the model saw, and that maps lie over: all, or the middle.
    seen: Region,
    #[serde(flatten)]
    findings: F,
    /// How long each step took.
    timing_ms: Timing,
    #[serde(skip)]
    picture: Picture,
}

/// The size of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Dimensions {
    /// Pixels in a row.
    #[schema(examples(640))]
    pub width: u32,
    /// Rows.
    #[schema(examples(427))]
    pub height: u32,
}

/// How long each step took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Timing {
    /// From the picture's file to the model's input; 0 where there is no file.
    #[schema(examples(3.1))]
    pub decode: f64,
    /// From the model's input to the findings.
    #[schema(examples(21.0))]
    pub run: f64,
}

/// A report as a file.
#[derive(Debug)]
pub struct Written {
    /// The file.
    pub bytes: Vec<u8>,
    /// How long what led to it took.
    pub timing: Timing,
    /// How long writing it took, in milliseconds.
    pub render: f64,
}

impl<F: Serialize> Report<F> {
    /// Decodes the picture in `file` within `limits`, makes it ready for `model`, and lets `run` look at it.
    ///
    /// A file that is no picture, or too large a one, is a 422.
    pub fn new(
        model: &Model,
        file: &[u8],
        limits: &Images,
        cancellation: &Cancellation,
        run: impl FnOnce(&Picture) -> Result<F>,
    ) -> Result<Self> {
        let start = Instant::now();
        let picture = info_span!("decode").in_scope(|| -> Result<Picture> {
            let photo = decode(file, limits.into())?;
            cancellation.check()?;
            Ok(model.prepare(photo))
        })?;
        Self::about(model, picture, milliseconds(start), run)
    }

    /// Lets `run` look at a `picture` that took `decode` milliseconds to make ready for `model`.
    pub fn about(
        model: &Model,
        picture: Picture,
        decode: f64,
        run: impl FnOnce(&Picture) -> Result<F>,
    ) -> Result<Self> {
        let start = Instant::now();
        let findings = info_span!("run").in_scope(|| run(&picture))?;
        let timing_ms = Timing { decode, run: milliseconds(start) };
        let image = Dimensions { width: picture.photo.width(), height: picture.photo.height() };
        Ok(Self { model: model.name().to_owned(), image, seen: picture.seen, findings, timing_ms, picture })
    }

    /// What the model found.
    pub fn findings(&self) -> &F {
        &self.findings
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Result<Written> {
        self.timed(|| serde_json::to_vec(self).map_err(|error| Error::internal(error.to_string())))
    }

    fn timed(&self, write: impl FnOnce() -> Result<Vec<u8>>) -> Result<Written> {
        let start = Instant::now();
        Ok(Written {
            bytes: info_span!("render").in_scope(write)?,
            timing: self.timing_ms,
            render: milliseconds(start),
        })
    }
}

impl<F: Findings> Report<F> {
    /// The report in `format`; `style` is for pictures.
    pub fn write(&self, format: Format, style: &Style, cancellation: &Cancellation) -> Result<Written> {
        let backdrop = Backdrop { picture: &self.picture, style, cancellation };
        match format {
            Format::Json => self.to_json(),
            Format::Png => self.timed(|| self.findings.to_png(backdrop)),
            Format::Npy => self.timed(|| self.findings.to_npy()),
        }
    }
}

/// An answer's file in each format, or why there is none in it.
pub type Files = Vec<(Format, Result<Vec<u8>>)>;

/// What `write` makes of each of `formats`.
///
/// Findings of which JSON, the first, cannot be made are an error, as is being cancelled; other formats may have their own reasons.
pub fn write_all(formats: &[Format], mut write: impl FnMut(Format) -> Result<Written>) -> Result<Files> {
    let file = |&format: &Format| match write(format).map(|written| written.bytes) {
        Err(error) if format == Format::Json || error.kind == Kind::Cancelled => Err(error),
        file => Ok((format, file)),
    };
    formats.iter().map(file).collect()
}

/// The milliseconds since `start`, to a microsecond.
pub(super) fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_micros() as f64 / 1e3
}
