//! Connections that are too many, and clients that take too long.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{MODEL, Server};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
const MODELS: &[u8] = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n";
/// A second, as long as that may be on a machine that has much else to do.
const A_SECOND: std::ops::Range<Duration> = Duration::from_millis(900)..Duration::from_secs(6);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// One answer to `request`, whose body has a length.
fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                return text.into_owned();
            }
        }
        let mut part = [0; 4096];
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "{text}");
        answer.extend_from_slice(&part[..count]);
    }
}

/// How long it takes until the server closes the connection without another word.
fn closed(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    match stream.read(&mut [0; 1]) {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    start.elapsed()
}

#[test]
fn a_head_that_does_not_arrive_closes_the_connection() {
    let server = Server::start(|config| (config.server.header_timeout, config.server.keep_alive) = (1, 60));
    for beginning in ["", "GET /healthz HTTP/1.1\r\nho"] {
        let mut stream = connect(&server);
        stream.write_all(beginning.as_bytes()).unwrap();
        let time = closed(&mut stream);
        assert!(A_SECOND.contains(&time), "{beginning:?}: {time:?}");
    }
}

#[test]
fn a_head_that_arrives_a_byte_at_a_time_closes_the_connection() {
    let server = Server::start(|config| config.server.header_timeout = 1);
    let mut stream = connect(&server);
    // The second head is as slow as the first of other clients.
    assert!(ask(&mut stream, HEALTH).starts_with("HTTP/1.1 200"));
    let start = Instant::now();
    let mut head = b"GET /healthz HTTP/1.1\r\nx-slow: ".iter().chain(std::iter::repeat(&b'a'));
    while stream.write_all(&[*head.next().unwrap()]).is_ok() {
        std::thread::sleep(Duration::from_millis(50));
        assert!(start.elapsed() < A_SECOND.end, "the connection stays open");
    }
    assert!(start.elapsed() > A_SECOND.start);
}

#[test]
fn a_connection_without_a_request_is_kept_for_longer_than_a_head_may_take() {
    let server = Server::start(|config| (config.server.header_timeout, config.server.keep_alive) = (1, 3));
    let mut stream = connect(&server);
    for _ in 0..2 {
        assert!(ask(&mut stream, HEALTH).starts_with("HTTP/1.1 200"));
        std::thread::sleep(Duration::from_millis(1500));
    }
    assert!(ask(&mut stream, HEALTH).starts_with("HTTP/1.1 200"));
    let time = closed(&mut stream);
    assert!(time > Duration::from_secs(2) && time < Duration::from_secs(9), "{time:?}");
}

#[test]
fn a_client_that_does_not_read_its_answers_is_left() {
    let server = Server::start(|config| config.server.write_timeout = 1);
    let mut stream = connect(&server);
    stream.set_write_timeout(Some(Duration::from_secs(4))).unwrap();
    let request = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
    let start = Instant::now();
    let refused = loop {
        // The system's own buffers take some megabytes first.
        if let Err(error) = stream.write_all(request) {
            break error.kind();
        }
        assert!(start.elapsed() < Duration::from_mins(1));
    };
    assert!(matches!(refused, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{refused:?}");
}

#[test]
fn connections_beyond_the_most_are_refused_at_once_and_health_answers() {
    let server = Server::start(|config| config.server.connections = 2);
    let mut held = [connect(&server), connect(&server)];
    for stream in &mut held {
        assert!(ask(stream, HEALTH).starts_with("HTTP/1.1 200"));
    }
    let start = Instant::now();
    let answer = ask(&mut connect(&server), MODELS);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    assert!(answer.contains("\"code\":\"busy\"") && answer.contains("connection: close"), "{answer}");
    for path in ["healthz", "readyz", "v2/health/ready"] {
        let request = format!("GET /{path} HTTP/1.1\r\nhost: x\r\n\r\n");
        assert!(ask(&mut connect(&server), request.as_bytes()).starts_with("HTTP/1.1 200"), "{path}");
    }
    assert!(ask(&mut held[0], MODELS).starts_with("HTTP/1.1 200"));
    drop(held);
    let start = Instant::now();
    while !ask(&mut connect(&server), MODELS).starts_with("HTTP/1.1 200") {
        assert!(start.elapsed() < Duration::from_secs(10), "no place is free again");
    }
}

#[test]
fn a_refusal_does_not_wait_for_the_body() {
    let server = Server::start(|config| (config.runtime.sessions, config.server.queue) = (1, 0));
    let head = format!("POST {MODEL}/predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nsome of it");
    let mut arriving = connect(&server);
    arriving.write_all(head.as_bytes()).unwrap();
    // Until the server has seen that one.
    let start = Instant::now();
    let answer = loop {
        let asked = Instant::now();
        let mut stream = connect(&server);
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 4096];
        if let Ok(count) = stream.read(&mut answer) {
            assert!(asked.elapsed() < Duration::from_millis(500));
            break String::from_utf8_lossy(&answer[..count]).into_owned();
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    };
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    let asked = Instant::now();
    assert!(ask(&mut connect(&server), HEALTH).starts_with("HTTP/1.1 200"));
    assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
}
