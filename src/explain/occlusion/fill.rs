//! What the occluder shows.

use std::{fmt, str::FromStr};

use ndarray::{Array4, Axis};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{AnyOfBuilder, ObjectBuilder, Schema, Type},
    },
};

use crate::model::{Model, Picture};

/// What the occluder shows: a number after preprocessing, or one of the words below.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fill {
    /// This number in all channels of the model's input.
    Value(f32),
    /// Mid-grey.
    Gray,
    /// The picture's own mean colour.
    Mean,
    /// Black.
    Black,
    /// The picture itself, blurred.
    Blur,
}

/// About the mean colour of a photograph after preprocessing, as in the article.
impl Default for Fill {
    fn default() -> Self {
        Self::Value(0.5)
    }
}

impl ToSchema for Fill {}

impl PartialSchema for Fill {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-LARGEST)).maximum(Some(LARGEST));
        let word =
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["gray", "grey", "mean", "black", "blur"]));
        AnyOfBuilder::new().item(number).item(word).into()
    }
}

/// The largest number, positive or negative.
const LARGEST: f32 = 1000.0;

/// The standard deviation of the blur, as a share of the input's width.
const BLUR: f32 = 1.0 / 20.0;

impl Fill {
    /// The wholly occluded input [1, 3, H, W] of `picture`.
    pub(super) fn of(self, model: &Model, picture: &Picture) -> Array4<f32> {
        let input = &picture.input;
        let preprocessing = model.preprocessing();
        match self {
            Self::Value(value) => Array4::from_elem(input.dim(), value),
            Self::Gray => preprocessing.uniform([128; 3]),
            Self::Black => preprocessing.uniform([0; 3]),
            Self::Mean => {
                let means = input.mean_axis(Axis(3)).and_then(|rows| rows.mean_axis(Axis(2))).unwrap_or_default();
                let means = means.insert_axis(Axis(2)).insert_axis(Axis(3));
                means.broadcast(input.dim()).map(|means| means.to_owned()).unwrap_or_default()
            }
            Self::Blur => {
                let seen = preprocessing.to_picture(&input.index_axis(Axis(0), 0));
                preprocessing.tensor(&crate::imaging::blur(&seen, BLUR * preprocessing.width() as f32))
            }
        }
    }
}

impl FromStr for Fill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "gray" | "grey" => Ok(Self::Gray),
            "mean" => Ok(Self::Mean),
            "black" => Ok(Self::Black),
            "blur" => Ok(Self::Blur),
            number => match number.parse::<f32>() {
                Ok(value) if value.abs() <= LARGEST => Ok(Self::Value(value)),
                _ => Err("it takes a number from -1000 to 1000, or gray, mean, black or blur".to_owned()),
            },
        }
    }
}

impl TryFrom<String> for Fill {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Fill> for String {
    fn from(fill: Fill) -> Self {
        fill.to_string()
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Gray => f.write_str("gray"),
            Self::Mean => f.write_str("mean"),
            Self::Black => f.write_str("black"),
            Self::Blur => f.write_str("blur"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_is_a_number_or_a_word() {
        for fill in [Fill::Value(-1.5), Fill::Gray, Fill::Mean, Fill::Black, Fill::Blur] {
            assert_eq!(fill.to_string().parse(), Ok(fill));
        }
        for bad in ["NaN", "inf", "1e9", "white", ""] {
            assert!(bad.parse::<Fill>().unwrap_err().contains("gray, mean, black or blur"), "{bad}");
        }
    }
}
