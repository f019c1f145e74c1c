//! Looking at jobs.

use sqlx::{Row, any::AnyRow};

use super::{Store, failures::unavailable};
use crate::{
    error::{Error, Result},
    explain::Format,
    jobs::{Failure, Id, Job, Shown, Status},
    runtime::Progress,
};

/// The columns that [`job`] reads.
pub(super) const COLUMNS: &str = "id, model, techniques, status, attempts, fraction, step, steps, created, started, taken, finished, \
     error_kind, error_code, error_message, version, picture_version, {now} AS now";

/// Which jobs a list has, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// How many at most.
    pub limit: i64,
    /// Only those that stand so.
    pub status: Option<Status>,
    /// Only those before this one.
    pub after: Option<Id>,
    /// Only those of this owner; empty: all.
    pub owner: String,
}

impl Store {
    /// The job called `id`; a 404 if there is none.
    pub async fn get(&self, id: &Id) -> Result<Job> {
        let database = self.open().await?;
        let query = format!("SELECT {COLUMNS} FROM jobs WHERE id = $1");
        let row = sqlx::query(database.sql(&query)).bind(id.as_str()).fetch_optional(&database.pool).await;
        job(&row.map_err(unavailable)?.ok_or_else(|| Id::unknown(id.as_str()))?)
    }

    /// A 404 if the job called `id` is not of `owner`, as if it were not there.
    pub async fn check_owner(&self, id: &Id, owner: &str) -> Result<()> {
        let database = self.open().await?;
        let query = sqlx::query("SELECT 1 FROM jobs WHERE id = $1 AND owner = $2").bind(id.as_str()).bind(owner);
        let row = query.fetch_optional(&database.pool).await.map_err(unavailable)?;
        row.map(drop).ok_or_else(|| Id::unknown(id.as_str()))
    }

    /// How many jobs there are of each status that has any.
    pub async fn counts(&self) -> Result<Vec<(Status, i64)>> {
        let database = self.open().await?;
        let query = sqlx::query("SELECT status, COUNT(*) FROM jobs GROUP BY status");
        let rows = query.fetch_all(&database.pool).await.map_err(unavailable)?;
        let count = |row: &AnyRow| Ok((row.try_get::<String, _>(0)?, row.try_get::<i64, _>(1)?));
        let counts = rows.iter().map(count).collect::<sqlx::Result<Vec<_>>>().map_err(unavailable)?;
        Ok(counts.into_iter().filter_map(|(name, count)| Status::named(&name).map(|status| (status, count))).collect())
    }

    /// The jobs of `listing`.
    pub async fn list(&self, listing: &Listing) -> Result<Vec<Job>> {
        let database = self.open().await?;
        let query = format!(
            "SELECT {COLUMNS} FROM jobs WHERE ($1 = '' OR status = $1) AND ($2 = '' OR id < $2) AND ($3 = '' OR owner = $3) \
             ORDER BY id DESC LIMIT $4"
        );
        let rows = sqlx::query(database.sql(&query))
            .bind(listing.status.map_or("", Status::name))
            .bind(listing.after.as_ref().map_or("", Id::as_str))
            .bind(&listing.owner)
            .bind(listing.limit)
            .fetch_all(&database.pool)
            .await;
        rows.map_err(unavailable)?.iter().map(job).collect()
    }

    /// The formats that the result of `id` was asked to be written in, JSON first.
    pub async fn formats(&self, id: &Id) -> Result<Vec<Format>> {
        let database = self.open().await?;
        let query = sqlx::query("SELECT name FROM job_files WHERE job = $1").bind(id.as_str());
        let rows = query.fetch_all(&database.pool).await.map_err(unavailable)?;
        let names = rows.iter().map(|row| row.try_get::<String, _>(0).map_err(unavailable));
        let names = names.collect::<Result<Vec<_>>>()?;
        let all = [Format::Json, Format::Png, Format::Npy];
        Ok(all.into_iter().filter(|&format| names.iter().any(|name| name == file_name(format))).collect())
    }

    /// The result of `id` in `format`, or why there is none; `None` if the job has not succeeded.
    pub async fn result(&self, id: &Id, format: Format) -> Result<Option<Result<Vec<u8>, Failure>>> {
        self.file(id, file_name(format)).await
    }

    /// What `id` has shown after the version `seen` of it, the oldest first.
    pub async fn shown(&self, id: &Id, seen: i64) -> Result<Vec<Shown>> {
        let database = self.open().await?;
        let query = "SELECT name, bytes FROM job_files WHERE job = $1 AND version > $2 ORDER BY version";
        let query = sqlx::query(query).bind(id.as_str()).bind(seen);
        let rows = query.fetch_all(&database.pool).await.map_err(unavailable)?;
        let read = |row: &AnyRow| Ok((row.try_get::<String, _>("name")?, row.try_get::<Option<Vec<u8>>, _>("bytes")?));
        let files = rows.iter().map(read).collect::<sqlx::Result<Vec<_>>>().map_err(unavailable)?;
        Ok(files.into_iter().filter_map(|(name, bytes)| Shown::kept(&name, bytes?)).collect())
    }

    /// The picture that the job `id` explains; empty for one that takes none.
    pub(in crate::jobs) async fn input(&self, id: &Id) -> Result<Vec<u8>> {
        Ok(self.file(id, INPUT).await?.and_then(Result::ok).unwrap_or_default())
    }

    async fn file(&self, id: &Id, name: &str) -> Result<Option<Result<Vec<u8>, Failure>>> {
        let database = self.open().await?;
        let query = "SELECT bytes, error_kind, error_code, error_message FROM job_files WHERE job = $1 AND name = $2";
        let query = sqlx::query(query).bind(id.as_str()).bind(name);
        let Some(row) = query.fetch_optional(&database.pool).await.map_err(unavailable)? else { return Ok(None) };
        if let Some(failure) = failure(&row).map_err(unavailable)? {
            return Ok(Some(Err(failure)));
        }
        row.try_get::<Option<Vec<u8>>, _>("bytes").map(|bytes| bytes.map(Ok)).map_err(unavailable)
    }
}

/// The file that holds the picture to explain.
pub(super) const INPUT: &str = "input";

/// The file that holds the result in `format`.
pub(super) fn file_name(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Png => "png",
        Format::Npy => "npy",
    }
}

/// The job in `row`, which has [`COLUMNS`].
pub(super) fn job(row: &AnyRow) -> Result<Job> {
    let (id, status) = parts(row).map_err(unavailable)?;
    let id = id.parse()?;
    let status = Status::named(&status).ok_or_else(|| Error::internal(format!("a job is `{status}`")))?;
    read(row, id, status).map_err(unavailable)
}

fn parts(row: &AnyRow) -> sqlx::Result<(String, String)> {
    Ok((row.try_get("id")?, row.try_get("status")?))
}

fn read(row: &AnyRow, id: Id, status: Status) -> sqlx::Result<Job> {
    let count = |name: &str| row.try_get::<i64, _>(name).map(|count| usize::try_from(count).unwrap_or_default());
    let techniques: String = row.try_get("techniques")?;
    Ok(Job {
        id,
        model: row.try_get("model")?,
        techniques: techniques.split(',').map(str::to_owned).collect(),
        status,
        attempts: row.try_get("attempts")?,
        progress: Progress { fraction: row.try_get("fraction")?, step: count("step")?, steps: count("steps")? },
        created: row.try_get("created")?,
        started: row.try_get("started")?,
        taken: row.try_get("taken")?,
        finished: row.try_get("finished")?,
        now: row.try_get("now")?,
        failure: failure(row)?,
        version: row.try_get("version")?,
        shown_version: row.try_get("picture_version")?,
    })
}

fn failure(row: &AnyRow) -> sqlx::Result<Option<Failure>> {
    let Some(code) = row.try_get::<Option<String>, _>("error_code")? else { return Ok(None) };
    let kind: Option<String> = row.try_get("error_kind")?;
    let message: Option<String> = row.try_get("error_message")?;
    let kind = Failure::kind_named(&kind.unwrap_or_default());
    Ok(Some(Failure { kind, code, message: message.unwrap_or_default() }))
}
