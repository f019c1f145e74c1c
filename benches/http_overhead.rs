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
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

/// The service's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MODEL: &str = "vgg16-caltech101";
/// How many calls the time beside the run is the median of.
const CALLS: usize = 41;

struct Bench {
    _serving: Runtime,
    /// The client's own thread, as in another process.
    waiting: Runtime,
    client: reqwest::Client,
    address: String,
    model: Arc<Model>,
    picture: Picture,
    jpeg: Vec<u8>,
}

impl Bench {
    fn start() -> Self {
        let serving = Runtime::new().unwrap();
        let waiting = Builder::new_current_thread().enable_all().build().unwrap();
        let app = Arc::new(App::new(Config::default()));
        app.load().unwrap();
        let model = app.models().unwrap().get(MODEL).unwrap();
        let listener = serving.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}/v1/models/{MODEL}", listener.local_addr().unwrap());
        serving.spawn(http::run(listener, app, std::future::pending()));
        let mut jpeg = Vec::new();
        photo().write_to(&mut Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
        let picture = model.prepare(photo());
        Self { _serving: serving, waiting, client: reqwest::Client::new(), address, model, picture, jpeg }
    }

    fn bare(&self, question: &Question) {
        self.model.ask(question, &self.picture.input, &[None], &Cancellation::default()).unwrap();
    }

    /// Makes a call; how long the model ran for it, as the answer tells.
    fn over_http(&self, path: &str, accept: &str) -> Duration {
        let request = self.client.post(format!("{}{path}", self.address)).header("accept", accept);
        let request = request.header("content-type", "image/jpeg").body(self.jpeg.clone());
        let (timing, answer) = self.waiting.block_on(async {
            let answer = request.send().await.unwrap();
            let timing = answer.headers()["server-timing"].to_str().unwrap().to_owned();
            (timing, answer.bytes().await.unwrap())
        });
        assert!(answer.len() > 100);
        let run = timing.split(", ").find_map(|step| step.strip_prefix("run;dur=")).unwrap();
        Duration::from_secs_f64(run.parse::<f64>().unwrap() / 1e3)
    }

    /// The median time that calls take beside the model's run.
    fn added(&self, path: &str, accept: &str) -> Duration {
        let mut added: Vec<Duration> = (0..CALLS)
            .map(|_| {
                let start = Instant::now();
                let run = self.over_http(path, accept);
                start.elapsed().saturating_sub(run)
            })
            .collect();
        added.sort();
        added[CALLS / 2]
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
    for (name, path, accept, _) in &calls {
        let added = bench.added(path, accept);
        println!("{name}: HTTP adds {:.2} ms to the model's run (median of {CALLS} calls)", added.as_secs_f64() * 1e3);
    }
}

criterion_group!(benches, overhead);
criterion_main!(benches);
