//! How a process begins, hears of changes, and ends.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use glassbox::http::{Scope, make_key};
use reqwest::Client;
use serde_json::json;

use super::{ENDLESS, PATIENCE, Process, accepted, get, job, running, show};
use crate::http::{MODEL, png, refused, stop_sign};

/// Waits until `done`.
async fn until(mut done: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !done().await {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_process_that_is_asked_to_stop_says_so_first_and_finishes_what_it_has_begun() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", directory.path().join("jobs.db").display());
    let settings = [("GLASSBOX_JOBS__STORE", &*store), ("GLASSBOX_JOBS__LEASE", "600")];
    let mut first = Process::start(&[&settings[..], &[("GLASSBOX_SERVER__DRAIN_DELAY", "3")]].concat());
    let path = accepted(job(&first.address, ENDLESS)).await;
    running(&first.address, &path).await;

    // A request whose body is still arriving when the process is asked to stop.
    let picture = png(stop_sign());
    let (begun, rest) = picture.split_at(picture.len() / 2);
    let mut slow = TcpStream::connect(&first.address).unwrap();
    let length = picture.len();
    write!(slow, "POST {MODEL}/predict HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n").unwrap();
    slow.write_all(begun).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;

    let start = Instant::now();
    first.signal("TERM");
    until(async || get(&first.address, "/readyz").await.status() == 503).await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    refused(Client::new().get(format!("http://{}/readyz", first.address)), 503, "stopping").await;
    // The gateway, which has not noticed yet, is still answered.
    assert_eq!(get(&first.address, "/v1/models").await.status(), 200);
    // The job is given back at once, long before its lease ends, and its process has not ended yet.
    let second = Process::start(&settings);
    until(async || show(&second.address, &path).await["status"] == "running").await;
    assert_eq!(show(&second.address, &path).await["attempts"], json!(1));

    until(async || TcpStream::connect(&first.address).is_err()).await;
    assert!(first.child.try_wait().unwrap().is_none(), "it did not wait for the request");
    slow.write_all(rest).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("stop_sign"), "{answer}");
    assert!(first.child.wait().unwrap().success());
}

#[tokio::test]
async fn a_second_signal_stops_a_process_as_it_is() {
    let mut process = Process::start(&[("GLASSBOX_JOBS__STORE", "memory")]);
    // A request that would be waited for.
    let mut slow = TcpStream::connect(&process.address).unwrap();
    write!(slow, "POST {MODEL}/predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n").unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    process.signal("INT");
    until(async || TcpStream::connect(&process.address).is_err()).await;
    assert!(process.child.try_wait().unwrap().is_none(), "it did not wait for the request");
    let start = Instant::now();
    process.signal("TERM");
    process.child.wait().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn keys_are_read_again_when_the_process_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys");
    let write = |name: &str| {
        let (key, line) = make_key(name, &[Scope::Explain]).unwrap();
        fs::write(&file, line).unwrap();
        key
    };
    let old = write("old");
    let settings = [("GLASSBOX_JOBS__STORE", "memory"), ("GLASSBOX_AUTH__KEYS_FILE", file.to_str().unwrap())];
    let process = Process::start(&settings);
    let models = |key: &str| Client::new().get(format!("http://{}/v1/models", process.address)).bearer_auth(key);
    let status = async |key: &str| models(key).send().await.unwrap().status().as_u16();
    assert_eq!(status(&old).await, 200);
    let new = write("new");
    assert_eq!(status(&new).await, 401);
    process.signal("HUP");
    until(async || status(&new).await == 200).await;
    refused(models(&old), 401, "unknown_key").await;
}
