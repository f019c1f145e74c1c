//! `GET /v1/jobs/{job}/events`: a job's progress as it comes, as Server-Sent Events.
//!
//! An event is the whole state of the job's row, and its id the row's version. So any replica can go on where another ended:
//! a client that comes back with `Last-Event-ID` gets what is newer, which may be several steps at once.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use base64::prelude::{BASE64_STANDARD, Engine};
use futures_util::stream::{self, Stream};
use serde_json::json;
use utoipa::ToSchema;

use super::{App, Problem, job::JobBody, jobs::JobId};
use crate::{
    error::{Kind, Result},
    jobs::{Id, Job, Shown},
};

/// The version that a client has seen last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How often the row is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often something is sent, so that proxies between do not take the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A job's events
///
/// Server-Sent Events: `progress` with the job as `GET /v1/jobs/{job}` has it, `picture` with the picture so far as a PNG file in
/// base64 (activation maximization), `explanation` with what one technique has found (the part of the picture `seen`, whether it is
/// `finished`, and the `explanation` as in the result; of occlusion, a map that gets finer), and `end` with the job when it has
/// ended, which ends the stream. A client that comes back with `Last-Event-ID` gets what is newer; 204 if that was the end.
#[utoipa::path(
    get,
    path = "/v1/jobs/{job}/events",
    operation_id = "events",
    tag = "jobs",
    params(
        ("job" = String, Path, description = "The job's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen")
    ),
    responses(
        (status = 200, description = "The events as they come, each as described.", content_type = "text/event-stream", body = JobEvent),
        (status = 204, description = "The last event seen was the end."),
        (status = 404, description = "There is no such job, or no longer.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Where jobs are kept cannot be reached for now.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    JobId(id): JobId,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.trim().parse().ok()).unwrap_or(0);
    let job = app.jobs().store().get(&id).await?;
    if job.status.is_final() && job.version <= seen {
        // What makes browsers stop coming back.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("still here");
    let mut response = Sse::new(Events { app, id, seen, ended: false, ready: VecDeque::new() }.stream())
        .keep_alive(keep_alive)
        .into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx otherwise collects an answer before it passes it on.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// An event: a line for each member, such as `event: progress`, and an empty line after it.
#[derive(ToSchema)]
#[allow(dead_code)] // for the document
pub(super) struct JobEvent {
    /// `progress`, `picture` or `end`.
    #[schema(pattern = "^(progress|picture|end)$", examples("progress"))]
    event: String,
    /// What to send as `Last-Event-ID` to go on from here.
    #[schema(examples("7"))]
    id: Option<String>,
    /// The job as JSON, or a PNG file in base64.
    #[schema(examples("{\"status\": \"running\", \"progress\": 0.42}"))]
    data: String,
}

/// The events of one job to one client.
struct Events {
    app: Arc<App>,
    id: Id,
    /// The version that the client has seen.
    seen: i64,
    ended: bool,
    /// What is to be sent.
    ready: VecDeque<Event>,
}

impl Events {
    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, async |mut events| {
            let event = events.next().await?;
            Some((Ok(event), events))
        })
    }

    /// The next event; `None` after the end, or when this process is asked to stop.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.app.jobs().store().get(&self.id).await {
                Ok(job) if job.version > self.seen => self.tell(&job).await,
                Ok(_) => {}
                // The job was thrown away.
                Err(error) if error.kind == Kind::NotFound => return None,
                // The store may come back before the client goes.
                Err(error) => tracing::debug!("{error}"),
            }
            if self.ready.is_empty() {
                tokio::select! {
                    () = self.app.jobs().stopped() => return None,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
            }
        }
    }

    /// Makes ready what is new in `job`. What it shows has no id: whoever has not seen what follows it gets it again.
    async fn tell(&mut self, job: &Job) {
        if job.shown_version > self.seen {
            let shown = self.app.jobs().store().shown(&job.id, self.seen).await.unwrap_or_default();
            self.ready.extend(shown.into_iter().map(event));
        }
        self.ended = job.status.is_final();
        self.seen = job.version;
        let name = if self.ended { "end" } else { "progress" };
        let body = serde_json::to_string(&JobBody::new(job, &self.app)).unwrap_or_default();
        self.ready.push_back(Event::default().event(name).id(job.version.to_string()).data(body));
    }
}

/// What a job shows, as an event.
fn event(shown: Shown) -> Event {
    match shown {
        Shown::Picture(png) => {
            let picture = json!({"media_type": "image/png", "b64": BASE64_STANDARD.encode(png)});
            Event::default().event("picture").data(picture.to_string())
        }
        Shown::Explanation { json, .. } => Event::default().event("explanation").data(String::from_utf8_lossy(&json)),
    }
}
