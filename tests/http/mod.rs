//! The HTTP interface, over a socket.

mod access;
mod activation_maximization;
mod bad_input;
mod broken_models;
mod connections;
mod explain;
mod explain_all;
mod filters;
mod health;
mod kserve;
mod layer_outputs;
mod layers;
mod limits;
mod many_models;
mod metrics;
mod models;
pub mod models_dir;
mod openapi;
mod pictures;
mod playground;
mod predict;
mod routes;
mod unsupported;

use std::{
    future::pending,
    io::{Cursor, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, OnceLock},
};

use glassbox::{
    config::Config,
    http::{self, App},
};
use image::{DynamicImage, ImageFormat, RgbImage};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::stop_sign::{self, Sign};

pub(crate) const MODEL: &str = "/v1/models/vgg16-caltech101";
const SIGN: Sign = Sign { x: 220.0, y: 90.0, radius: 60.0 };

/// A server on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) app: Arc<App>,
}

impl Server {
    /// A server that answers everything: what tests share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(|_| {}))
    }

    /// A server with loaded models and the settings that `change` makes of the defaults.
    pub(crate) fn start(change: impl FnOnce(&mut Config)) -> Self {
        let server = Self::start_unready(change);
        server.app.load().unwrap();
        server
    }

    /// A server that has not loaded its models.
    fn start_unready(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.jobs.store = "memory".into();
        config.models.cache_dir = env!("CARGO_TARGET_TMPDIR").into();
        change(&mut config);
        let app = Arc::new(App::new(config));
        let address = serve(|listener| {
            let app = Arc::clone(&app);
            async move { http::run(listener, app, pending()).await.unwrap() }
        });
        Self { address, app }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        Client::new().request(method.parse().unwrap(), format!("http://{}{path}", self.address))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request("GET", path)
    }

    /// A picture's file sent to `call` of the default model.
    pub(crate) fn post(&self, call: &str, picture: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request("POST", &format!("{MODEL}{call}")).body(picture)
    }

    /// What the server answers to `request`, until it closes the connection.
    fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // A server that has refused the request need not read all of it.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Runs a server on a thread that lives as long as the tests.
fn serve<F: Future<Output = ()> + Send + 'static>(server: impl FnOnce(TcpListener) -> F) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let serving = {
        let _entered = runtime.enter();
        server(TcpListener::from_std(listener).unwrap())
    };
    std::thread::spawn(move || runtime.block_on(serving));
    address
}

pub(crate) fn stop_sign() -> RgbImage {
    stop_sign::draw(320, 240, SIGN)
}

fn file(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

pub(crate) fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    file(picture, ImageFormat::Png)
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The JSON of an answer that succeeded.
pub(crate) async fn json(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// What a refusal says to people, checked to be a problem with `status` and `code`.
pub(crate) async fn refused(request: RequestBuilder, status: u16, code: &str) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let request_id = header(&response, "x-request-id").to_owned();
    let (path, answered) = (response.url().path().to_owned(), response.status().as_u16());
    let problem: Value = response.json().await.unwrap();
    assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{problem}");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["instance"], path);
    assert!(!request_id.is_empty() && problem["request_id"] == request_id, "{problem}");
    problem["detail"].as_str().unwrap().to_owned()
}
