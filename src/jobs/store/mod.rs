//! Where jobs are kept: one file of SQLite, or a database of PostgreSQL that replicas share.
//!
//! The statements are the same for both, but for the few words in [`Dialect`]. All times are the database's, so that the
//! clocks of replicas need not agree.

mod claims;
mod failures;
mod reading;
mod writing;

use std::{sync::Mutex, time::Duration};

use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, Connection, Row,
    any::{AnyPoolOptions, install_default_drivers},
};
use tokio::sync::OnceCell;

pub use claims::{Claim, Lease};
pub use reading::Listing;
pub use writing::{NewJob, Outcome};

use super::Id;
use crate::error::{Error, Result};

/// The tables, a script for each version of the schema after the one before it.
const MIGRATIONS: [&str; 3] = [include_str!("schema.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];

/// The place of a store that is forgotten when the process ends.
const MEMORY: &str = "memory";

/// How long a call waits for the database.
const PATIENCE: Duration = Duration::from_secs(3);

/// The store: opened, and brought to the newest schema, when it is first used, and tried again until that succeeds.
#[derive(Debug)]
pub struct Store {
    place: String,
    database: OnceCell<Database>,
}

/// A database with the newest schema.
#[derive(Debug)]
struct Database {
    pool: AnyPool,
    dialect: Dialect,
    /// A connection that is only held: a database in memory lives as long as one is open, and those of the pool are closed when a
    /// client leaves in the middle of a query.
    _held: Option<Mutex<AnyConnection>>,
}

/// Where the two databases differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Memory,
    Sqlite,
    Postgres,
}

impl Dialect {
    /// `text` with its words in braces as this database has them.
    fn sql(self, text: &str) -> AssertSqlSafe<String> {
        let [now, lock, bytes] = match self {
            Self::Memory | Self::Sqlite => ["CAST(unixepoch('subsec') * 1000 AS INTEGER)", "", "BLOB"],
            Self::Postgres => {
                ["CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)", "FOR UPDATE SKIP LOCKED", "BYTEA"]
            }
        };
        AssertSqlSafe(text.replace("{now}", now).replace("{skip locked}", lock).replace("{bytes}", bytes))
    }
}

impl Store {
    /// The store at `place`: `sqlite:` and a file, `postgres://...`, or `memory`. Nothing is opened yet.
    pub fn new(place: &str) -> Self {
        Self { place: place.to_owned(), database: OnceCell::new() }
    }

    /// Opens the store, if it is not open yet.
    ///
    /// An error of kind [`Unavailable`](crate::error::Kind::Unavailable) says what is wrong and what to do.
    async fn open(&self) -> Result<&Database> {
        let open = async || {
            let (url, dialect) = address(&self.place)?;
            let held = match dialect {
                Dialect::Memory => Some(Mutex::new(connect(&url).await?)),
                Dialect::Sqlite => write_ahead(&url).await.map(|()| None)?,
                Dialect::Postgres => None,
            };
            let database = Database { pool: pool(&url, dialect)?, dialect, _held: held };
            match database.migrate().await {
                Ok(()) => Ok(database),
                Err(error) => {
                    database.pool.close().await;
                    Err(error)
                }
            }
        };
        self.database.get_or_try_init(open).await
    }

    /// Opens the store, so that what is wrong with it is known at start.
    pub async fn check(&self) -> Result<()> {
        self.open().await.map(drop)
    }
}

/// The address of the database at `place`, as the driver takes it; another kind of place is an error for the operator.
pub(super) fn address(place: &str) -> Result<(String, Dialect)> {
    if place == MEMORY {
        // Under a name of its own, so that all connections of this store, and no others, are to one database.
        return Ok((format!("sqlite:file:{}?mode=memory&cache=shared", Id::new().as_str()), Dialect::Memory));
    }
    if let Some(file) = place.strip_prefix("sqlite:").filter(|file| !file.is_empty()) {
        let separator = if file.contains('?') { '&' } else { '?' };
        return Ok((format!("sqlite:{file}{separator}mode=rwc"), Dialect::Sqlite));
    }
    if place.starts_with("postgres://") || place.starts_with("postgresql://") {
        return Ok((place.to_owned(), Dialect::Postgres));
    }
    Err(invalid("it names no kind of database"))
}

// The address may hold a password, which no message repeats.
fn invalid(reason: &str) -> Error {
    let message = format!(
        "jobs.store cannot be used, since {reason}: write sqlite: and a file, postgres://user:password@host/database, or {MEMORY}"
    );
    Error::setup("invalid_store", message)
}

/// Makes readers of the file at `url` not wait for writers, from now on; and finds out whether it is one that can be used, which a pool
/// would try again and again.
async fn write_ahead(url: &str) -> Result<()> {
    let mut connection = connect(url).await?;
    let set = sqlx::raw_sql("PRAGMA journal_mode = WAL").execute(&mut connection).await;
    set.map_err(failures::unavailable)?;
    connection.close().await.map_err(failures::unavailable)
}

async fn connect(url: &str) -> Result<AnyConnection> {
    install_default_drivers();
    AnyConnection::connect(url).await.map_err(failures::unavailable)
}

/// Connections to `url`, none of them open yet.
fn pool(url: &str, dialect: Dialect) -> Result<AnyPool> {
    install_default_drivers();
    let options = AnyPoolOptions::new().acquire_timeout(PATIENCE);
    let options = match dialect {
        Dialect::Memory => options.max_connections(1),
        Dialect::Sqlite => options.max_connections(4),
        Dialect::Postgres => options.max_connections(10),
    };
    options.connect_lazy(url).map_err(|_| invalid("it is no address"))
}

impl Database {
    /// `text` with its words in braces as this database has them.
    fn sql(&self, text: &str) -> AssertSqlSafe<String> {
        self.dialect.sql(text)
    }

    /// Brings the schema to the newest version; two processes that start at once wait for each other.
    async fn migrate(&self) -> Result<()> {
        let begin = if self.dialect == Dialect::Postgres { "BEGIN" } else { "BEGIN IMMEDIATE" };
        let mut transaction = self.pool.begin_with(begin).await.map_err(failures::unavailable)?;
        if self.dialect == Dialect::Postgres {
            let lock = "SELECT pg_advisory_xact_lock(hashtext('glassbox'))";
            sqlx::raw_sql(lock).execute(&mut *transaction).await.map_err(failures::unavailable)?;
        }
        let table = "CREATE TABLE IF NOT EXISTS glassbox_schema (version BIGINT NOT NULL)";
        sqlx::raw_sql(table).execute(&mut *transaction).await.map_err(failures::unavailable)?;
        let version = sqlx::query("SELECT version FROM glassbox_schema").fetch_optional(&mut *transaction).await;
        let version = version.map_err(failures::unavailable)?;
        let version = version.map(|row| row.try_get::<i64, _>(0)).transpose().map_err(failures::unavailable)?;
        let version = version.unwrap_or(0);
        if version == MIGRATIONS.len() as i64 {
            return transaction.rollback().await.map_err(failures::unavailable);
        }
        let missing = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..));
        for script in missing.ok_or_else(|| failures::newer_schema(version, MIGRATIONS.len()))? {
            sqlx::raw_sql(self.sql(script)).execute(&mut *transaction).await.map_err(failures::unavailable)?;
        }
        let record = match version {
            0 => "INSERT INTO glassbox_schema (version) VALUES ($1)",
            _ => "UPDATE glassbox_schema SET version = $1",
        };
        let record = sqlx::query(record).bind(MIGRATIONS.len() as i64);
        record.execute(&mut *transaction).await.map_err(failures::unavailable)?;
        transaction.commit().await.map_err(failures::unavailable)?;
        tracing::info!(from = version, to = MIGRATIONS.len(), "the jobs' tables are brought to a newer version");
        Ok(())
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
