//! Taking jobs in, looking at them, cancelling them.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{ENDLESS, SHORT, accepted, ended, get, job, running, show};
use crate::http::{MODEL, Server, header, json as answered, png, refused, stop_sign};

fn start() -> (Server, String) {
    let server = Server::start(|_| {});
    let address = server.address.to_string();
    (server, address)
}

/// An answer without what no two of them share.
fn timeless(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("timing_ms");
    answer
}

async fn bytes(request: RequestBuilder, kind: &str) -> Vec<u8> {
    let response = request.send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, kind));
    response.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn a_jobs_result_is_the_answer_in_line_in_every_representation() {
    let (server, address) = start();
    for call in [
        "/explain/grad-cam?colormap=viridis&class=88&class=3",
        "/explain/occlusion?stride=56",
        "/explain?technique=saliency&technique=grad-cam&grad-cam.layer=block4_conv3",
        "/activation-maximization?layer=block2_conv1&filter=3&size=32&iterations=4",
    ] {
        let explains = call.starts_with("/explain");
        let picture = || if explains { png(stop_sign()) } else { Vec::new() };
        let request = || server.post(call, picture());
        let path = accepted(request().header("prefer", "respond-async")).await;
        let job = ended(&address, &path).await;
        assert_eq!((&job["status"], &job["progress"], &job["attempts"]), (&json!("succeeded"), &json!(1.0), &json!(1)));
        let result = || server.get(&format!("{path}/result"));
        assert_eq!(timeless(answered(result()).await), timeless(answered(request()).await), "{call}");
        let kinds: &[_] = if call.starts_with("/explain?") {
            refused(result().header("accept", "application/x-npy"), 406, "not_acceptable").await;
            &["image/png"]
        } else {
            &["image/png", "application/x-npy"]
        };
        for kind in kinds {
            let [kept, fresh] = [result(), request()].map(|request| bytes(request.header("accept", *kind), kind));
            assert!(kept.await == fresh.await, "{call} as {kind}");
        }
    }
}

#[tokio::test]
async fn an_accepted_job_says_where_it_is_and_what_was_preferred() {
    let (server, address) = start();
    let response = job(&address, SHORT).send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(header(&response, "preference-applied"), "respond-async");
    let path = header(&response, "location").to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(
        (&body["model"], &body["techniques"]),
        (&json!("vgg16-caltech101"), &json!(["activation-maximization"]))
    );
    assert_eq!(body["links"]["events"], format!("{path}/events"));
    let job = ended(&address, &path).await;
    for time in ["created", "started", "finished", "expires"] {
        assert!(job[time].as_str().unwrap().ends_with('Z'), "{time} in {job}");
    }
    assert_eq!(job["iteration"], json!({"step": 4, "steps": 4}));
    refused(server.get("/v1/jobs/0123456789abcdef0123456789abcdef"), 404, "unknown_job").await;
    refused(server.get("/v1/jobs/nonsense/result"), 404, "unknown_job").await;
    refused(server.get(&format!("{path}/result?format=gif")), 422, "invalid_option").await;
}

#[tokio::test]
async fn who_waits_is_answered_in_line_if_it_is_done_in_time() {
    let (server, address) = start();
    let wait = |call: &str, preference: &'static str| {
        server.request("POST", &format!("{MODEL}/{call}")).header("prefer", preference)
    };
    let response = wait(&format!("{SHORT}&format=png"), "respond-async, wait=30").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "image/png"));
    assert_eq!(header(&response, "preference-applied"), "wait=30");
    let result = header(&response, "content-location").to_owned();
    let inline = response.bytes().await.unwrap();
    let kept = server.get(&result).header("accept", "image/png");
    assert_eq!(inline, kept.send().await.unwrap().bytes().await.unwrap());

    // What the call fails with, the job fails with.
    refused(wait("activation-maximization?class=no_such_class", "wait=60"), 422, "unknown_class").await;

    let start = Instant::now();
    let response = wait(ENDLESS, "wait=1").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "preference-applied")), (202, "wait=1"));
    assert!(start.elapsed() >= Duration::from_secs(1));
    let path = header(&response, "location").to_owned();
    running(&address, &path).await;
    refused(server.get(&format!("{path}/result")), 409, "job_not_finished").await;
    answered(server.request("DELETE", &path)).await;
}

#[tokio::test]
async fn a_job_that_fails_says_why_as_the_call_would() {
    let (server, address) = start();
    let request = server.post("/explain/saliency", "no picture").header("prefer", "respond-async");
    let path = accepted(request).await;
    let job = ended(&address, &path).await;
    assert_eq!(job["status"], "failed");
    let in_line: Value = server.post("/explain/saliency", "no picture").send().await.unwrap().json().await.unwrap();
    assert_eq!((&job["error"]["code"], &job["error"]["detail"]), (&in_line["code"], &in_line["detail"]));
    let status = in_line["status"].as_u64().unwrap() as u16;
    refused(server.get(&format!("{path}/result")), status, in_line["code"].as_str().unwrap()).await;
    // What is wrong with the options is known before there is a job.
    let request = server.post("/explain/saliency?klass=1", png(stop_sign())).header("prefer", "respond-async");
    refused(request, 422, "unknown_option").await;
}

#[tokio::test]
async fn a_running_job_is_cancelled_within_a_second_and_a_waiting_one_at_once() {
    let (server, address) = start();
    let first = accepted(job(&address, ENDLESS)).await;
    let second = accepted(job(&address, ENDLESS)).await;
    let shown = running(&address, &first).await;
    assert!(shown["seconds_left"].as_f64().unwrap() > 0.0, "{shown}");
    assert_eq!(answered(server.request("DELETE", &second)).await["status"], "cancelled");
    let start = Instant::now();
    answered(server.request("DELETE", &first)).await;
    assert_eq!(ended(&address, &first).await["status"], "cancelled");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    for path in [first, second] {
        refused(server.get(&format!("{path}/result")), 409, "job_cancelled").await;
        assert_eq!(answered(server.request("DELETE", &path)).await["status"], "cancelled");
    }
    let path = accepted(job(&address, SHORT)).await;
    assert_eq!(ended(&address, &path).await["status"], "succeeded");
    assert_eq!(answered(server.request("DELETE", &path)).await["status"], "succeeded");
}

#[tokio::test]
async fn a_request_sent_again_under_its_key_is_the_same_job() {
    let (server, address) = start();
    let send = |call: &str, key: &'static str| job(&address, call).header("idempotency-key", key);
    let (first, again) = tokio::join!(accepted(send(SHORT, "a")), accepted(send(SHORT, "a")));
    assert_eq!(first, again);
    ended(&address, &first).await;
    assert_eq!(accepted(send(SHORT, "a")).await, first);
    assert_ne!(accepted(send(SHORT, "b")).await, first);
    refused(send(ENDLESS, "a"), 422, "idempotency_key_reused").await;
    refused(send(SHORT, ""), 400, "invalid_idempotency_key").await;
    assert_eq!(show(&address, "/v1/jobs").await["jobs"].as_array().unwrap().len(), 2);
    drop(server);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_a_page_at_a_time() {
    let (server, address) = start();
    let mut paths = Vec::new();
    for _ in 0..5 {
        paths.insert(0, accepted(job(&address, SHORT)).await);
    }
    for path in &paths {
        ended(&address, path).await;
    }
    let mut found = Vec::new();
    let mut next = Some("/v1/jobs?limit=2&status=succeeded".to_owned());
    while let Some(page) = next {
        let response = get(&address, &page).await;
        let link = header(&response, "link").to_owned();
        let list: Value = response.json().await.unwrap();
        let own = |job: &Value| job["links"]["self"].as_str().unwrap().to_owned();
        found.extend(list["jobs"].as_array().unwrap().iter().map(own));
        next = list["next"].as_str().map(str::to_owned);
        assert_eq!(link, next.as_ref().map(|next| format!("<{next}>; rel=\"next\"")).unwrap_or_default());
    }
    assert_eq!(found, paths);
    assert_eq!(show(&address, "/v1/jobs?status=failed").await, json!({"jobs": []}));
    refused(server.get("/v1/jobs?limit=0"), 422, "option_out_of_range").await;
    refused(server.get("/v1/jobs?after=x"), 422, "invalid_option").await;
}

#[tokio::test]
async fn what_is_finished_is_thrown_away_in_time_and_a_full_queue_refuses() {
    let server = Server::start(|config| (config.jobs.ttl, config.jobs.queue, config.jobs.concurrency) = (1, 2, 0));
    let address = server.address.to_string();
    let path = accepted(job(&address, SHORT)).await;
    accepted(job(&address, SHORT)).await;
    refused(job(&address, SHORT), 503, "busy").await;
    answered(server.request("DELETE", &path)).await;
    while get(&address, &path).await.status() != 404 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What waits is not thrown away.
    assert_eq!(show(&address, "/v1/jobs").await["jobs"].as_array().unwrap().len(), 1);
}
