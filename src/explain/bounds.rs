//! The ranges of numeric options, as their schemas state them.

use serde::Serialize;
use utoipa::PartialSchema;

use crate::error::{Error, Result};

/// Checks every number in `options` against the `minimum` and `maximum` in its schema.
///
/// So a range is stated once, for the document, for requests and for the command line. A number outside is a 422 that names
/// the option and the range.
pub fn check_bounds<T: Serialize + PartialSchema>(options: &T) -> Result<()> {
    let shape = |error: &dyn std::fmt::Display| Error::internal(format!("options are not as they should be: {error}"));
    let schema = serde_json::to_value(T::schema()).map_err(|error| shape(&error))?;
    // As a form, since JSON cannot tell what is not a number from what is left out.
    let form = serde_html_form::to_string(options).map_err(|error| shape(&error))?;
    let values: Vec<(String, String)> = serde_html_form::from_str(&form).map_err(|error| shape(&error))?;
    for (name, value) in values {
        let property = &schema["properties"][&name];
        let (low, high) = (property["minimum"].as_f64(), property["maximum"].as_f64());
        let bounded = low.is_some() || high.is_some();
        let Some(number) = value.parse::<f64>().ok().filter(|_| bounded) else { continue };
        if !(low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)) {
            let message = format!("option `{name}` cannot be {number}: it goes {}", range(low, high));
            return Err(Error::unprocessable("option_out_of_range", message));
        }
    }
    Ok(())
}

fn range(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("from {low} to {high}"),
        (Some(low), None) => format!("from {low}"),
        (None, high) => format!("up to {}", high.unwrap_or(f64::INFINITY)),
    }
}

#[cfg(test)]
mod tests {
    use utoipa::ToSchema;

    use super::*;

    #[derive(Default, Serialize, ToSchema)]
    struct Options {
        #[schema(minimum = 1, maximum = 500)]
        samples: usize,
        #[schema(minimum = 0)]
        noise: f32,
        #[schema(maximum = 3)]
        limit: Option<f32>,
        name: Option<String>,
    }

    #[test]
    fn numbers_outside_their_range_are_named_with_it() {
        let refused = |options: Options| check_bounds(&options).unwrap_err().message;
        let good = || Options { samples: 1, ..Options::default() };
        assert_eq!(check_bounds(&good()), Ok(()));
        assert_eq!(
            refused(Options { samples: 501, ..good() }),
            "option `samples` cannot be 501: it goes from 1 to 500"
        );
        assert_eq!(refused(Options { noise: -0.5, ..good() }), "option `noise` cannot be -0.5: it goes from 0");
        assert!(refused(Options { noise: f32::NAN, ..good() }).contains("NaN"));
        assert!(refused(Options { limit: Some(4.0), ..good() }).contains("up to 3"));
        assert!(refused(Options { limit: Some(f32::NAN), ..good() }).contains("NaN"));
        assert_eq!(check_bounds(&Options { limit: Some(3.0), name: Some("nan".into()), ..good() }), Ok(()));
    }
}
