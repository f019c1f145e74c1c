//! The time by which a request must be answered: the server's, or an earlier one that the gateway gives.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{App, Problem};
use crate::error::{Error, Kind, Result, excerpt};

/// Seconds, such as `2.5`.
pub(super) const X_REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");

/// At most eight digits and a unit, such as `2500m` (gRPC over HTTP/2, "Timeout").
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// When a request must be answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    /// The time that there was from the request's arrival on.
    limit: Duration,
}

impl Deadline {
    /// The deadline of a request that arrives now: the earliest of `most` and of what `headers` ask for.
    fn new(headers: &HeaderMap, most: Duration) -> Result<Self> {
        let asked = [(X_REQUEST_TIMEOUT, seconds as fn(&str) -> _), (GRPC_TIMEOUT, grpc)];
        let mut limit = most;
        for (name, read) in asked {
            let Some(value) = headers.get(&name) else { continue };
            let text = value.to_str().unwrap_or_default().trim();
            limit = limit.min(read(text).ok_or_else(|| invalid(&name, text))?);
        }
        Ok(Self { at: Instant::now() + limit, limit })
    }

    /// No time at all to wait in: that of a request which did not come through [`keep`].
    pub fn none() -> Self {
        Self { at: Instant::now(), limit: Duration::ZERO }
    }

    /// The time that is left for work whose outcome is still to be written.
    pub fn left(self) -> Duration {
        let margin = Duration::from_secs(1).min(self.limit / 10);
        self.at.saturating_duration_since(Instant::now()).saturating_sub(margin)
    }
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

fn grpc(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| number)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

fn invalid(name: &HeaderName, text: &str) -> Error {
    let message = format!(
        "the header `{name}` is `{}`: write seconds, such as 2.5, in {X_REQUEST_TIMEOUT}, or digits and one of H, M, S, m, u \
         and n, such as 2500m, in {GRPC_TIMEOUT}",
        excerpt(text)
    );
    Error::new(Kind::Malformed, "invalid_deadline", message)
}

/// Gives a request up at its deadline, which stops its work, with 504.
pub(super) async fn keep(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let most = Duration::from_secs(app.config().server.request_timeout);
    let deadline = match Deadline::new(request.headers(), most) {
        Ok(deadline) => deadline,
        Err(error) => return Problem::from(error).into_response(),
    };
    request.extensions_mut().insert(deadline);
    tokio::time::timeout_at(deadline.at.into(), next.run(request)).await.unwrap_or_else(|_| {
        let seconds = deadline.limit.as_secs_f64();
        let message = format!("the answer took more than {seconds} s; ask for less, or try again");
        Problem::from(Error::new(Kind::Deadline, "deadline_exceeded", message)).into_response()
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn limit(headers: &[(HeaderName, &'static str)]) -> Result<Duration> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        Deadline::new(&headers, Duration::from_mins(1)).map(|deadline| deadline.limit)
    }

    #[test]
    fn the_earliest_deadline_counts() {
        assert_eq!(limit(&[]), Ok(Duration::from_mins(1)));
        assert_eq!(limit(&[(X_REQUEST_TIMEOUT, "2.5")]), Ok(Duration::from_millis(2500)));
        assert_eq!(limit(&[(X_REQUEST_TIMEOUT, "3600")]), Ok(Duration::from_mins(1)));
        assert_eq!(limit(&[(X_REQUEST_TIMEOUT, "9"), (GRPC_TIMEOUT, "8S")]), Ok(Duration::from_secs(8)));
        for (text, seconds) in
            [("1M", 60.0), ("99999999H", 60.0), ("250m", 0.25), ("5u", 5e-6), ("7n", 7e-9), ("0S", 0.0)]
        {
            assert_eq!(limit(&[(GRPC_TIMEOUT, text)]), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_said_to_be_none() {
        for text in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(
                limit(&[(X_REQUEST_TIMEOUT, text)]).map_err(|error| error.code),
                Err("invalid_deadline"),
                "{text}"
            );
        }
        for text in ["", "S", "1", "1s", "123456789S", "+1S", "1.5S"] {
            assert_eq!(limit(&[(GRPC_TIMEOUT, text)]).map_err(|error| error.code), Err("invalid_deadline"), "{text}");
        }
    }
}
