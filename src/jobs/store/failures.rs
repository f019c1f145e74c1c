//! What is wrong with a store, said so that an operator knows what to do.

use crate::error::{Error, Kind};

/// SQLite's primary result codes (<https://sqlite.org/rescode.html>), which are the lowest byte of its extended ones.
mod sqlite {
    pub const BUSY: i64 = 5;
    pub const READ_ONLY: i64 = 8;
    pub const IO: i64 = 10;
    pub const CORRUPT: i64 = 11;
    pub const FULL: i64 = 13;
    pub const CANNOT_OPEN: i64 = 14;
    pub const NOT_A_DATABASE: i64 = 26;
}

/// The error that a failure of the database is to whoever calls: no job can be taken in or looked at for now (503).
#[allow(clippy::needless_pass_by_value)] // for `map_err`
pub(super) fn unavailable(error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(std::borrow::Cow::into_owned);
    let reason = match &error {
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => "the database cannot be reached".to_owned(),
        _ => reason(code.as_deref().unwrap_or_default()).map_or_else(|| error.to_string(), str::to_owned),
    };
    tracing::debug!(%error, "the jobs' store failed");
    Error::new(
        Kind::Unavailable,
        "jobs_unavailable",
        format!("no jobs for now: {reason}; calls without `Prefer` still work"),
    )
}

fn reason(code: &str) -> Option<&'static str> {
    // PostgreSQL's codes are five letters and digits (SQLSTATE), SQLite's are numbers below.
    match code {
        "53100" => return Some("the database's disk is full"),
        "28P01" | "28000" => return Some("the database refuses the user or the password in jobs.store"),
        "3D000" => return Some("the database that jobs.store names does not exist"),
        "57P01" | "57P02" | "57P03" => return Some("the database is starting or stopping"),
        _ => {}
    }
    Some(match code.parse::<i64>().ok()? & 0xff {
        sqlite::BUSY => "another process holds the file of jobs.store for too long",
        sqlite::READ_ONLY | sqlite::CANNOT_OPEN => {
            "the file of jobs.store cannot be written: name one in a directory that can be, or `memory`"
        }
        sqlite::IO => "the file of jobs.store cannot be read or written: look at its disk",
        sqlite::CORRUPT | sqlite::NOT_A_DATABASE => {
            "the file of jobs.store is damaged or no SQLite database: move it away, and a new one is made"
        }
        sqlite::FULL => "the disk of jobs.store is full",
        _ => return None,
    })
}

/// The tables are of a version of this program after this one.
pub(super) fn newer_schema(version: i64, known: usize) -> Error {
    let message = format!(
        "no jobs: the tables in jobs.store are of version {version}, and this program knows up to {known}: use the newer program, \
         or another store"
    );
    Error::new(Kind::Unavailable, "jobs_newer_schema", message)
}
