//! The settings, each with its default; `config.toml` documents them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod load;

/// All settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The HTTP server.
    pub server: Server,
    /// ONNX Runtime and its workers.
    pub runtime: Runtime,
    /// Where models are found.
    pub models: Models,
    /// Bounds on uploaded pictures.
    pub images: Images,
    /// How occlusion computes.
    pub occlusion: Occlusion,
    /// Long work.
    pub jobs: Jobs,
    /// Who may call.
    pub auth: Auth,
    /// The log.
    pub log: Log,
    /// Traces.
    pub telemetry: Telemetry,
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: String,
    /// The largest request body, in bytes.
    pub body_limit: usize,
    /// Seconds after which a request is given up with 504.
    pub request_timeout: u64,
    /// Seconds in which a request's head must arrive once it has begun.
    pub header_timeout: u64,
    /// Seconds in which a request's body must arrive.
    pub body_timeout: u64,
    /// Seconds for which a client may take in nothing of its answer.
    pub write_timeout: u64,
    /// Seconds for which a connection without a request is kept open.
    pub keep_alive: u64,
    /// How many connections are served at once; those beyond get 503.
    pub connections: usize,
    /// Seconds for which requests are still taken after SIGTERM, while `/readyz` already fails.
    pub drain_delay: u64,
    /// How many requests may wait for a worker, or be arriving; more get 503.
    pub queue: usize,
    /// Origins that browsers may call from; `*` for all, none by default.
    pub cors_origins: Vec<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:8080".into(),
            body_limit: 20 << 20,
            request_timeout: 60,
            header_timeout: 10,
            body_timeout: 30,
            write_timeout: 30,
            keep_alive: 75,
            connections: 1024,
            drain_delay: 2,
            queue: 64,
            cors_origins: Vec::new(),
        }
    }
}

/// ONNX Runtime and its workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Runtime {
    /// The ONNX Runtime library; empty: looked for.
    pub library: PathBuf,
    /// How many requests are computed at once.
    pub sessions: usize,
    /// Threads of the one pool that all sessions share; 0: all cores.
    pub threads: usize,
    /// The bytes that loaded models may take together; 0: no limit.
    pub memory_limit: u64,
    /// After how many seconds without use a compiled program is released; 0: never.
    pub release_after: u64,
}

impl Default for Runtime {
    fn default() -> Self {
        Self { library: PathBuf::new(), sessions: 2, threads: 0, memory_limit: 0, release_after: 600 }
    }
}

/// Where models are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Models {
    /// A directory with one subdirectory per model.
    pub dir: PathBuf,
    /// The model that the command line uses when none is named.
    pub default: String,
    /// Where weights are kept once for all sessions; empty: the user's cache directory.
    pub cache_dir: PathBuf,
    /// The address of a directory that `glassbox pull` takes files from; empty: the publisher's.
    pub mirror: String,
    /// A model's directory and the name to serve it under, where the command line says so.
    #[serde(skip)]
    pub mounted: Option<(String, PathBuf)>,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            dir: "models".into(),
            default: "vgg16-caltech101".into(),
            cache_dir: PathBuf::new(),
            mirror: String::new(),
            mounted: None,
        }
    }
}

/// Bounds on uploaded pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Images {
    /// The most pixels a picture may have.
    pub max_pixels: u64,
    /// The longest side in pixels.
    pub max_side: u32,
    /// The most bytes that decoding one picture may take.
    pub decode_memory: u64,
    /// The most seconds that decoding one picture may take.
    pub decode_timeout: f64,
}

impl Default for Images {
    fn default() -> Self {
        Self { max_pixels: 50_000_000, max_side: 16_384, decode_memory: 512 << 20, decode_timeout: 10.0 }
    }
}

/// How occlusion computes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Occlusion {
    /// Whether only what a patch changes is computed, where that is faster.
    pub incremental: bool,
}

impl Default for Occlusion {
    fn default() -> Self {
        Self { incremental: true }
    }
}

/// Long work, which goes on without its client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Jobs {
    /// Where jobs are kept: `sqlite:` and a file, `postgres://` and a database, or `memory`.
    pub store: String,
    /// How many jobs this process works on at once, taking turns with requests; 0: none, it only takes them in.
    pub concurrency: usize,
    /// Seconds after which the result of a finished job is thrown away.
    pub ttl: u64,
    /// How many jobs may wait; more get 503.
    pub queue: u64,
    /// Seconds after which the job of a process that died is taken up by another.
    pub lease: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { store: "sqlite:glassbox-jobs.db".into(), concurrency: 1, ttl: 86_400, queue: 1000, lease: 15 }
    }
}

/// Who may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Auth {
    /// The file of API keys; empty: everyone may call.
    pub keys_file: PathBuf,
    /// How many requests a second a key may make in the long run; 0: as many as it likes.
    pub requests_per_second: f64,
    /// How many requests a key may make at once.
    pub burst: u32,
}

impl Default for Auth {
    fn default() -> Self {
        Self { keys_file: PathBuf::new(), requests_per_second: 0.0, burst: 20 }
    }
}

/// Traces, as OpenTelemetry has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Telemetry {
    /// The address of a collector that takes OTLP over HTTP; empty: no traces.
    pub otlp_endpoint: String,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `glassbox=debug,info`.
    pub level: String,
    /// `text` or `json`.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

/// How a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
