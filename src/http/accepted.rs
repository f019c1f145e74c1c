//! Calls that become jobs: what `Prefer: respond-async` and `Prefer: wait=N` answer.

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use tracing::Span;

use super::{
    App, Caller, Problem,
    explain::negotiated,
    job::{JobBody, address, failed},
    keys::Scope,
    prefer::{Asynchronously, PREFERENCE_APPLIED},
};
use crate::{
    error::{Error, Kind, Result},
    explain::Format,
    jobs::{Id, Job, NewJob, Status, Task},
    trace,
};

/// The client's name for a request, by which it can send it again.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest such name.
pub(super) const LONGEST_KEY: usize = 255;

/// A call that its client asked to become a job.
pub(super) struct Accepted<'a> {
    asked: Asynchronously,
    caller: &'a Caller,
    /// The representation of an answer in line.
    format: Format,
    /// What the client calls the request.
    key: Option<&'a str>,
}

impl<'a> Accepted<'a> {
    /// What `caller` asks for, if it is to become a job; a name for the request that is none is a 400 in any case.
    pub fn asked(caller: &'a Caller, format: Format) -> Result<Option<Self>> {
        let key = key(&caller.headers)?;
        Ok(Asynchronously::asked(&caller.headers).map(|asked| Self { asked, caller, format, key }))
    }

    /// Takes `task` in as a job; its result if that comes in the time that the client waits, else 202 and where to find it.
    pub async fn answer(self, app: &App, task: &Task, picture: Option<&[u8]>) -> Result<Response, Problem> {
        self.caller.check(Scope::Jobs)?;
        let (digest, owner) = (digest(task, picture)?, self.caller.owner());
        let traceparent = trace::traceparent(&Span::current());
        let new = NewJob { task, picture, owner, traceparent, key: self.key, digest: &digest };
        let id = app.jobs().submit(&new).await?;
        let patience = self.asked.patience(self.caller.deadline.left());
        let job = app.jobs().wait(&id, patience).await?;
        let mut response = if job.status.is_final() && !patience.is_zero() {
            result(app, &job, self.format).await?
        } else {
            pending(app, &job)
        };
        response.headers_mut().insert(PREFERENCE_APPLIED, self.asked.applied(patience));
        Ok(response)
    }
}

/// 202: the job, and where it is.
fn pending(app: &App, job: &Job) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(JobBody::new(job, app))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    insert_address(headers, header::LOCATION, &job.id, "");
    response
}

/// The result of a job that has ended, in `format`; what it failed with is what the call fails with.
async fn result(app: &App, job: &Job, format: Format) -> Result<Response, Problem> {
    let mut response = match job.status {
        Status::Succeeded => match app.jobs().store().result(&job.id, format).await? {
            Some(Ok(file)) => negotiated(file, format.media_type()),
            Some(Err(failure)) => return Err(failed(&failure)),
            None => return Err(Error::internal(format!("job {} has no result", job.id)).into()),
        },
        _ => return Err(super::job::without_result(job)),
    };
    insert_address(response.headers_mut(), header::CONTENT_LOCATION, &job.id, "/result");
    Ok(response)
}

fn insert_address(headers: &mut HeaderMap, name: HeaderName, id: &Id, part: &str) {
    if let Ok(value) = HeaderValue::from_str(&format!("{}{part}", address(id))) {
        headers.insert(name, value);
    }
}

fn key(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let plain = |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.to_str().ok().filter(plain).ok_or_else(|| {
        let message =
            format!("the header `Idempotency-Key` takes 1 to {LONGEST_KEY} letters, digits and signs of ASCII");
        Error::new(Kind::Malformed, "invalid_idempotency_key", message)
    })?;
    Ok(Some(key))
}

/// What tells this request from others under the same key.
fn digest(task: &Task, picture: Option<&[u8]>) -> Result<String> {
    let task = serde_json::to_vec(task).map_err(|error| Error::internal(format!("a task is not JSON: {error}")))?;
    let digest = Sha256::new().chain_update(Sha256::digest(&task)).chain_update(picture.unwrap_or_default()).finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
