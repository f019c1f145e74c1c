//! `/v1/jobs`: long work that goes on without its client.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequestParts, Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Caller, Problem,
    accept::negotiate,
    explain::negotiated,
    job::{JobBody, failed, without_result},
    options::{self, FormatOption, offered},
    schema::File,
};
use crate::{
    error::{Error, Result},
    explain::Format,
    jobs::{Id, Listing, Status},
};

/// The job that the path names; 404 for one of another API key, as for one that is not there.
pub(super) struct JobId(pub Id);

#[derive(Deserialize)]
struct JobPath {
    job: String,
}

impl FromRequestParts<Arc<App>> for JobId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = Path::<JobPath>::from_request_parts(parts, app).await;
        let Path(path) = path.map_err(|rejection| Problem::for_status(rejection.status()))?;
        let id = path.job.parse()?;
        let caller = Caller::of(parts);
        if !caller.owner().is_empty() {
            app.jobs().store().check_owner(&id, caller.owner()).await?;
        }
        Ok(Self(id))
    }
}

/// Which jobs are listed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct ListOptions {
    /// How many at most.
    #[schema(minimum = 1, maximum = 100)]
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: i64,
    /// Only those that stand so.
    #[param(inline)]
    status: Option<Status>,
    /// Only those that were accepted before this one, whose id it is: the last one of a page leads to the next.
    #[param(pattern = "^[0-9a-f]{32}$")]
    after: Option<String>,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self { limit: 20, status: None, after: None }
    }
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    /// The newest first.
    jobs: Vec<JobBody>,
    /// The address of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("/v1/jobs?limit=20&after=019a2f0c7b1e7d3c9a4b5c6d7e8f9a0b"))]
    next: Option<String>,
}

/// The jobs
///
/// The newest first, a page at a time; `next`, and the header `Link`, lead to the next page. Where API keys are needed, those of the
/// caller's own name.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    operation_id = "jobs",
    tag = "jobs",
    params(ListOptions),
    responses(
        (status = 200, description = "A page of them.", body = JobList),
        (status = 422, description = "An option or its value cannot be used.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Where jobs are kept cannot be reached for now.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let options: ListOptions = options::read(&options::from_query(&query.unwrap_or_default())?)?;
    let ListOptions { limit, status, after } = options;
    let invalid = |error: Error| Error::unprocessable("invalid_option", format!("option `after`: {error}"));
    let after = after.map(|after| after.parse().map_err(invalid)).transpose()?;
    // One more than is shown tells whether there is a next page.
    let mut jobs =
        app.jobs().store().list(&Listing { limit: limit + 1, status, after, owner: caller.owner().to_owned() }).await?;
    let more = jobs.len() as i64 > limit;
    jobs.truncate(limit as usize);
    let status = status.map(|status| format!("&status={}", status.name())).unwrap_or_default();
    let next = jobs.last().filter(|_| more).map(|last| format!("/v1/jobs?limit={limit}{status}&after={}", last.id));
    let link = next.as_ref().and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok());
    let list = JobList { jobs: jobs.iter().map(|job| JobBody::new(job, &app)).collect(), next };
    let mut response = fresh(Json(list));
    response.headers_mut().extend(link.map(|link| (header::LINK, link)));
    Ok(response)
}

/// A job
///
/// Where it stands, how far it has come and how long it will take, and where its events and its result are.
#[utoipa::path(
    get,
    path = "/v1/jobs/{job}",
    operation_id = "job",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job.", body = JobBody),
        (status = 404, description = "There is no such job, or no longer.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Where jobs are kept cannot be reached for now.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn show(State(app): State<Arc<App>>, JobId(id): JobId) -> Result<Response, Problem> {
    let job = app.jobs().store().get(&id).await?;
    Ok(fresh(Json(JobBody::new(&job, &app))))
}

/// Cancel a job
///
/// One that waits is cancelled at once, one that runs within a second; one that has ended stays as it is.
#[utoipa::path(
    delete,
    path = "/v1/jobs/{job}",
    operation_id = "cancel",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job as it now stands; one that runs is told to stop.", body = JobBody),
        (status = 404, description = "There is no such job, or no longer.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Where jobs are kept cannot be reached for now.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn cancel(State(app): State<Arc<App>>, JobId(id): JobId) -> Result<Response, Problem> {
    let job = app.jobs().cancel(&id).await?;
    Ok(fresh(Json(JobBody::new(&job, &app))))
}

/// A job's result
///
/// What the call would have answered in line: the same representations, by `Accept` or `format`. A job that failed answers
/// with what the call would have failed with.
#[utoipa::path(
    get,
    path = "/v1/jobs/{job}/result",
    operation_id = "result",
    tag = "jobs",
    params(("job" = String, Path, description = "The job's id"), FormatOption),
    responses(
        (status = 200, description = "The result, as the call describes it.", content(
            (serde_json::Value = "application/json"),
            (File = "image/png"),
            (File = "application/x-npy")
        )),
        (status = 404, description = "There is no such job, or no longer.", body = Problem, content_type = "application/problem+json"),
        (status = 406, description = "None of the media types in `Accept` can be made.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The job has not finished, or was cancelled.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The job failed: an option or the picture could not be used.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The job failed: the service did.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Where jobs are kept cannot be reached for now.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn result(
    State(app): State<Arc<App>>,
    JobId(id): JobId,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let FormatOption { format } = options::read(&options::from_query(&query.unwrap_or_default())?)?;
    let store = app.jobs().store();
    let job = store.get(&id).await?;
    if job.status != Status::Succeeded {
        return Err(without_result(&job));
    }
    let formats: Vec<Format> = store.formats(&id).await?;
    let format = offered(format, &formats)?.map_or_else(|| negotiate(&headers, &formats), Ok)?;
    match store.result(&id, format).await? {
        Some(Ok(file)) => Ok(negotiated(file, format.media_type())),
        Some(Err(failure)) => Err(failed(&failure)),
        // It was thrown away while this was looking.
        None => {
            Err(store.get(&id).await.err().unwrap_or_else(|| Error::internal(format!("job {id} has no result"))).into())
        }
    }
}

/// An answer that is another the next time.
fn fresh(body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
