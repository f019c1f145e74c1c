//! A job as JSON, and what a job that failed answers.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use utoipa::ToSchema;

use super::{App, Problem, error::status};
use crate::{
    error::Kind,
    jobs::{Failure, Id, Job, Status},
};

/// A job: work that goes on without its client.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobBody {
    /// Its name in addresses.
    #[schema(examples("019a2f0c7b1e7d3c9a4b5c6d7e8f9a0b"))]
    id: String,
    /// The model.
    #[schema(examples("vgg16-caltech101"))]
    model: String,
    /// The techniques, in the order asked for.
    #[schema(example = json!(["occlusion"]))]
    techniques: Vec<String>,
    /// Where it stands.
    status: Status,
    /// How far it has come, 0 to 1.
    #[schema(minimum = 0, maximum = 1, examples(0.42))]
    progress: f64,
    /// The steps of the part in progress, where it has steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    iteration: Option<Iteration>,
    /// The seconds that the rest will take, judged by what is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples(12.5))]
    seconds_left: Option<f64>,
    /// How often it was begun: again when the process that worked on it ended.
    #[schema(examples(1))]
    attempts: i64,
    /// When it was accepted (RFC 3339).
    #[schema(format = DateTime, examples("2026-11-25T18:30:00.000Z"))]
    created: String,
    /// When it was first begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    started: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    finished: Option<String>,
    /// When it and its result are thrown away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
    /// Where to go from here.
    links: Links,
}

/// Steps made of the steps in all.
#[derive(Debug, Serialize, ToSchema)]
struct Iteration {
    /// The steps made.
    #[schema(examples(107))]
    step: usize,
    /// The steps in all.
    #[schema(examples(256))]
    steps: usize,
}

/// Why a job failed.
#[derive(Debug, Serialize, ToSchema)]
struct JobError {
    /// A stable name for programs.
    #[schema(examples("unknown_class"))]
    code: String,
    /// A sentence for people that says what to do.
    detail: String,
}

/// Addresses of a job.
#[derive(Debug, Serialize, ToSchema)]
struct Links {
    /// The job; `DELETE` cancels it.
    #[serde(rename = "self")]
    #[schema(examples("/v1/jobs/019a2f0c7b1e7d3c9a4b5c6d7e8f9a0b"))]
    own: String,
    /// Its progress, as it comes.
    events: String,
    /// Its result, once it has succeeded.
    result: String,
}

impl JobBody {
    pub(super) fn new(job: &Job, app: &App) -> Self {
        let own = address(&job.id);
        let progress = job.progress;
        let ttl = i64::try_from(app.config().jobs.ttl.saturating_mul(1000)).unwrap_or(i64::MAX);
        Self {
            id: job.id.to_string(),
            model: job.model.clone(),
            techniques: job.techniques.clone(),
            status: job.status,
            progress: progress.fraction,
            iteration: (progress.steps > 0).then_some(Iteration { step: progress.step, steps: progress.steps }),
            seconds_left: job.seconds_left(),
            attempts: job.attempts,
            created: time(job.created),
            started: job.started.map(time),
            finished: job.finished.map(time),
            expires: job.finished.map(|finished| time(finished.saturating_add(ttl))),
            error: job
                .failure
                .as_ref()
                .map(|failure| JobError { code: failure.code.clone(), detail: failure.message.clone() }),
            links: Links { events: format!("{own}/events"), result: format!("{own}/result"), own },
        }
    }
}

/// Where the job called `id` is.
pub(super) fn address(id: &Id) -> String {
    format!("/v1/jobs/{id}")
}

/// The last moment that RFC 3339 can write, in milliseconds since 1970.
const LAST_TIME: u64 = 253_402_300_799_999;

fn time(milliseconds: i64) -> String {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default().min(LAST_TIME));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

/// What a call answers that failed as a job.
pub(super) fn failed(failure: &Failure) -> Problem {
    Problem::new(status(failure.kind), failure.code.clone(), failure.message.clone())
}

/// What a job without a result answers where that is asked for.
pub(super) fn without_result(job: &Job) -> Problem {
    let (code, detail) = match (&job.failure, job.status) {
        (Some(failure), _) => return failed(failure),
        (None, Status::Cancelled) => {
            ("job_cancelled", "the job was cancelled and has no result: send the request again")
        }
        (None, _) => ("job_not_finished", "the job has not finished yet: look at its events, or come back later"),
    };
    Problem::new(status(Kind::Conflict), code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people_and_never_overflow() {
        assert_eq!(time(1_764_095_400_123), "2025-11-25T18:30:00.123Z");
        assert_eq!(time(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(time(-1), "1970-01-01T00:00:00.000Z");
    }
}
