//! The command line, as a process of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use glassbox::onnx::{Node, Tensor};
use ndarray::ArrayD;
use ndarray_npy::ReadNpyExt;
use serde_json::Value;

use crate::{
    own_models,
    stop_sign::{self, Sign},
};

const SIGN: Sign = Sign { x: 220.0, y: 90.0, radius: 60.0 };

fn glassbox(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glassbox"));
    command.args(arguments).env("GLASSBOX_MODELS__CACHE_DIR", env!("CARGO_TARGET_TMPDIR"));
    command.env("GLASSBOX_JOBS__STORE", "memory");
    command
}

/// The rest of a starting service's log, which is JSON, and its line that tells the address.
fn listening(service: &mut Child) -> (impl Iterator<Item = Value> + use<>, Value) {
    let lines = BufReader::new(service.stderr.take().unwrap()).lines();
    let mut log = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let line = log.find(|line| line["message"] == "listening").unwrap();
    (log, line)
}

fn succeed(arguments: &[&str]) -> Vec<u8> {
    let Output { status, stdout, stderr } = glassbox(arguments).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    stdout
}

/// What a command that fails says, and that it says it on the standard error alone.
fn fail(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(!status.success() && stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stderr).unwrap()
}

/// A directory with the stop sign as `sign.png`, and the path of that.
fn with_sign() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sign.png");
    stop_sign::draw(320, 240, SIGN).save(&path).unwrap();
    (directory, path.to_string_lossy().into_owned())
}

fn in_directory(directory: &Path, name: &str) -> String {
    directory.join(name).to_string_lossy().into_owned()
}

#[test]
fn a_picture_is_made_for_a_filter() {
    let directory = tempfile::tempdir().unwrap();
    let out = in_directory(directory.path(), "filter.png");
    let call = ["activation-maximization", "--layer", "block1_conv2", "--filter", "1", "--size", "32"];
    succeed(&[&call[..], &["--iterations", "2", "--recipe", "lucid", "-o", &out]].concat());
    let picture = image::open(&out).unwrap();
    assert_eq!((picture.width(), picture.height()), (32, 32));
    let complaint = fail(&mut glassbox(&["activation-maximization", "-o", &out]));
    assert!(complaint.contains("either a `class`, or a `layer`"), "{complaint}");
}

#[test]
fn an_explanation_goes_to_a_file_of_the_kind_that_its_name_says() {
    let (directory, sign) = with_sign();
    let out = |name: &str| in_directory(directory.path(), name);
    succeed(&["explain", "grad-cam", &sign, "-o", &out("cam.png"), "--output", "heatmap"]);
    let picture = image::open(out("cam.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (320, 240));
    succeed(&["explain", "saliency", &sign, "-o", &out("map.npy"), "--class", "elephant", "--class", "stop_sign"]);
    let array = ArrayD::<f32>::read_npy(fs::File::open(out("map.npy")).unwrap()).unwrap();
    assert_eq!(array.shape(), [2, 224, 224]);
    succeed(&["explain", "grad-cam", &sign, "-o", &out("cam.json"), "--layer", "block4_conv3"]);
    let explanation: Value = serde_json::from_slice(&fs::read(out("cam.json")).unwrap()).unwrap();
    assert_eq!(explanation["layer"], "block4_conv3");
}

#[test]
fn without_a_file_json_goes_to_the_standard_output() {
    let (_directory, sign) = with_sign();
    let explanation: Value = serde_json::from_slice(&succeed(&["explain", "grad-cam", &sign])).unwrap();
    assert_eq!(explanation["maps"][0]["class"]["label"], "stop_sign");
}

#[test]
fn predictions_and_models_are_listed() {
    let (_directory, sign) = with_sign();
    let predictions = String::from_utf8(succeed(&["predict", &sign, "--top", "2"])).unwrap();
    assert_eq!(predictions.lines().count(), 2);
    assert!(predictions.lines().next().unwrap().contains("stop_sign"), "{predictions}");
    assert!(String::from_utf8(succeed(&["models"])).unwrap().starts_with("vgg16-caltech101  "));
}

#[test]
fn a_summary_is_keras_table() {
    let summary = String::from_utf8(succeed(&["summary"])).unwrap();
    assert!(
        summary.starts_with("Model: \"vgg16-caltech101\"") && summary.contains("block1_conv1 (Conv2D)"),
        "{summary}"
    );
}

/// What a check of the model called `name` in `directory` prints, and what it says of its failure.
fn failed_check(directory: &Path, name: &str) -> (String, String) {
    let Output { status, stdout, stderr } = glassbox(&["check", &in_directory(directory, name)]).output().unwrap();
    assert!(!status.success());
    (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What `check` prints of the model called `name` in `directory`.
fn check(directory: &Path, name: &str) -> String {
    String::from_utf8(succeed(&["check", &in_directory(directory, name)])).unwrap()
}

#[test]
fn a_check_says_what_was_understood_and_what_works() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    own_models::write(path, "channels_last", &own_models::channels_last());
    insta::assert_snapshot!(check(path, "channels_last"));
    let mut unknown = own_models::several_outputs();
    // An operator without a rule; the number is the remainder's divisor.
    unknown.nodes[1] = Node::new("Mod", ["c", "seven"], ["r"]).with_int("fmod", 1);
    unknown.initializers.insert("seven".to_owned(), Tensor::scalar(7.0));
    unknown.outputs.remove(0);
    own_models::write(path, "several_outputs", &unknown);
    insta::assert_snapshot!(check(path, "several_outputs"));
    let json = succeed(&["check", "--json", &in_directory(path, "channels_last/model.onnx")]);
    insta::assert_json_snapshot!(serde_json::from_slice::<Value>(&json).unwrap());
    let models = path.to_string_lossy();
    let by_name = succeed(&["--models", &models, "check", "channels_last"]);
    assert_eq!(String::from_utf8(by_name).unwrap(), check(path, "channels_last"));
}

#[test]
fn a_check_of_what_cannot_be_served_fails_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    own_models::write(path, "open", &own_models::open_size());
    let open = in_directory(path, "open");
    let (table, message) = failed_check(path, "open");
    assert!(message.contains("error: model `open` cannot be served: ") && message.contains("say `size`"), "{message}");
    insta::assert_snapshot!(table);
    let Output { status, stdout, .. } = glassbox(&["check", "--json", &open]).output().unwrap();
    let answer: Value = serde_json::from_slice(&stdout).unwrap();
    assert!(!status.success() && answer["servable"] == false, "{answer}");
    assert!(answer["problem"].as_str().unwrap().contains("say `size`"), "{answer}");
    own_models::write(path, "unlabelled", &own_models::plain());
    fs::write(path.join("unlabelled/labels.txt"), "one\ntwo\n").unwrap();
    insta::assert_snapshot!(failed_check(path, "unlabelled").0);
    fs::write(path.join("open/model.onnx"), "no model").unwrap();
    insta::assert_snapshot!(failed_check(path, "open").0);
    let nothing = in_directory(path, "nothing");
    for (model, reason) in [(nothing.as_str(), "cannot read"), ("vgg19", "`vgg16-caltech101`")] {
        let message = fail(&mut glassbox(&["check", model]));
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_broken_default_model_stops_the_start_and_others_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::create_dir(path.join("broken")).unwrap();
    fs::write(path.join("broken/model.onnx"), "no model").unwrap();
    let models = path.to_string_lossy();
    let list = String::from_utf8(succeed(&["--models", &models, "models"])).unwrap();
    assert!(list.contains("broken            cannot be served: not a valid ONNX model"), "{list}");
    let mut serve = glassbox(&["--models", &models, "serve", "--listen", "127.0.0.1:0"]);
    let message = fail(serve.env("GLASSBOX_MODELS__DEFAULT", "broken"));
    assert!(message.contains("models.default: model `broken` cannot be served: not a valid ONNX model"), "{message}");
}

#[test]
fn ctrl_c_ends_long_work_and_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = in_directory(directory.path(), "maximum.png");
    let mut command =
        glassbox(&["activation-maximization", "--class", "yin_yang", "--iterations", "4096", "-o", &file]);
    let mut working = command.stderr(Stdio::piped()).spawn().unwrap();
    // Once it has begun; without a terminal it draws no bar that would tell.
    std::thread::sleep(Duration::from_secs(5));
    let interrupted = Command::new("kill").args(["-INT", &working.id().to_string()]).status().unwrap();
    assert!(interrupted.success() && working.try_wait().unwrap().is_none());
    let start = Instant::now();
    let output = working.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "it went on");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && message.contains("cancelled"), "{message}");
    assert!(!Path::new(&file).exists());
}

#[test]
fn what_cannot_be_done_is_said() {
    let (_directory, sign) = with_sign();
    for (arguments, reason) in [
        (&["explain", "grad-cam", &sign, "-o", "cam.gif"][..], ".png, .json or .npy"),
        (&["explain", "grad-cam", "/nowhere.jpg"], "/nowhere.jpg cannot be read"),
        (&["explain", "grad-cam", "Cargo.toml"], "not a picture"),
        (&["explain", "grad-cam", &sign, "--class", "stop_sing"], "`stop_sign`"),
        (&["explain", "grad-cam", &sign, "--class", "-1"], "there is no class -1: indices go from 0 to 100"),
        (&["activation-maximization", "--class", "-1"], "there is no class -1"),
        (&["explain", "grad-cam", &sign, "--layer", "fc1"], "`block5_conv3`"),
        (&["explain", "smoothgrad", &sign, "--noise", "-1"], "from 0 to 1"),
        (&["explain", "grad-cam", &sign, "--alpha", "2"], "from 0 to 1"),
        (&["explain", "grad-can", &sign], "'grad-cam'"),
        (&["explain", "smoothgrad", &sign, "--samples", "0"], "from 1 to 500"),
        (&["predict", &sign, "--model", "vgg19"], "`vgg16-caltech101`"),
    ] {
        let message = fail(&mut glassbox(arguments));
        assert!(message.starts_with("error: ") && message.contains(reason), "{arguments:?}: {message}");
    }
}

#[test]
fn a_service_that_cannot_start_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message = fail(&mut glassbox(&["serve", "--listen", &address]));
    assert!(message.contains(&format!("cannot listen on `{address}`")) && message.contains("--listen"), "{message}");
    let free = || glassbox(&["serve", "--listen", "127.0.0.1:0"]);
    let message = fail(free().env("GLASSBOX_SERVER__QUEU", "1"));
    assert!(message.contains("did you mean `server.queue`?"), "{message}");
    let message = fail(free().env("GLASSBOX_SERVER__CORS_ORIGINS", "https://example.org/"));
    assert!(message.contains("`https://example.org/` in server.cors_origins is no origin"), "{message}");
    let message = fail(free().env("GLASSBOX_MODELS__DEFAULT", "vgg19"));
    assert!(message.contains("models.default: there is no model `vgg19`") && message.contains("101`"), "{message}");
    let message = fail(free().env("GLASSBOX_RUNTIME__LIBRARY", "/nowhere/libonnxruntime.so"));
    assert!(message.contains("/nowhere/libonnxruntime.so"), "{message}");
    // Nothing is at any of the usual places.
    let elsewhere = tempfile::tempdir().unwrap();
    let program = elsewhere.path().join("glassbox");
    fs::copy(env!("CARGO_BIN_EXE_glassbox"), &program).unwrap();
    let mut lonely = Command::new(program);
    lonely.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(elsewhere.path()).env_remove("ORT_DYLIB_PATH");
    let message = fail(lonely.env_remove("LD_LIBRARY_PATH"));
    assert!(message.contains("make runtime") && message.contains("ORT_DYLIB_PATH"), "{message}");
}

#[test]
fn a_service_logs_where_it_listens_and_stops_when_asked_to() {
    let mut service = glassbox(&["serve", "--listen", "127.0.0.1:0"])
        .env("GLASSBOX_LOG__FORMAT", "json")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut log, listening) = listening(&mut service);
    assert!(listening["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{listening}");
    assert!(log.any(|line| line["message"] == "ready"));
    let terminated = Command::new("kill").arg(service.id().to_string()).status().unwrap();
    assert!(terminated.success() && service.wait().unwrap().success());
}

#[test]
fn what_kserve_appends_is_understood_even_twice() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let appended =
        ["--model_name", "vgg16-caltech101", "--predictor_host", "predictor", "--http_port", &port, "--workers", "1"];
    let mut service = glassbox(&[&["serve", "--http_port", "1"][..], &appended, &appended].concat())
        .env("GLASSBOX_LOG__FORMAT", "json")
        .env("PORT", "2")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (_, listening) = listening(&mut service);
    service.kill().unwrap();
    service.wait().unwrap();
    assert_eq!(listening["address"], format!("0.0.0.0:{port}"));
    let complaint = fail(glassbox(&["serve"]).env("PORT", "http"));
    assert!(complaint.contains("PORT is `http`"), "{complaint}");
}

#[test]
fn health_tells_by_its_exit_status_whether_a_service_is_ready() {
    let mut service = glassbox(&["serve", "--listen", "127.0.0.1:0"])
        .env("GLASSBOX_LOG__FORMAT", "json")
        .env("GLASSBOX_SERVER__DRAIN_DELAY", "60")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut log, listening) = listening(&mut service);
    let address = listening["address"].as_str().unwrap().to_owned();
    let url = format!("http://{address}/");
    assert!(log.any(|line| line["message"] == "ready"));
    succeed(&["health", "--url", &url]);
    let of_settings = || {
        let mut command = glassbox(&["health"]);
        command.env("GLASSBOX_SERVER__LISTEN", &address).env("HTTP_PROXY", "http://127.0.0.1:1");
        command
    };
    assert!(of_settings().status().unwrap().success());

    assert!(Command::new("kill").arg(service.id().to_string()).status().unwrap().success());
    let draining = Instant::now();
    while of_settings().stderr(Stdio::null()).status().unwrap().success() {
        assert!(draining.elapsed() < Duration::from_secs(20));
    }
    let message = fail(&mut of_settings());
    assert!(message.contains(&address) && message.contains("/readyz answers 503"), "{message}");
    service.kill().unwrap();
    service.wait().unwrap();
    let message = fail(&mut glassbox(&["health", "--url", &url]));
    assert!(message.contains(&url) && message.contains("not ready: "), "{message}");
}

#[test]
fn a_key_is_printed_with_its_line_for_the_file() {
    let printed = String::from_utf8(succeed(&["key", "alice", "--scopes", "jobs,metrics"])).unwrap();
    let words: Vec<_> = printed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert!(words[0].last().unwrap().starts_with("gbx_"), "{printed}");
    let [.., name, scopes, digest] = words[1][..] else { panic!("{printed}") };
    assert_eq!((name, scopes), ("alice", "jobs,metrics"));
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{printed}");
    let complaint = fail(&mut glassbox(&["key", "alice", "--scopes", "all"]));
    assert!(complaint.contains("`explain`, `jobs`, `metrics`"), "{complaint}");
}
