//! Taking jobs in, ending them, and throwing them away.

use std::time::Duration;

use sqlx::{Any, Row, Transaction};

use super::{
    Claim, Store,
    failures::unavailable,
    reading::{INPUT, file_name},
};
use crate::{
    error::{Error, Kind, Result},
    explain::Files,
    jobs::{Failure, Id, Job, Shown, Status, shown::EXPLANATION, task::Task},
};

/// A job that is to be taken in.
#[derive(Debug)]
pub struct NewJob<'a> {
    /// What it does.
    pub task: &'a Task,
    /// The picture that it explains, if it explains one.
    pub picture: Option<&'a [u8]>,
    /// The name of the API key that it belongs to; empty where none is needed.
    pub owner: &'a str,
    /// The trace that it belongs to, as W3C writes it.
    pub traceparent: Option<String>,
    /// The client's name for this request, by which it can be sent again.
    pub key: Option<&'a str>,
    /// What tells this request from others of the same name.
    pub digest: &'a str,
}

/// How a job ends.
#[derive(Debug)]
pub enum Outcome {
    /// With its result.
    Succeeded(Files),
    /// With an error.
    Failed(Failure),
    /// Because its client wanted it no more.
    Cancelled,
}

impl NewJob<'_> {
    /// The client's name for this request, which others may use as well for theirs. (No name of a client's has a line break.)
    fn own_key(&self) -> Option<String> {
        let key = self.key?;
        Some(if self.owner.is_empty() { key.to_owned() } else { format!("{}\n{key}", self.owner) })
    }
}

impl Outcome {
    /// Where the job then stands.
    pub fn status(&self) -> Status {
        match self {
            Self::Succeeded(_) => Status::Succeeded,
            Self::Failed(_) => Status::Failed,
            Self::Cancelled => Status::Cancelled,
        }
    }
}

impl Store {
    /// Takes a job in, and returns when that is on the disk; the one of the same key, if there is one.
    ///
    /// A key that was used for another request is a 422; more than `most` waiting jobs are a 503.
    pub async fn insert(&self, new: &NewJob<'_>, most: u64) -> Result<Id> {
        let database = self.open().await?;
        if let Some(id) = self.of_key(new).await? {
            return Ok(id);
        }
        self.check_room(most).await?;
        let id = Id::new();
        let mut transaction = database.pool.begin().await.map_err(unavailable)?;
        let query = "INSERT INTO jobs (id, idempotency_key, digest, model, techniques, task, status, attempts, cancelled, worker, lease, \
             fraction, step, steps, created, version, picture_version, owner, traceparent) \
             VALUES ($1, $2, $3, $4, $5, $6, 'queued', 0, 0, '', 0, 0, 0, 0, {now}, 1, 0, $7, $8) ON CONFLICT (idempotency_key) DO NOTHING";
        let inserted = sqlx::query(database.sql(query))
            .bind(id.as_str())
            .bind(new.own_key())
            .bind(new.digest)
            .bind(new.task.model())
            .bind(new.task.techniques().join(","))
            .bind(new.task.to_json()?)
            .bind(new.owner)
            .bind(new.traceparent.as_deref())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if inserted.rows_affected() == 0 {
            // The same request came in twice at once.
            transaction.rollback().await.map_err(unavailable)?;
            return self.of_key(new).await?.ok_or_else(|| Error::internal("a job's key is taken by no job"));
        }
        if let Some(picture) = new.picture {
            put(&mut transaction, &id, INPUT, Ok(picture)).await?;
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(id)
    }

    /// The job that was taken in under the same key.
    async fn of_key(&self, new: &NewJob<'_>) -> Result<Option<Id>> {
        let database = self.open().await?;
        let Some(key) = new.own_key() else { return Ok(None) };
        let query = sqlx::query("SELECT id, digest FROM jobs WHERE idempotency_key = $1").bind(key);
        let Some(row) = query.fetch_optional(&database.pool).await.map_err(unavailable)? else { return Ok(None) };
        let id: String = row.try_get("id").map_err(unavailable)?;
        let digest: String = row.try_get("digest").map_err(unavailable)?;
        if digest != new.digest {
            let message = "this `Idempotency-Key` was used for another request: use a new one for each";
            return Err(Error::unprocessable("idempotency_key_reused", message));
        }
        Ok(Some(id.parse()?))
    }

    async fn check_room(&self, most: u64) -> Result<()> {
        let database = self.open().await?;
        let query = sqlx::query("SELECT COUNT(*) FROM jobs WHERE status = 'queued'");
        let row = query.fetch_one(&database.pool).await.map_err(unavailable)?;
        let waiting: i64 = row.try_get(0).map_err(unavailable)?;
        if waiting.unsigned_abs() >= most {
            let message = format!("{waiting} jobs are waiting already; try again later");
            return Err(Error::new(Kind::Busy, "busy", message));
        }
        Ok(())
    }

    /// Ends the job of `claim`; false, and nothing is changed, if that is no longer its worker's.
    pub async fn finish(&self, claim: &Claim, outcome: &Outcome) -> Result<bool> {
        let database = self.open().await?;
        let failure = if let Outcome::Failed(failure) = outcome { Some(failure) } else { None };
        let mut transaction = database.pool.begin().await.map_err(unavailable)?;
        let query = "UPDATE jobs SET status = $1, finished = {now}, error_kind = $2, error_code = $3, error_message = $4, \
             fraction = CASE WHEN $1 = 'succeeded' THEN 1 ELSE fraction END, version = version + 1 \
             WHERE id = $5 AND worker = $6 AND attempts = $7 AND status = 'running'";
        let finished = sqlx::query(database.sql(query))
            .bind(outcome.status().name())
            .bind(failure.map(|failure| Failure::kind_name(failure.kind)))
            .bind(failure.map(|failure| failure.code.as_str()))
            .bind(failure.map(|failure| failure.message.as_str()))
            .bind(claim.id.as_str())
            .bind(&claim.worker)
            .bind(claim.attempt)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if finished.rows_affected() == 0 {
            transaction.rollback().await.map_err(unavailable)?;
            return Ok(false);
        }
        // What was shown on the way is part of the result, but for the pictures of activation maximization, which are small.
        let delete = "DELETE FROM job_files WHERE job = $1 AND (name = $2 OR name LIKE $3)";
        let delete = sqlx::query(delete).bind(claim.id.as_str()).bind(INPUT).bind(format!("{EXPLANATION}%"));
        delete.execute(&mut *transaction).await.map_err(unavailable)?;
        if let Outcome::Succeeded(files) = outcome {
            for (format, file) in files {
                let file = file.as_deref().map_err(|error| Failure::of(error, &claim.id));
                put(&mut transaction, &claim.id, file_name(*format), file).await?;
            }
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(true)
    }

    /// Keeps what the job of `claim` has come to so far.
    pub(in crate::jobs) async fn show(&self, claim: &Claim, shown: &Shown) -> Result<()> {
        let database = self.open().await?;
        let mut transaction = database.pool.begin().await.map_err(unavailable)?;
        let query = "UPDATE jobs SET picture_version = version + 1, version = version + 1 \
             WHERE id = $1 AND worker = $2 AND attempts = $3 AND status = 'running' RETURNING version";
        let held = sqlx::query(query).bind(claim.id.as_str()).bind(&claim.worker).bind(claim.attempt);
        let held = held.fetch_optional(&mut *transaction).await.map_err(unavailable)?;
        if let Some(row) = held {
            let version: i64 = row.try_get(0).map_err(unavailable)?;
            put(&mut transaction, &claim.id, &shown.name(), Ok(shown.bytes())).await?;
            let query = sqlx::query("UPDATE job_files SET version = $1 WHERE job = $2 AND name = $3");
            let query = query.bind(version).bind(claim.id.as_str()).bind(shown.name());
            query.execute(&mut *transaction).await.map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    /// Cancels the job called `id`: at once if nobody works on it, else its worker is told; a finished one stays as it is.
    pub async fn cancel(&self, id: &Id) -> Result<Job> {
        let database = self.open().await?;
        let query = "UPDATE jobs SET cancelled = 1, version = version + 1, \
             finished = CASE WHEN status = 'queued' OR lease < {now} THEN {now} ELSE finished END, \
             status = CASE WHEN status = 'queued' OR lease < {now} THEN 'cancelled' ELSE status END \
             WHERE id = $1 AND cancelled = 0 AND status IN ('queued', 'running')";
        let cancelled = sqlx::query(database.sql(query)).bind(id.as_str()).execute(&database.pool).await;
        cancelled.map_err(unavailable)?;
        self.get(id).await
    }

    /// Throws away what ended longer ago than `ttl`.
    pub(in crate::jobs) async fn expire(&self, ttl: Duration) -> Result<()> {
        let database = self.open().await?;
        let query = "DELETE FROM jobs WHERE finished < {now} - $1";
        let query = sqlx::query(database.sql(query)).bind(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX / 2));
        query.execute(&database.pool).await.map_err(unavailable).map(drop)
    }
}

/// Keeps a file of the job `id`, or why there is none, in place of one of that name.
async fn put(transaction: &mut Transaction<'_, Any>, id: &Id, name: &str, file: Result<&[u8], Failure>) -> Result<()> {
    let query = "INSERT INTO job_files (job, name, bytes, error_kind, error_code, error_message) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (job, name) DO UPDATE SET bytes = excluded.bytes, error_kind = excluded.error_kind, \
         error_code = excluded.error_code, error_message = excluded.error_message";
    let failure = file.as_ref().err();
    let query = sqlx::query(query)
        .bind(id.as_str())
        .bind(name)
        .bind(file.as_ref().ok().map(|bytes| bytes.to_vec()))
        .bind(failure.map(|failure| Failure::kind_name(failure.kind)))
        .bind(failure.map(|failure| failure.code.as_str()))
        .bind(failure.map(|failure| failure.message.as_str()));
    query.execute(&mut **transaction).await.map_err(unavailable).map(drop)
}
