//! A request with its options, wherever they stand: path, query, headers, form, JSON.

use std::{
    collections::BTreeMap,
    str,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::FromRequest,
    http::{Request, StatusCode, header},
};
use glassbox::{
    config::Config,
    explain::ActivationMaximization,
    http::{self, App, Wishes, options::read_with_format},
    onnx::{DataType, Dim, Graph, Node, Tensor, ValueInfo},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// The service with a model of next to no work, called `tiny`.
struct Service {
    runtime: Runtime,
    app: Arc<App>,
    router: Router,
    _models: TempDir,
}

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let models = tempfile::tempdir().expect("a directory can be made");
    let tiny = models.path().join("tiny");
    std::fs::create_dir(&tiny)
        .and_then(|()| std::fs::write(tiny.join("model.onnx"), model().to_bytes()))
        .expect("a file can be written");
    let mut config = Config::default();
    (config.models.dir, config.models.cache_dir) = (models.path().into(), models.path().join("cache"));
    config.models.default = "tiny".into();
    config.jobs.store = "memory".into();
    config.jobs.queue = 50;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread can be started");
    let app = Arc::new(App::new(config));
    app.load().expect("the model can be loaded");
    let router = http::router(Arc::clone(&app)).expect("the settings are sound");
    Service { runtime, app, router, _models: models }
});

/// How long a request may take, in seconds, unless it says so itself: options are fuzzed here, not what they set going.
const PATIENCE: &str = "0.05";

/// Sends `bytes`, the text of an HTTP request, to the service; an answer of 500, or one without its content, is a panic.
///
/// A request of activation maximization is read and not done: it needs no picture, and would take its time.
pub fn try_on(bytes: &[u8]) {
    let service = &*SERVICE;
    let Some(request) = request(bytes) else { return };
    service.runtime.block_on(async {
        if request.uri().path().ends_with("/activation-maximization") {
            if let Ok(Wishes(pairs)) = Wishes::from_request(request, &service.app).await {
                let _ = read_with_format::<ActivationMaximization>(&pairs);
            }
            return;
        }
        // A job's events end when the job does, and nobody works here.
        if request.uri().path().ends_with("/events") {
            return;
        }
        let response = match service.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("an answer comes whole");
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{}", String::from_utf8_lossy(&body));
    });
}

/// `METHOD target`, a line for each header, an empty line, and the body; `None` where that is no request.
fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let mut lines = str::from_utf8(&bytes[..end]).ok()?.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut headers: BTreeMap<&str, &str> = [("x-request-timeout", PATIENCE)].into();
    headers.extend(lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim())));
    let body = bytes.get(end + 2..).unwrap_or_default().to_vec();
    let request = Request::builder().method(method).uri(target);
    // The lengths that clients state are hyper's to check, which is not here.
    let headers = headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case(header::CONTENT_LENGTH.as_str()));
    headers.fold(request, |request, (name, value)| request.header(name, value)).body(body.into()).ok()
}

/// Pictures [n, 3, 8, 8] in, a convolution of four filters, five classes out.
fn model() -> Graph {
    let value = |name: &str, sizes: &[usize]| {
        let batch = Dim::Symbol("n".to_owned());
        let shape = std::iter::once(batch).chain(sizes.iter().copied().map(Dim::Size)).collect();
        ValueInfo { name: name.to_owned(), dtype: DataType::Float, shape: Some(shape) }
    };
    let weights = |shape: &[usize]| {
        let numbers = (0..shape.iter().product()).map(|index: usize| (index * 7 % 11) as f32 / 11.0 - 0.4);
        Tensor::from_floats(shape, &numbers.collect::<Vec<_>>())
    };
    let constants = [("kernel", weights(&[4, 3, 3, 3])), ("dense", weights(&[4, 5]))];
    Graph {
        name: "tiny".to_owned(),
        opset: 17,
        inputs: vec![value("x", &[3, 8, 8])],
        outputs: vec![value("logits", &[5])],
        nodes: vec![
            Node::new("Conv", ["x", "kernel"], ["maps"]).with_ints("pads", [1; 4]),
            Node::new("Relu", ["maps"], ["rectified"]),
            Node::new("GlobalAveragePool", ["rectified"], ["pooled"]),
            Node::new("Flatten", ["pooled"], ["flat"]),
            Node::new("MatMul", ["flat", "dense"], ["logits"]),
        ],
        initializers: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}
