//! The header `Prefer` (RFC 7240): whether a client waits for the answer, and how long.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// What a client prefers.
pub(super) const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What of that was done.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// That a call becomes a job: at once, or if it is not done in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asynchronously {
    wait: Option<Duration>,
}

impl Asynchronously {
    /// What `headers` ask for; `None` for an answer in line, however long it takes.
    ///
    /// Preferences that are not known or not well formed count as not given, as the RFC wants; of two, the first counts.
    pub fn asked(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let preferences: Vec<_> = values.flat_map(|value| value.split(',')).map(preference).collect();
        let named = |wanted: &str| preferences.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let wait = named("wait").and_then(|(_, value)| value.parse().ok()).map(Duration::from_secs);
        let respond_async = named("respond-async").is_some_and(|(_, value)| value.is_empty());
        (respond_async || wait.is_some()).then_some(Self { wait })
    }

    /// How long the client waits at most, within `limit`.
    pub fn patience(self, limit: Duration) -> Duration {
        self.wait.unwrap_or_default().min(limit)
    }

    /// The header `Preference-Applied`: what was done was not to wait, or to wait for `patience`.
    pub fn applied(self, patience: Duration) -> HeaderValue {
        match self.wait {
            None => HeaderValue::from_static("respond-async"),
            Some(_) => HeaderValue::from_str(&format!("wait={}", patience.as_secs()))
                .unwrap_or_else(|_| HeaderValue::from_static("wait")),
        }
    }
}

/// The name and the value of a preference, without its parameters.
fn preference(text: &str) -> (&str, &str) {
    let text = text.split(';').next().unwrap_or_default();
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.trim(), value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::option_option)] // whether it is asked for, and how long to wait
    fn asked(values: &[&'static str]) -> Option<Option<u64>> {
        let headers = values.iter().map(|value| (PREFER, HeaderValue::from_static(value))).collect();
        Asynchronously::asked(&headers).map(|asked| asked.wait.map(|wait| wait.as_secs()))
    }

    #[test]
    fn preferences_are_read_as_the_rfc_writes_them() {
        assert_eq!(asked(&["respond-async"]), Some(None));
        assert_eq!(asked(&["Respond-Async, WAIT = 10"]), Some(Some(10)));
        assert_eq!(asked(&["handling=lenient", "wait=\"5\"; foo=bar"]), Some(Some(5)));
        assert_eq!(asked(&["wait=1, wait=2"]), Some(Some(1)));
        assert_eq!(asked(&["respond-async=\"\""]), Some(None));
    }

    #[test]
    fn what_is_not_understood_counts_as_not_given() {
        assert_eq!(asked(&[]), None);
        for unknown in
            ["return=minimal", "wait", "wait=soon", "wait=-1", "respond-asynchronously", ",,;=", "x=respond-async"]
        {
            assert_eq!(asked(&[unknown]), None, "{unknown}");
        }
    }

    #[test]
    fn nobody_waits_longer_than_the_server_lets_them() {
        let asked = Asynchronously { wait: Some(Duration::from_hours(1)) };
        let patience = asked.patience(Duration::from_mins(1));
        assert_eq!((patience.as_secs(), asked.applied(patience).to_str().unwrap()), (60, "wait=60"));
        let at_once = Asynchronously { wait: None };
        assert_eq!(
            (at_once.patience(patience), at_once.applied(patience).to_str().unwrap()),
            (Duration::ZERO, "respond-async")
        );
    }
}
