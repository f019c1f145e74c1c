//! Long work: jobs that outlive their request, and the process that works on them.

mod calls;
mod crashes;
mod events;
mod fairness;
mod life;
mod postgres;
mod replicas;
mod store;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

use crate::http::{MODEL, header, json};

/// A few steps for a filter of a small picture.
const SHORT: &str = "activation-maximization?layer=block2_conv1&filter=3&size=32&iterations=4";
/// As many steps as there can be: it takes longer than any test waits.
const ENDLESS: &str = "activation-maximization?class=0&iterations=4096";

/// What tests wait for at most, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_mins(2);

/// A call of the default model without a picture, as a job.
fn job(address: &str, call: &str) -> RequestBuilder {
    Client::new().post(format!("http://{address}{MODEL}/{call}")).header("prefer", "respond-async")
}

/// The address of the job that `request` becomes.
async fn accepted(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    let (status, location) = (response.status().as_u16(), header(&response, "location").to_owned());
    let text = response.text().await.unwrap();
    assert_eq!(status, 202, "{text}");
    let job: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(job["links"]["self"], location);
    location
}

async fn get(address: &str, path: &str) -> Response {
    Client::new().get(format!("http://{address}{path}")).send().await.unwrap()
}

async fn show(address: &str, path: &str) -> Value {
    json(Client::new().get(format!("http://{address}{path}"))).await
}

/// The job at `path` once `done` says so of it.
async fn until(address: &str, path: &str, done: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let job = show(address, path).await;
        if done(&job) {
            return job;
        }
        assert!(start.elapsed() < PATIENCE, "{job}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The job at `path` once it has ended.
async fn ended(address: &str, path: &str) -> Value {
    until(address, path, |job| job["status"] != "queued" && job["status"] != "running").await
}

async fn running(address: &str, path: &str) -> Value {
    until(address, path, |job| job["status"] == "running" && job["progress"].as_f64() > Some(0.0)).await
}

/// A service as a process of its own, which can be killed.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
}

impl Process {
    /// Starts one with the given settings and waits until it is ready.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_at("127.0.0.1:0", settings)
    }

    /// The same, on an address of its own.
    fn start_at(listen: &str, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_glassbox"))
            .args(["serve", "--listen", listen])
            .env("GLASSBOX_MODELS__CACHE_DIR", env!("CARGO_TARGET_TMPDIR"))
            .env("GLASSBOX_LOG__FORMAT", "json")
            .envs(settings.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut address = None;
        for line in lines.by_ref() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            match line["message"].as_str() {
                Some("listening") => address = line["address"].as_str().map(str::to_owned),
                Some("ready") => break,
                _ => {}
            }
        }
        // A process whose log nobody reads stops when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.unwrap() }
    }

    /// `kill -9`.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends it the signal called `name`.
    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// `kill`, which asks it to stop.
    pub(crate) fn terminate(&mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
