//! Content negotiation: which representation a client gets.

use axum::http::{HeaderMap, header};

use crate::{
    error::{Error, Kind, Result},
    explain::Format,
};

impl Format {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Png => "image/png",
            Self::Npy => "application/x-npy",
        }
    }
}

/// The best of `offered` (the server's favourite first) for the header `Accept`; 406 when none will do.
pub fn negotiate(headers: &HeaderMap, offered: &[Format]) -> Result<Format> {
    let types: Vec<&str> = offered.iter().map(|format| format.media_type()).collect();
    best(headers, &types).map(|index| offered[index])
}

/// The index of the best of the media types `offered` (the server's favourite first); 406 when none will do.
pub fn best(headers: &HeaderMap, offered: &[&str]) -> Result<usize> {
    let ranges: Vec<_> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Range::parse)
        .collect();
    if ranges.is_empty() {
        return Ok(0);
    }
    let mut best: Option<(f32, usize)> = None;
    for (index, media_type) in offered.iter().enumerate() {
        let quality = quality(&ranges, media_type);
        if quality > best.map_or(0.0, |(quality, _)| quality) {
            best = Some((quality, index));
        }
    }
    best.map(|(_, index)| index).ok_or_else(|| not_acceptable(offered))
}

fn not_acceptable(offered: &[&str]) -> Error {
    let list = offered.join(", ");
    Error::new(Kind::NotAcceptable, "not_acceptable", format!("this call answers with {list}: accept one of them"))
}

/// One entry of the header.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: f32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        // A weight that is none (RFC 9110, section 12.4.2: a number from 0 to 1) counts as none given: the type was named.
        let quality = parts
            .find_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")))
            .and_then(|quality| quality.parse().ok())
            .filter(|quality| (0.0..=1.0).contains(quality))
            .unwrap_or(1.0);
        Some(Self { kind, subtype, quality })
    }

    /// How exactly this range names a media type: 3 wholly, 2 by its kind, 1 as any; `None` when it does not.
    fn precision(&self, kind: &str, subtype: &str) -> Option<u8> {
        match (self.kind, self.subtype) {
            ("*", "*") => Some(1),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(2),
            (own, sub) if own.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => Some(3),
            _ => None,
        }
    }
}

/// The quality that the most precise range gives `media_type`.
fn quality(ranges: &[Range], media_type: &str) -> f32 {
    let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    ranges
        .iter()
        .filter_map(|range| Some((range.precision(kind, subtype)?, range.quality)))
        .max_by_key(|(precision, _)| *precision)
        .map_or(0.0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(accept: &str) -> Result<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        negotiate(&headers, &[Format::Json, Format::Png, Format::Npy])
    }

    #[test]
    fn the_most_wanted_is_chosen_and_json_by_default() {
        assert_eq!(chosen("*/*"), Ok(Format::Json));
        assert_eq!(chosen("image/png"), Ok(Format::Png));
        assert_eq!(chosen("image/*;q=0.8, */*;q=0.1"), Ok(Format::Png));
        assert_eq!(chosen("application/json;q=0.5, application/x-npy"), Ok(Format::Npy));
        assert_eq!(chosen("text/html,application/xhtml+xml,image/webp,*/*;q=0.8"), Ok(Format::Json));
        assert_eq!(chosen("application/json;q=0, */*"), Ok(Format::Png));
        assert_eq!(negotiate(&HeaderMap::new(), &[Format::Json]), Ok(Format::Json));
    }

    #[test]
    fn a_weight_that_is_none_counts_as_none_given() {
        for weight in ["nan", "inf", "-1", "2", "", "much"] {
            assert_eq!(chosen(&format!("image/png;q={weight}, application/json;q=0.9")), Ok(Format::Png), "{weight}");
        }
    }

    #[test]
    fn what_cannot_be_made_is_refused_with_what_can() {
        let error = chosen("text/html").unwrap_err();
        assert_eq!(error.kind, Kind::NotAcceptable);
        assert!(error.message.contains("application/json, image/png, application/x-npy"), "{error}");
        assert!(chosen("*/*;q=0").is_err());
    }
}
