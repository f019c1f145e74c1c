//! Jobs do not starve calls in line.

use std::time::{Duration, Instant};

use super::{ENDLESS, accepted, job, running};
use crate::http::{Server, json, png, stop_sign};

/// How many calls are timed, of each kind.
const CALLS: usize = 40;

/// The 95th percentile of the time that predictions take.
async fn p95(server: &Server) -> Duration {
    let picture = png(stop_sign());
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let start = Instant::now();
        json(server.post("/predict", picture.clone())).await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[CALLS * 95 / 100]
}

#[tokio::test]
async fn predictions_are_quick_under_a_queue_of_jobs() {
    // With one session, a job that held it would make calls wait for minutes.
    let server = Server::start(|config| config.runtime.sessions = 1);
    let address = server.address.to_string();
    json(server.post("/predict", png(stop_sign()))).await;
    let mut paths = Vec::new();
    for _ in 0..5 {
        paths.push(accepted(job(&address, ENDLESS)).await);
    }
    running(&address, &paths[0]).await;
    let under_jobs = p95(&server).await;
    for path in paths {
        json(server.request("DELETE", &path)).await;
    }
    let alone = p95(&server).await;
    // A call waits for one run of a job, which here takes about as long as its own, and shares the cores with the job's other work.
    let ratio = under_jobs.as_secs_f64() / alone.as_secs_f64();
    println!("p95 of predict: {alone:?} alone, {under_jobs:?} under a queue of jobs, {ratio:.1} times as long");
    assert!(ratio < 5.0, "{under_jobs:?} against {alone:?}");
}
