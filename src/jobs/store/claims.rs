//! Who works on a job: a worker claims it for the time of a lease, and renews that while it works.

use std::time::Duration;

use sqlx::Row;

use super::{Store, failures::unavailable};
use crate::{error::Result, jobs::Id, runtime::Progress};

/// How often a job is begun; one that ended its process so often fails.
pub const MOST_ATTEMPTS: i64 = 3;

/// A job that a worker holds, until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The job's name.
    pub id: Id,
    /// The worker's name.
    pub worker: String,
    /// How often the job was begun, this time included; with the worker's name it tells this claim from all others.
    pub attempt: i64,
    /// What is to be done, as it was kept.
    pub task: String,
    /// The trace that the job belongs to, as W3C writes it.
    pub traceparent: Option<String>,
}

/// What a worker that renews its lease hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The job is still its own.
    Held,
    /// It is, but the client wants it no more.
    Cancelled,
    /// Another has taken it, or it is gone.
    Lost,
}

impl Store {
    /// The job that has waited longest for a worker, or whose worker's lease ended; it is `worker`'s for the time of `lease`.
    ///
    /// Of several processes that ask at once, each gets another job.
    pub async fn claim(&self, worker: &str, lease: Duration) -> Result<Option<Claim>> {
        let database = self.open().await?;
        let query = "UPDATE jobs SET status = 'running', worker = $1, lease = {now} + $2, attempts = attempts + 1, \
             started = COALESCE(started, {now}), taken = {now}, fraction = 0, step = 0, steps = 0, version = version + 1 \
             WHERE id = (SELECT id FROM jobs WHERE (status = 'queued' OR (status = 'running' AND lease < {now})) \
                 AND cancelled = 0 AND attempts < $3 ORDER BY id LIMIT 1 {skip locked}) \
             RETURNING id, attempts, task, traceparent";
        let query = sqlx::query(database.sql(query)).bind(worker).bind(lease.as_millis() as i64).bind(MOST_ATTEMPTS);
        let Some(row) = query.fetch_optional(&database.pool).await.map_err(unavailable)? else { return Ok(None) };
        let id: String = row.try_get("id").map_err(unavailable)?;
        Ok(Some(Claim {
            id: id.parse()?,
            worker: worker.to_owned(),
            attempt: row.try_get("attempts").map_err(unavailable)?,
            task: row.try_get("task").map_err(unavailable)?,
            traceparent: row.try_get("traceparent").map_err(unavailable)?,
        }))
    }

    /// Renews the lease of `claim`, and tells how far it has come.
    pub async fn renew(&self, claim: &Claim, lease: Duration, progress: Progress) -> Result<Lease> {
        let database = self.open().await?;
        let query = "UPDATE jobs SET lease = {now} + $1, fraction = $2, step = $3, steps = $4, \
             version = CASE WHEN fraction <> $2 OR step <> $3 THEN version + 1 ELSE version END \
             WHERE id = $5 AND worker = $6 AND attempts = $7 AND status = 'running' RETURNING cancelled";
        let row = sqlx::query(database.sql(query))
            .bind(lease.as_millis() as i64)
            .bind(progress.fraction)
            .bind(progress.step as i64)
            .bind(progress.steps as i64)
            .bind(claim.id.as_str())
            .bind(&claim.worker)
            .bind(claim.attempt)
            .fetch_optional(&database.pool)
            .await
            .map_err(unavailable)?;
        let cancelled = row.map(|row| row.try_get::<i64, _>(0)).transpose().map_err(unavailable)?;
        Ok(match cancelled {
            None => Lease::Lost,
            Some(0) => Lease::Held,
            Some(_) => Lease::Cancelled,
        })
    }

    /// Gives the job of `claim` back, as if it had not been begun: its process is asked to stop.
    pub async fn release(&self, claim: &Claim) -> Result<()> {
        let database = self.open().await?;
        let query = "UPDATE jobs SET status = 'queued', attempts = attempts - 1, lease = 0, version = version + 1 \
             WHERE id = $1 AND worker = $2 AND attempts = $3 AND status = 'running'";
        let query = sqlx::query(query).bind(claim.id.as_str()).bind(&claim.worker).bind(claim.attempt);
        query.execute(&database.pool).await.map_err(unavailable).map(drop)
    }

    /// Ends the jobs whose workers are gone and which nobody takes up again: they are cancelled, or were begun too often.
    pub async fn give_up(&self) -> Result<()> {
        let database = self.open().await?;
        let cancelled = "UPDATE jobs SET status = 'cancelled', finished = {now}, version = version + 1 \
             WHERE status = 'running' AND cancelled = 1 AND lease < {now}";
        sqlx::query(database.sql(cancelled)).execute(&database.pool).await.map_err(unavailable)?;
        let crashed = "UPDATE jobs SET status = 'failed', finished = {now}, version = version + 1, \
             error_kind = 'internal', error_code = 'worker_crashed', error_message = $1 \
             WHERE status = 'running' AND attempts >= $2 AND lease < {now}";
        let message = format!(
            "the service ended {MOST_ATTEMPTS} times while it worked on this job, which it does not try again: its log may tell why"
        );
        let query = sqlx::query(database.sql(crashed)).bind(message).bind(MOST_ATTEMPTS);
        query.execute(&database.pool).await.map_err(unavailable).map(drop)
    }
}
