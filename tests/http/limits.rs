//! A full queue, deadlines, and clients that go away.

use std::{
    io::Write,
    net::TcpStream,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use axum::routing::get;
use glassbox::{
    config::Config,
    http::{self, App},
};

use super::{MODEL, Server, header, json, png, refused, serve, stop_sign};

/// Keeps the server's only worker busy until the sender is dropped.
async fn keep_busy(server: &Server) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (started, has_started) = tokio::sync::oneshot::channel();
    let app = Arc::clone(&server.app);
    tokio::spawn(async move {
        app.run(move |_| {
            started.send(()).unwrap();
            let _ = released.recv();
            Ok(())
        })
        .await
    });
    has_started.await.unwrap();
    release
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let server = Server::start(|config| (config.runtime.sessions, config.server.queue) = (1, 0));
    let busy = keep_busy(&server).await;
    let response = server.post("/predict", png(stop_sign())).send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "1"));
    refused(server.post("/explain/grad-cam", png(stop_sign())), 503, "busy").await;
    drop(busy);
    // The worker is free a moment after its work ends.
    while server.post("/predict", png(stop_sign())).send().await.unwrap().status() == 503 {
        tokio::task::yield_now().await;
    }
    json(server.post("/predict", png(stop_sign()))).await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let server = Server::start(|config| (config.runtime.sessions, config.server.request_timeout) = (1, 1));
    let busy = keep_busy(&server).await;
    let detail = refused(server.post("/predict", png(stop_sign())), 504, "deadline_exceeded").await;
    assert!(detail.contains("1 s"), "{detail}");
    drop(busy);
}

#[tokio::test]
async fn a_gateway_can_shorten_the_deadline_but_not_lengthen_it() {
    let server = Server::start(|config| (config.runtime.sessions, config.server.request_timeout) = (1, 2));
    let busy = keep_busy(&server).await;
    let asked = |name: &str, value: &str| server.post("/predict", png(stop_sign())).header(name, value);
    for (name, value, limit) in [
        ("x-request-timeout", "0.2", "0.2 s"),
        ("grpc-timeout", "200m", "0.2 s"),
        ("x-request-timeout", "0", "0 s"),
        ("x-request-timeout", "3600", "2 s"),
    ] {
        let start = Instant::now();
        let detail = refused(asked(name, value), 504, "deadline_exceeded").await;
        assert!(detail.contains(&format!("more than {limit};")), "{detail}");
        assert!(start.elapsed() < Duration::from_secs(5), "{name}: {value} took {:?}", start.elapsed());
    }
    let detail = refused(asked("x-request-timeout", "soon"), 400, "invalid_deadline").await;
    assert!(detail.contains("`soon`") && detail.contains("2.5"), "{detail}");
    drop(busy);
    while asked("x-request-timeout", "2").send().await.unwrap().status() != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn work_stops_at_its_deadline() {
    let server = Server::start(|config| (config.runtime.sessions, config.server.queue) = (1, 0));
    // Minutes of work.
    let long = "/explain/occlusion?patch=70&stride=1";
    refused(server.post(long, png(stop_sign())).header("x-request-timeout", "0.5"), 504, "deadline_exceeded").await;
    let start = Instant::now();
    while server.post("/predict", png(stop_sign())).send().await.unwrap().status() == 503 {
        assert!(start.elapsed() < Duration::from_secs(10), "the work goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_request_that_waits_for_its_job_is_told_where_it_is_before_the_deadline() {
    let request = Server::shared().request("POST", &format!("{MODEL}/activation-maximization?class=0&iterations=4096"));
    let response = request.header("prefer", "wait=60").header("x-request-timeout", "1").send().await.unwrap();
    assert_eq!(response.status(), 202);
    let path = header(&response, "location").to_owned();
    assert_eq!(Server::shared().request("DELETE", &path).send().await.unwrap().status(), 200);
}

#[test]
fn an_upload_that_does_not_arrive_is_given_up() {
    let server = Server::start(|config| config.server.body_timeout = 1);
    let head = format!("POST {MODEL}/predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n");
    let answer = server.raw(format!("{head}only this").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("slow_upload"), "{answer}");
}

#[tokio::test]
async fn decoding_is_bounded_in_time_and_memory() {
    let slow = Server::start(|config| config.images.decode_timeout = 0.0);
    let detail = refused(slow.post("/predict", png(stop_sign())), 422, "picture_too_slow").await;
    assert!(detail.contains("more than 0 s"), "{detail}");
    let small = Server::start(|config| config.images.decode_memory = 100_000);
    let detail = refused(small.post("/predict", png(stop_sign())), 422, "picture_too_large").await;
    assert!(detail.contains("memory"), "{detail}");
}

#[tokio::test]
async fn work_stops_when_its_client_goes_away() {
    let app = Arc::new(App::new(Config::default()));
    let (started, has_started) = mpsc::channel();
    let (stopped, has_stopped) = mpsc::channel();
    let handler = {
        let app = Arc::clone(&app);
        async move || {
            let outcome = app.run(move |cancellation| {
                started.send(()).unwrap();
                while cancellation.check().is_ok() {
                    std::thread::yield_now();
                }
                stopped.send(()).unwrap();
                Ok(())
            });
            let _ = outcome.await;
        }
    };
    let router = http::router(app).unwrap().route("/endless", get(handler));
    let address = serve(async move |listener| axum::serve(listener, router).await.unwrap());
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    has_started.recv().unwrap();
    drop(client);
    has_stopped.recv().unwrap();
}
