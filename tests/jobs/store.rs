//! Stores that cannot be used.

use std::{fs, path::Path};

use glassbox::{explain::ActivationMaximization, jobs::Task};
use sqlx::Row;

use super::{SHORT, accepted, ended, job};
use crate::http::{Server, json, png, refused, stop_sign};

fn start(file: &Path) -> Server {
    let store = format!("sqlite:{}", file.display());
    Server::start(|config| config.jobs.store = store)
}

/// What a job is refused with, while calls in line are answered.
async fn refusal(server: &Server, code: &str) -> String {
    let detail = refused(job(&server.address.to_string(), SHORT), 503, code).await;
    json(server.post("/predict", png(stop_sign()))).await;
    refused(server.get("/v1/jobs"), 503, code).await;
    detail
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_keeps_no_call_in_line_from_its_answer() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("missing").join("jobs.db");
    let server = start(&file);
    let detail = refusal(&server, "jobs_unavailable").await;
    assert!(detail.contains("cannot be written") && detail.contains("`memory`"), "{detail}");
    // Once it can be, jobs are taken.
    fs::create_dir(file.parent().unwrap()).unwrap();
    let address = server.address.to_string();
    let path = accepted(job(&address, SHORT)).await;
    assert_eq!(ended(&address, &path).await["status"], "succeeded");
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jobs.db");
    fs::write(&file, "This is no database, whatever its name may say.".repeat(100)).unwrap();
    let detail = refusal(&start(&file), "jobs_unavailable").await;
    assert!(detail.contains("damaged"), "{detail}");
    assert!(fs::read_to_string(&file).unwrap().starts_with("This is"), "the file was changed");
}

#[tokio::test]
async fn tables_of_a_newer_program_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jobs.db");
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&format!("sqlite:{}?mode=rwc", file.display())).await.unwrap();
    let tables = "CREATE TABLE glassbox_schema (version BIGINT NOT NULL); INSERT INTO glassbox_schema VALUES (99);";
    sqlx::raw_sql(tables).execute(&pool).await.unwrap();
    pool.close().await;
    let detail = refusal(&start(&file), "jobs_newer_schema").await;
    assert!(detail.contains("version 99"), "{detail}");
}

#[tokio::test]
async fn tables_of_an_older_program_are_brought_to_the_newest_version_with_their_jobs() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jobs.db");
    sqlx::any::install_default_drivers();
    let url = format!("sqlite:{}?mode=rwc", file.display());
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    let tables = include_str!("../../src/jobs/store/schema.sql").replace("{bytes}", "BLOB");
    let version = "CREATE TABLE glassbox_schema (version BIGINT NOT NULL); INSERT INTO glassbox_schema VALUES (1);";
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("{version}{tables}"))).execute(&pool).await.unwrap();
    let options = ActivationMaximization {
        layer: Some("block2_conv1".into()),
        filter: Some(3),
        size: Some(32),
        iterations: Some(2),
        ..ActivationMaximization::default()
    };
    let task = serde_json::to_string(&Task::maximize("vgg16-caltech101", options)).unwrap();
    let id = "0".repeat(32);
    // The statement of version 1.
    let insert = "INSERT INTO jobs (id, idempotency_key, digest, model, techniques, task, status, attempts, cancelled, worker, lease, \
         fraction, step, steps, created, version, picture_version) \
         VALUES ($1, $1, 'd', 'vgg16-caltech101', 'activation-maximization', $2, 'queued', 0, 0, '', 0, 0, 0, 0, 1, 1, 0)";
    sqlx::query(insert).bind(&id).bind(task).execute(&pool).await.unwrap();

    let server = start(&file);
    let address = server.address.to_string();
    let done = ended(&address, &format!("/v1/jobs/{id}")).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    let path = accepted(job(&address, SHORT)).await;
    assert_eq!(ended(&address, &path).await["status"], "succeeded");
    let row = sqlx::query("SELECT version FROM glassbox_schema").fetch_one(&pool).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 3);
    // A process of version 1 that is still there can add jobs.
    sqlx::query(insert).bind("1".repeat(32)).bind("{}").execute(&pool).await.unwrap();
    pool.close().await;
}

#[test]
fn a_store_that_is_none_stops_the_start() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_glassbox"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("GLASSBOX_JOBS__STORE", "mysql://root:secret@localhost/jobs")
        .output()
        .unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && complaint.contains("jobs.store"), "{complaint}");
    assert!(!complaint.contains("secret"), "{complaint}");
}
