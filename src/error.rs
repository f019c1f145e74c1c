//! The one error that crosses rooms: what kind it is, a stable code, and a sentence that says what to do.

use std::{borrow::Cow, fmt};

/// A result whose error is [`Error`](struct@Error).
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to do something about an error, and so which HTTP status it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is not well formed: a missing field, a broken body (400).
    Malformed,
    /// The caller does not say who it is, or is nobody that is known (401).
    Unauthenticated,
    /// The caller is known, and may not do this (403).
    Forbidden,
    /// What the request names does not exist (404).
    NotFound,
    /// The body is larger than the server takes (413).
    TooLarge,
    /// The body's media type is not one the server reads (415).
    UnsupportedMedia,
    /// None of the representations the client accepts can be made (406).
    NotAcceptable,
    /// The request is well formed, but a value in it cannot be used (422).
    Unprocessable,
    /// More work is waiting than the server takes; trying again later helps (503).
    Busy,
    /// What the request names cannot be served until its operator has repaired it (503).
    Broken,
    /// What the work needs cannot be reached for now (503).
    Unavailable,
    /// What is asked for cannot be had in the state that things are in (409).
    Conflict,
    /// What is asked for is part of a protocol that this service does not speak in full (501).
    Unsupported,
    /// The work did not end before its deadline (504).
    Deadline,
    /// The caller no longer wants the answer.
    Cancelled,
    /// The settings or the installation are wrong: for the operator, at start.
    Setup,
    /// The service failed; the message is for the log, not for the client (500).
    Internal,
}

/// An error with a stable code and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Who has to act.
    pub kind: Kind,
    /// A stable name in `snake_case`, for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl Error {
    /// An error of `kind` with a stable `code` and a sentence for people.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into() }
    }

    /// A value in the request cannot be used (422).
    pub fn unprocessable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Unprocessable, code, message)
    }

    /// The service failed (500); `message` goes to the log.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "internal", message)
    }

    /// The settings or the installation are wrong.
    pub fn setup(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Setup, code, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// The longest text, in bytes, that is taken for a misspelt name.
const LONGEST_NAME: usize = 256;

/// The candidates nearest to `wanted`, best first, at most `limit`: for "did you mean ..." in messages.
///
/// Letters' case does not count. A candidate is near when its Jaro-Winkler similarity is at least 0.7 or it contains `wanted`.
/// Nothing is near to a text that is far longer than names are, which would take long to compare.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>, limit: usize) -> Vec<&'a str> {
    if wanted.len() > LONGEST_NAME {
        return Vec::new();
    }
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| {
            let lower = candidate.to_lowercase();
            let contains = !wanted.is_empty() && lower.contains(&wanted);
            (strsim::jaro_winkler(&wanted, &lower) + f64::from(u8::from(contains)), candidate)
        })
        .filter(|(score, _)| *score >= 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.truncate(limit);
    scored.into_iter().map(|(_, candidate)| candidate).collect()
}

/// The most characters of a client's text that a message repeats.
const LONGEST_EXCERPT: usize = 100;

/// `text` as a message repeats it: whole, or its beginning and an ellipsis where it is far longer than names are.
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST_EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Names as a sentence lists them: `` `a`, `b` ``.
pub fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// `did you mean ...?` with the candidates nearest to `wanted`, at most `limit`; `None` when none is near.
pub fn did_you_mean<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>, limit: usize) -> Option<String> {
    let near = nearest(wanted, candidates, limit);
    (!near.is_empty()).then(|| format!("did you mean {}?", quoted(near)))
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, excerpt, nearest};

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(excerpt("elephant"), "elephant");
        assert_eq!(excerpt(&"é".repeat(100)), "é".repeat(100));
        assert_eq!(excerpt(&"é".repeat(60_000)), "é".repeat(100) + "…");
    }

    #[test]
    fn a_guess_is_a_question_with_all_that_is_near() {
        assert_eq!(did_you_mean("fc", ["fc1", "fc2", "input"], 3).as_deref(), Some("did you mean `fc1`, `fc2`?"));
        assert_eq!(did_you_mean("qqqq", ["fc1"], 3), None);
    }

    #[test]
    fn nearest_finds_misspellings_and_parts_but_not_strangers() {
        let labels = ["stop_sign", "yin_yang", "elephant", "sea_horse"];
        assert_eq!(nearest("stop sign", labels, 3), ["stop_sign"]);
        assert_eq!(nearest("Elefant", labels, 3), ["elephant"]);
        assert_eq!(nearest("horse", labels, 1), ["sea_horse"]);
        assert!(nearest("qqqq", labels, 3).is_empty());
        assert!(nearest(&"stop_sign".repeat(100), labels, 3).is_empty());
    }
}
