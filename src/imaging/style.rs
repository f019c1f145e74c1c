//! How a map is drawn: the options of a picture.

use std::{fmt, num::ParseFloatError, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ColorMap;

/// How a map is drawn: the same struct is the query string, the form, the JSON body, the OpenAPI schema and the flags of the command line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, clap::Args)]
#[serde(default)]
pub struct Style {
    /// Colour map; by default jet, and rdbu for a map with negative values.
    #[arg(long, value_enum)]
    pub colormap: Option<ColorMap>,
    /// How opaque the map lies over the photograph, 0 (invisible) to 1 (covers it).
    #[arg(long, default_value_t)]
    #[schema(value_type = f32, minimum = 0.0, maximum = 1.0, default = 0.5)]
    pub alpha: Alpha,
    /// The magnitude that gets the last colour; by default the map's own 99.5th percentile. Maps drawn with the same can be compared.
    #[arg(long)]
    #[schema(minimum = 0)]
    pub vmax: Option<f32>,
    /// Where the map's magnitude is below this share of what gets the last colour, it is not drawn: the photograph shows. 0 draws all.
    #[arg(long, default_value_t)]
    #[schema(minimum = 0, maximum = 1)]
    pub cutoff: f32,
    /// Draws the maps of two classes as one picture instead of side by side: the first class left of this share of the width, the
    /// second right of it.
    #[arg(long)]
    #[schema(minimum = 0, maximum = 1)]
    pub divider: Option<f32>,
    /// What the picture shows.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// How large the picture is.
    #[arg(long, value_enum, default_value_t)]
    pub size: Size,
}

/// What a picture shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Output {
    /// The map laid over the photograph.
    #[default]
    Overlay,
    /// The map alone.
    Heatmap,
    /// White where the map is important, else black.
    ///
    /// Important is what reaches half of the map's largest magnitude; techniques with a threshold of their own say so.
    Mask,
    /// The photograph where the map is important, else black.
    Masked,
}

impl Output {
    /// Whether the picture shows what is important, not how much.
    pub fn shows_mask(self) -> bool {
        matches!(self, Self::Mask | Self::Masked)
    }
}

/// How large a picture is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// As large as the uploaded picture.
    #[default]
    Original,
    /// As large as the model's input, showing what the model saw.
    Model,
}

/// How opaque the map lies over the photograph: 0 (invisible) to 1 (covers it), 0.5 by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f32")]
pub struct Alpha(f32);

impl Alpha {
    /// Covers the photograph.
    pub(super) const OPAQUE: Self = Self(1.0);

    /// In parts of 256.
    pub(super) fn of_256(self) -> u32 {
        (self.0 * 256.0).round() as u32
    }
}

impl Default for Alpha {
    fn default() -> Self {
        Self(0.5)
    }
}

impl TryFrom<f32> for Alpha {
    type Error = &'static str;

    fn try_from(alpha: f32) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&alpha) { Ok(Self(alpha)) } else { Err("alpha must be from 0 to 1") }
    }
}

impl FromStr for Alpha {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let alpha: f32 = text.parse().map_err(|error: ParseFloatError| error.to_string())?;
        Ok(Self::try_from(alpha)?)
    }
}

impl fmt::Display for Alpha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Parser, ValueEnum};

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        style: Style,
    }

    fn flags(flags: &[&str]) -> Result<Style, String> {
        let parsed = Command::try_parse_from(["test"].iter().chain(flags));
        parsed.map(|command| command.style).map_err(|error| error.to_string())
    }

    fn json(text: &str) -> Result<Style, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_and_json_say_the_same() {
        assert_eq!(flags(&[]), Ok(Style::default()));
        assert_eq!(json("{}"), Ok(Style::default()));
        let spelt = flags(&[
            "--colormap",
            "rdbu",
            "--alpha",
            "0.25",
            "--vmax",
            "2",
            "--cutoff",
            "0.5",
            "--divider",
            "0.75",
            "--output",
            "heatmap",
            "--size",
            "model",
        ]);
        assert_eq!(
            json(
                r#"{"colormap": "rdbu", "alpha": 0.25, "vmax": 2, "cutoff": 0.5, "divider": 0.75, "output": "heatmap", "size": "model"}"#
            ),
            spelt
        );
        assert!(spelt.is_ok());
    }

    #[test]
    fn a_query_and_a_flag_name_a_value_alike() {
        fn check<T: ValueEnum + Serialize>() {
            for value in T::value_variants() {
                let flag = value.to_possible_value().unwrap();
                assert_eq!(serde_json::to_value(value).unwrap(), flag.get_name());
            }
        }
        check::<ColorMap>();
        check::<Output>();
        check::<Size>();
    }

    #[test]
    fn alpha_is_from_0_to_1() {
        for good in ["0", "1", "0.5", "1e-3"] {
            assert_eq!(flags(&["--alpha", good]), json(&format!("{{\"alpha\": {good}}}")));
            assert!(flags(&["--alpha", good]).is_ok());
        }
        for bad in ["-0.1", "1.001", "1e9"] {
            assert!(flags(&[&format!("--alpha={bad}")]).unwrap_err().contains("alpha must be from 0 to 1"));
            assert!(json(&format!("{{\"alpha\": {bad}}}")).unwrap_err().contains("alpha must be from 0 to 1"));
        }
        for bad in ["NaN", "inf", "half"] {
            assert!(flags(&["--alpha", bad]).is_err(), "{bad}");
        }
        assert!(Alpha::try_from(f32::NAN).is_err());
    }
}
