//! Who may call what: API keys, what they allow, and how often.

use std::{
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};

use super::{
    App, Problem,
    keys::{Key, Keys, Scope},
};
use crate::{
    config::Auth,
    error::{Error, Kind, Result},
};

/// The header that holds a key where `Authorization` is the gateway's own.
pub(super) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The keys in force, and how often each has called.
#[derive(Debug)]
pub struct Access {
    file: PathBuf,
    keys: RwLock<Arc<Keys>>,
    rate: Option<DefaultKeyedRateLimiter<String>>,
}

impl Access {
    /// What `settings` say; `None` where everyone may call. An error if the file or the rate cannot be used.
    pub(super) fn new(settings: &Auth) -> Result<Option<Self>> {
        if settings.keys_file.as_os_str().is_empty() {
            return Ok(None);
        }
        let keys = RwLock::new(Arc::new(Keys::open(&settings.keys_file)?));
        Ok(Some(Self { file: settings.keys_file.clone(), keys, rate: rate(settings)? }))
    }

    /// Reads the file again; what is wrong with it leaves the keys as they are.
    pub fn reload(&self) -> Result<()> {
        let keys = Keys::open(&self.file)?;
        tracing::info!(keys = keys.len(), "the API keys are read again");
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }

    /// The key that a request with `headers` has, if that allows what `scope` says; else an error of kind
    /// [`Unauthenticated`](Kind::Unauthenticated) or [`Forbidden`](Kind::Forbidden).
    fn admit(&self, headers: &HeaderMap, scope: Scope) -> Result<Arc<Key>> {
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let unknown = |code, message| Error::new(Kind::Unauthenticated, code, message);
        let secret = secret(headers).ok_or_else(|| {
            unknown("missing_key", "this call needs an API key: send it as `Authorization: Bearer ...` or `X-API-Key`")
        })?;
        let key = keys.find(secret).ok_or_else(|| unknown("unknown_key", "this API key is none, or no longer"))?;
        key.check(scope)?;
        Ok(Arc::clone(key))
    }

    /// The seconds until `key` may call again, if it has called too often.
    fn wait(&self, key: &Key) -> Option<u32> {
        let rate = self.rate.as_ref()?;
        let until = rate.check_key(&key.name).err()?;
        let wait = until.wait_time_from(rate.clock().now());
        Some(u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1))
    }
}

/// How often a key may call; `None` for as often as it likes.
fn rate(settings: &Auth) -> Result<Option<DefaultKeyedRateLimiter<String>>> {
    if settings.requests_per_second == 0.0 {
        return Ok(None);
    }
    let period = Duration::try_from_secs_f64(1.0 / settings.requests_per_second).ok();
    let quota = period.and_then(Quota::with_period).zip(NonZeroU32::new(settings.burst));
    let (quota, burst) = quota.ok_or_else(|| {
        let message = "auth.requests_per_second and auth.burst must be greater than 0, or the first 0 for no bound";
        Error::setup("invalid_rate", message)
    })?;
    Ok(Some(RateLimiter::keyed(quota.allow_burst(burst))))
}

/// What the route with this template needs; `None` for what is open to all: health, and pages that show nothing of anyone's.
pub(super) fn scope_of(route: &str) -> Option<Scope> {
    match route {
        "/metrics" => Some(Scope::Metrics),
        route if route.starts_with("/v1/jobs") => Some(Scope::Jobs),
        route if route.starts_with("/v2/health/") => None,
        "/v2" => Some(Scope::Explain),
        route if route.starts_with("/v1/") || route.starts_with("/v2/") => Some(Scope::Explain),
        _ => None,
    }
}

/// The key in `headers`.
fn secret(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, secret) = value.as_bytes().split_at_checked(b"bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| secret.trim_ascii())
    });
    bearer.or_else(|| headers.get(X_API_KEY).map(HeaderValue::as_bytes))
}

/// Lets a request pass whose route is open, or whose key allows it; the key goes with it.
pub(super) async fn check(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().and_then(|path| scope_of(path.as_str()));
    let access = match app.access() {
        Ok(access) => access,
        // Nobody gets in by a file that cannot be read.
        Err(error) => return Problem::from(error).into_response(),
    };
    if let Some((access, scope)) = access.zip(route) {
        let key = match access.admit(request.headers(), scope) {
            Ok(key) => key,
            Err(error) => return Problem::from(error).into_response(),
        };
        if let Some(seconds) = access.wait(&key) {
            let detail = format!("this API key has called too often: wait {seconds} s, then call less often");
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
            return problem.after(seconds).into_response();
        }
        request.extensions_mut().insert(key);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_key_comes_in_either_header() {
        for value in ["Bearer gbx_1", "bearer gbx_1", "BEARER  gbx_1 "] {
            assert_eq!(secret(&headers(header::AUTHORIZATION, value)), Some(b"gbx_1".as_slice()), "{value}");
        }
        assert_eq!(secret(&headers(X_API_KEY, "gbx_1")), Some(b"gbx_1".as_slice()));
        for value in ["gbx_1", "Basic Z2J4", "Bearer", ""] {
            assert_eq!(secret(&headers(header::AUTHORIZATION, value)), None, "{value}");
        }
    }

    #[test]
    fn a_rate_that_is_none_stops_the_start() {
        let with = |requests_per_second, burst| {
            let settings = Auth { requests_per_second, burst, ..Auth::default() };
            rate(&settings).map(|rate| rate.is_some()).map_err(|error| error.code)
        };
        assert_eq!(with(0.0, 0), Ok(false));
        assert_eq!(with(0.5, 1), Ok(true));
        for (requests, burst) in [(-1.0, 1), (f64::NAN, 1), (f64::INFINITY, 1), (1.0, 0)] {
            assert_eq!(with(requests, burst), Err("invalid_rate"), "{requests} {burst}");
        }
    }
}
