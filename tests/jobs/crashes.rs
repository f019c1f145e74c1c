//! Processes that end in the middle of a job.

use serde_json::json;

use super::{ENDLESS, Process, SHORT, accepted, ended, get, job, running, show, until};

/// Some seconds of work, which `kill -9` falls into.
const LONG: &str = "activation-maximization?layer=block2_conv1&filter=3&size=96&iterations=400";

/// The settings of processes that share a file in `directory`.
fn settings(directory: &tempfile::TempDir) -> String {
    format!("sqlite:{}", directory.path().join("jobs.db").display())
}

fn start(store: &str) -> Process {
    Process::start(&[("GLASSBOX_JOBS__STORE", store), ("GLASSBOX_JOBS__LEASE", "2")])
}

#[tokio::test]
async fn a_job_whose_process_is_killed_finishes_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = settings(&directory);
    let mut first = start(&store);
    let path = accepted(job(&first.address, LONG)).await;
    let waiting = accepted(job(&first.address, SHORT)).await;
    running(&first.address, &path).await;
    first.kill();
    let second = start(&store);
    let done = ended(&second.address, &path).await;
    assert_eq!((&done["status"], &done["attempts"]), (&json!("succeeded"), &json!(2)), "{done}");
    let response = get(&second.address, &format!("{path}/result")).await;
    let result: serde_json::Value = response.json().await.unwrap();
    assert_eq!(result["values"].as_array().unwrap().len(), 400);
    let done = ended(&second.address, &waiting).await;
    assert_eq!((&done["status"], &done["attempts"]), (&json!("succeeded"), &json!(1)), "{done}");
}

#[tokio::test]
async fn a_job_that_ends_its_process_three_times_fails() {
    let directory = tempfile::tempdir().unwrap();
    let store = settings(&directory);
    let mut path = String::new();
    for attempt in 1..=3 {
        let mut process = start(&store);
        if attempt == 1 {
            path = accepted(job(&process.address, ENDLESS)).await;
        }
        until(&process.address, &path, |job| job["attempts"] == attempt && job["status"] == "running").await;
        process.kill();
    }
    let process = start(&store);
    let failed = ended(&process.address, &path).await;
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!("worker_crashed")), "{failed}");
    assert!(failed["error"]["detail"].as_str().unwrap().contains("3 times"), "{failed}");
    assert_eq!(get(&process.address, &format!("{path}/result")).await.status(), 500);
    // The next job is none the worse for it.
    let path = accepted(job(&process.address, SHORT)).await;
    assert_eq!(ended(&process.address, &path).await["status"], "succeeded");
}

#[tokio::test]
async fn a_process_that_is_asked_to_stop_gives_its_job_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = settings(&directory);
    let mut first = start(&store);
    let path = accepted(job(&first.address, ENDLESS)).await;
    running(&first.address, &path).await;
    first.terminate();
    // Who takes jobs in without working on them sees how it was left.
    let second = Process::start(&[("GLASSBOX_JOBS__STORE", &store), ("GLASSBOX_JOBS__CONCURRENCY", "0")]);
    let job = show(&second.address, &path).await;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("queued"), &json!(0)), "{job}");
}

#[tokio::test]
async fn two_processes_on_one_file_share_the_work() {
    let directory = tempfile::tempdir().unwrap();
    let store = settings(&directory);
    let (first, second) = (start(&store), start(&store));
    let mut paths = Vec::new();
    for number in 0..8 {
        let address = if number % 2 == 0 { &first.address } else { &second.address };
        paths.push(accepted(job(address, SHORT)).await);
    }
    for path in &paths {
        let done = ended(&second.address, path).await;
        assert_eq!((&done["status"], &done["attempts"]), (&json!("succeeded"), &json!(1)), "{done}");
    }
}
