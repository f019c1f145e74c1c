//! Stores that cannot be used.

use std::{fs, path::Path};

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
