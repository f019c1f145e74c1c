//! What HTTP, decoding and drawing add to the model's own run, for a 640x480 JPEG and the default model.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    io::Cursor,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use glassbox::{
    config::Config,
    explain::{GradCam, OneRun},
    http::{self, App},
    model::{Model, Picture, Question},
    runtime::Cancellation,
};
mod photo;

use photo::photo;
use tokio::{net::TcpListener, runtime::Runtime};

/// The service's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MODEL: &str = "vgg16-caltech101";
/// How many pairs of runs the difference is the median of.
const PAIRS: usize = 41;

struct Bench {
    tokio: Runtime,
    client: reqwest::Client,
    address: String,
    model: Arc<Model>,
    picture: Picture,
    jpeg: Vec<u8>,
}

impl Bench {
    fn start() -> Self {
        let tokio = Runtime::new().unwrap();
        let app = Arc::new(App::new(Config::default()));
        app.load().unwrap();
        let model = app.models().unwrap().get(MODEL).unwrap();
        let listener = tokio.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}/v1/models/{MODEL}", listener.local_addr().unwrap());
        tokio.spawn(http::run(listener, app, std::future::pending()));
        let mut jpeg = Vec::new();
        photo().write_to(&mut Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
        let picture = model.prepare(photo());
        Self { tokio, client: reqwest::Client::new(), address, model, picture, jpeg }
    }

    fn bare(&self, question: &Question) {
        self.model.ask(question, &self.picture.input, &[None], &Cancellation::default()).unwrap();
    }

    fn over_http(&self, path: &str, accept: &str) {
        let request = self.client.post(format!("{}{path}", self.address)).header("accept", accept);
        let request = request.header("content-type", "image/jpeg").body(self.jpeg.clone());
        let answer = self.tokio.block_on(async { request.send().await.unwrap().bytes().await }).unwrap();
        assert!(answer.len() > 100);
    }

    /// The median difference between neighbouring runs over HTTP and bare.
    fn added(&self, path: &str, accept: &str, question: &Question) -> Duration {
        let time = |work: &dyn Fn()| {
            let start = Instant::now();
            work();
            start.elapsed()
        };
        let mut differences: Vec<Duration> = (0..PAIRS)
            .map(|_| {
                let bare = time(&|| self.bare(question));
                time(&|| self.over_http(path, accept)).saturating_sub(bare)
            })
            .collect();
        differences.sort();
        differences[PAIRS / 2]
    }
}

fn overhead(criterion: &mut Criterion) {
    let bench = Bench::start();
    let grad_cam = GradCam::default().question(&bench.model).unwrap();
    let calls = [
        ("predict, JSON", "/predict", "application/json", Question::default()),
        ("Grad-CAM, JSON", "/explain/grad-cam", "application/json", grad_cam.clone()),
        ("Grad-CAM, PNG", "/explain/grad-cam", "image/png", grad_cam),
    ];
    let mut group = criterion.benchmark_group("http overhead");
    group.sample_size(20);
    for (name, path, accept, question) in &calls {
        group.bench_function(format!("{name}: bare run"), |bencher| bencher.iter(|| bench.bare(question)));
        group.bench_function(format!("{name}: over HTTP"), |bencher| bencher.iter(|| bench.over_http(path, accept)));
    }
    group.finish();
    for (name, path, accept, question) in &calls {
        let added = bench.added(path, accept, question);
        println!("{name}: HTTP adds {:.2} ms to the bare run (median of {PAIRS} pairs)", added.as_secs_f64() * 1e3);
    }
}

criterion_group!(benches, overhead);
criterion_main!(benches);
