//! A job as its clients see it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    error::{Error, Kind, excerpt},
    runtime::Progress,
};

/// A job's name: unguessable, and greater than those of jobs before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(String);

impl Id {
    /// A new one (a UUID of version 7, RFC 9562).
    pub(super) fn new() -> Self {
        Self(Uuid::now_v7().simple().to_string())
    }

    /// Its letters and digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a job answers that is not there.
    pub(super) fn unknown(text: &str) -> Error {
        let message = format!(
            "there is no job `{}`: it never was, or its result was kept for as long as jobs.ttl says",
            excerpt(text)
        );
        Error::new(Kind::NotFound, "unknown_job", message)
    }
}

impl FromStr for Id {
    type Err = Error;

    /// A text that no job is called is a 404.
    fn from_str(text: &str) -> Result<Self, Error> {
        let plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if plain { Ok(Self(text.to_owned())) } else { Err(Self::unknown(text)) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It waits for a worker.
    Queued,
    /// It is worked on.
    Running,
    /// Its result is there.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// Its client wanted it no more.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// Why a job failed, or why a representation of its result cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Who has to act.
    pub kind: Kind,
    /// A stable name for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl Failure {
    /// The failure that `error` is to the client of `job`; what is not for clients goes to the log.
    pub(super) fn of(error: &Error, job: &Id) -> Self {
        match error.kind {
            Kind::Internal | Kind::Setup => {
                tracing::error!(%job, code = error.code, "{}", error.message);
                let message = "the service failed; its log tells why, under the job's id";
                Self { kind: Kind::Internal, code: "internal".into(), message: message.into() }
            }
            kind => Self { kind, code: error.code.into(), message: error.message.clone() },
        }
    }

    /// The kind as it is kept: only what a client is to blame for differs from a failure of the service.
    pub(super) fn kind_name(kind: Kind) -> &'static str {
        match kind {
            Kind::Malformed => "malformed",
            Kind::NotFound => "not_found",
            Kind::Unprocessable => "unprocessable",
            Kind::TooLarge => "too_large",
            _ => "internal",
        }
    }

    pub(super) fn kind_named(name: &str) -> Kind {
        match name {
            "malformed" => Kind::Malformed,
            "not_found" => Kind::NotFound,
            "unprocessable" => Kind::Unprocessable,
            "too_large" => Kind::TooLarge,
            _ => Kind::Internal,
        }
    }
}

/// A job. Times are in milliseconds since 1970, by the store's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: Id,
    /// The model's name.
    pub model: String,
    /// The techniques, in the order asked for.
    pub techniques: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// How often it was begun.
    pub attempts: i64,
    /// How far the attempt in progress has come.
    pub progress: Progress,
    /// When it was accepted.
    pub created: i64,
    /// When it was first begun.
    pub started: Option<i64>,
    /// When the attempt in progress was begun.
    pub taken: Option<i64>,
    /// When it ended.
    pub finished: Option<i64>,
    /// The time at which it was looked at.
    pub now: i64,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Grows with each change.
    pub version: i64,
    /// The version in which something was last shown; 0 if nothing was.
    pub shown_version: i64,
}

impl Job {
    /// The seconds that the rest will take, if it takes as long as what is done did.
    pub fn seconds_left(&self) -> Option<f64> {
        let done = self.progress.fraction;
        let since = self.now - self.taken?;
        (self.status == Status::Running && done > 0.0).then(|| since as f64 / 1e3 * (1.0 - done) / done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_and_read_as_they_are_written() {
        let ids: Vec<Id> = (0..100).map(|_| Id::new()).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[0].to_string().parse(), Ok(ids[0].clone()));
        for bad in ["", "1", "../../etc/passwd", "0123456789ABCDEF0123456789ABCDEF", &"é".repeat(16)] {
            assert_eq!(bad.parse::<Id>().unwrap_err().code, "unknown_job", "{bad}");
        }
    }

    #[test]
    fn a_status_is_kept_by_the_name_that_json_shows() {
        for status in Status::ALL {
            assert_eq!(Status::named(status.name()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
    }
}
