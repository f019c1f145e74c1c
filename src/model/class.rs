//! Naming classes.

use std::{convert::Infallible, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{AnyOfBuilder, ObjectBuilder, Schema, Type},
    },
};

use crate::error::{Error, Result, did_you_mean, excerpt};

/// A class as a caller names it: an index, or a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRef(pub String);

impl ToSchema for ClassRef {}

impl PartialSchema for ClassRef {
    fn schema() -> RefOr<Schema> {
        let label = ObjectBuilder::new().schema_type(Type::String);
        let index = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        let either = AnyOfBuilder::new().item(label).item(index);
        either
            .description(Some("A class as a caller names it: an index, or a label."))
            .examples(["elephant", "36"])
            .into()
    }
}

impl FromStr for ClassRef {
    type Err = Infallible;

    fn from_str(s: &str) -> Result<Self, Infallible> {
        Ok(Self(s.to_owned()))
    }
}

/// What a model's classes are called, in index order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels(Vec<String>);

impl fmt::Display for Labels {
    /// How many there are, and the first of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: usize = 4;
        let named: Vec<&str> = self.iter().take(NAMED).collect();
        let more = if self.len() > NAMED { ", ..." } else { "" };
        write!(f, "{}: {}{more}", self.len(), named.join(", "))
    }
}

impl Labels {
    /// One label per line; blank lines at the end do not count.
    pub fn parse(text: &str) -> Self {
        Self(text.trim_end().lines().map(|line| line.trim().to_owned()).collect())
    }

    /// `class_0` to `class_{count - 1}`, for a model without a labels file.
    pub fn numbered(count: usize) -> Self {
        Self((0..count).map(|index| format!("class_{index}")).collect())
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The label of class `index`; empty when there is no such class.
    pub fn get(&self, index: usize) -> &str {
        self.0.get(index).map_or("", String::as_str)
    }

    /// All labels in index order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The index of `class`: a label (as written, then without regard to case, spaces and underscores), else an index.
    ///
    /// Unknown is a 422 that names near labels, or the range of indices.
    pub fn resolve(&self, class: &ClassRef) -> Result<usize> {
        let wanted = class.0.trim();
        let simple = |s: &str| s.to_lowercase().replace([' ', '-'], "_");
        let exact = self.0.iter().position(|label| label == wanted);
        if let Some(index) = exact.or_else(|| self.0.iter().position(|label| simple(label) == simple(wanted))) {
            return Ok(index);
        }
        let message = match wanted.parse::<i64>() {
            Ok(index) => match usize::try_from(index) {
                Ok(index) if index < self.len() => return Ok(index),
                _ => format!("there is no class {index}: indices go from 0 to {}", self.len().saturating_sub(1)),
            },
            Err(_) => {
                let hint = did_you_mean(wanted, self.iter(), 3).unwrap_or_else(|| {
                    format!("use a label from the model's page or an index from 0 to {}", self.len().saturating_sub(1))
                });
                format!("there is no class `{}`: {hint}", excerpt(wanted))
            }
        };
        Err(Error::unprocessable("unknown_class", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(class: &str) -> Result<usize> {
        Labels::parse("Faces\nstop_sign\nyin_yang\n\n").resolve(&ClassRef(class.into()))
    }

    #[test]
    fn a_class_is_a_label_or_an_index() {
        assert_eq!(resolve("yin_yang"), Ok(2));
        assert_eq!(resolve("Stop Sign"), Ok(1));
        assert_eq!(resolve("0"), Ok(0));
    }

    #[test]
    fn an_unknown_class_says_what_would_do() {
        assert!(resolve("stop_sing").unwrap_err().message.contains("`stop_sign`"));
        assert!(resolve("3").unwrap_err().message.contains("from 0 to 2"));
        assert!(resolve("-1").unwrap_err().message.contains("from 0 to 2"));
        assert!(resolve("").is_err());
    }
}
