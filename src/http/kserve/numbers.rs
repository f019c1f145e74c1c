//! Nested lists of numbers, read without more memory than the numbers take.

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor},
};

use crate::{
    error::{Result, excerpt},
    http::upload::malformed,
};

/// The numbers in `json`, lists nested as `shape` says, in row-major order; a 400 if they are others, or not finite.
pub(super) fn read(json: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let mut numbers = Vec::with_capacity(shape.iter().product());
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let nested = Nested { shape, numbers: &mut numbers };
    nested.deserialize(&mut deserializer).and_then(|()| deserializer.end()).map_err(|error| {
        let reason = error.to_string();
        malformed("malformed_tensor", format!("these are not numbers of shape {shape:?}: {}", excerpt(&reason)))
    })?;
    Ok(numbers)
}

/// Lists nested as `shape` says, whose numbers go to the end of `numbers`.
struct Nested<'a> {
    shape: &'a [usize],
    numbers: &'a mut Vec<f32>,
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if !self.shape.is_empty() {
            return deserializer.deserialize_seq(self);
        }
        let number = f32::deserialize(deserializer)?;
        if !number.is_finite() {
            return Err(D::Error::custom("a number is too large for float32"));
        }
        self.numbers.push(number);
        Ok(())
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "a list of {}", self.shape.first().copied().unwrap_or_default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let Some((&length, rest)) = self.shape.split_first() else { return Ok(()) };
        for index in 0..length {
            let nested = Nested { shape: rest, numbers: &mut *self.numbers };
            if sequence.next_element_seed(nested)?.is_none() {
                return Err(A::Error::custom(format!("a list has {index} elements rather than {length}")));
            }
        }
        if sequence.next_element::<serde::de::IgnoredAny>()?.is_some() {
            return Err(A::Error::custom(format!("a list has more than {length} elements")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_the_order_of_their_lists() {
        assert_eq!(read("[[1, 2.5], [-3, 4e1]]", &[2, 2]), Ok(vec![1.0, 2.5, -3.0, 40.0]));
        assert_eq!(read(" [1, 2] ", &[2]), Ok(vec![1.0, 2.0]));
    }

    #[test]
    fn another_shape_is_refused() {
        for json in ["[[1, 2], [3]]", "[[1, 2]]", "[[1, 2], [3, 4], [5, 6]]", "[1, 2, 3, 4]", "[[1, [2]], [3, 4]]"] {
            assert_eq!(read(json, &[2, 2]).map_err(|error| error.code), Err("malformed_tensor"), "{json}");
        }
        for json in ["[1e39, 0]", "[null, 0]", "[\"1\", 0]", "[1, 2] 3", "[1, 2"] {
            assert_eq!(read(json, &[2]).map_err(|error| error.code), Err("malformed_tensor"), "{json}");
        }
    }
}
