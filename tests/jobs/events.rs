//! Server-Sent Events.

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Client, Response};
use serde_json::Value;

use super::{ENDLESS, accepted, ended, job, running};
use crate::http::{Server, header, json, png, refused, stop_sign};

/// An event as a client reads it.
#[derive(Debug)]
pub(super) struct Event {
    pub name: String,
    pub id: Option<i64>,
    pub data: Value,
}

/// The events of a stream, one after the other.
pub(super) struct Events {
    response: Response,
    text: String,
    /// How many heartbeats came.
    pub heartbeats: usize,
}

impl Events {
    pub(super) async fn open(address: &str, path: &str, last: Option<i64>) -> Self {
        let request = Client::new().get(format!("http://{address}{path}/events"));
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        let response = request.send().await.unwrap();
        let status = response.status();
        assert!(status == 200, "{status}: {}", response.text().await.unwrap());
        assert_eq!(header(&response, "content-type"), "text/event-stream");
        Self { response, text: String::new(), heartbeats: 0 }
    }

    /// The next event; `None` at the end, or when the connection breaks.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                match read(&block) {
                    Some(event) => return Some(event),
                    None => self.heartbeats += 1,
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

fn read(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = serde_json::from_str(field("data")?).unwrap();
    Some(Event { name: field("event")?.to_owned(), id: field("id").map(|id| id.parse().unwrap()), data })
}

#[tokio::test]
async fn progress_and_the_growing_picture_come_as_events_until_the_end() {
    let server = Server::start(|_| {});
    let address = server.address.to_string();
    let path = accepted(job(&address, ENDLESS)).await;
    let mut events = Events::open(&address, &path, None).await;
    let (mut last, mut pictures) = (0, 0);
    while pictures < 2 {
        let event = events.next().await.unwrap();
        match event.name.as_str() {
            "picture" => {
                let file = BASE64_STANDARD.decode(event.data["b64"].as_str().unwrap()).unwrap();
                assert_eq!(image::load_from_memory(&file).unwrap().width(), 224);
                pictures += 1;
            }
            "progress" => {
                assert!(event.id.unwrap() > last, "{event:?}");
                last = event.id.unwrap();
            }
            _ => panic!("{event:?}"),
        }
    }
    drop(events);
    // A client that comes back gets what is newer, and not what it has seen.
    let mut events = Events::open(&address, &path, Some(last)).await;
    let event = loop {
        let event = events.next().await.unwrap();
        if event.name == "progress" {
            break event;
        }
    };
    assert!(event.id.unwrap() > last, "{event:?}");
    json(server.request("DELETE", &path)).await;
    let end = loop {
        let event = events.next().await.unwrap();
        if event.name == "end" {
            break event;
        }
    };
    assert_eq!(end.data["status"], "cancelled");
    assert!(events.next().await.is_none());
    let request = server.get(&format!("{path}/events")).header("last-event-id", end.id.unwrap());
    assert_eq!(request.send().await.unwrap().status(), 204);
    let mut events = Events::open(&address, &path, None).await;
    while events.next().await.unwrap().name != "end" {}
    refused(server.get("/v1/jobs/0123456789abcdef0123456789abcdef/events"), 404, "unknown_job").await;
}

#[tokio::test]
async fn techniques_show_what_they_found_while_others_go_on() {
    let server = Server::start(|_| {});
    let address = server.address.to_string();
    let call = "/explain?technique=occlusion&technique=saliency&class=stop_sign&stride=2";
    let path = accepted(server.post(call, png(stop_sign())).header("prefer", "respond-async")).await;
    let mut events = Events::open(&address, &path, None).await;
    let (mut positions, mut sketches, mut saliency) = (0, 0, None);
    while sketches < 2 || saliency.is_none() {
        let event = events.next().await.unwrap();
        assert!(event.name != "end", "{event:?}");
        if event.name != "explanation" {
            continue;
        }
        let found = &event.data["explanation"];
        assert_eq!(event.data["seen"]["width"], 320.0);
        if found["technique"] == "saliency" {
            assert!(saliency.is_none() && event.data["finished"] == true, "{}", event.data["finished"]);
            saliency = Some(found["maps"].clone());
        } else {
            assert_eq!(event.data["finished"], false);
            assert!(found["positions"].as_u64() > Some(positions), "{}", found["positions"]);
            positions = found["positions"].as_u64().unwrap();
            let drop = &found["maps"][0]["drop"];
            assert!(drop["shape"] == serde_json::json!([112, 112]) && drop["max"].as_f64() > Some(0.0), "{drop}");
            sketches += 1;
        }
    }
    let alone = json(server.post("/explain/saliency?class=stop_sign", png(stop_sign()))).await;
    assert_eq!(saliency.unwrap(), alone["maps"]);
    json(server.request("DELETE", &path)).await;
    while events.next().await.unwrap().name != "end" {}
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_beats() {
    let server = Server::start(|config| config.jobs.concurrency = 0);
    let address = server.address.to_string();
    let path = accepted(job(&address, ENDLESS)).await;
    let mut events = Events::open(&address, &path, None).await;
    assert_eq!(events.next().await.unwrap().data["status"], "queued");
    let cancel = async {
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        json(server.request("DELETE", &path)).await;
    };
    let (end, ()) = tokio::join!(events.next(), cancel);
    assert_eq!(end.unwrap().name, "end");
    assert!(events.heartbeats >= 1);
}

#[tokio::test]
async fn occlusion_and_samples_tell_how_far_they_are() {
    let server = Server::start(|_| {});
    let address = server.address.to_string();
    for call in [
        "/explain/occlusion?patch=20&stride=6",
        "/explain/smoothgrad?samples=500",
        "/explain/integrated-gradients?steps=500",
    ] {
        let request = server.post(call, crate::http::png(crate::http::stop_sign()));
        let path = accepted(request.header("prefer", "respond-async")).await;
        let job = running(&address, &path).await;
        let (step, steps) = (&job["iteration"]["step"], &job["iteration"]["steps"]);
        let share = step.as_f64().unwrap() / steps.as_f64().unwrap();
        assert!((job["progress"].as_f64().unwrap() - share).abs() < 1e-9, "{job}");
        json(server.request("DELETE", &path)).await;
        ended(&address, &path).await;
    }
}
