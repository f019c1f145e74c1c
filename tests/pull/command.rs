//! `glassbox pull`, as a process of its own.

use std::{
    fs,
    process::{Command, Output},
};

use super::server::{Answer, Server};

/// What `glassbox pull` with `arguments` and the variable of the environment says when it fails.
fn fail(arguments: &[&str], variable: (&str, &str)) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glassbox"));
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"] {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } =
        command.arg("pull").args(arguments).env(variable.0, variable.1).output().unwrap();
    assert!(!status.success() && stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn the_command_line_names_the_server_and_the_settings_a_mirror() {
    let directory = tempfile::tempdir().unwrap();
    let models = directory.path().join("models").to_string_lossy().into_owned();
    let server = Server::start(|_, _| Answer::whole(b"version https://git-lfs.github.com/spec/v1\n"));
    let mirror = format!("http://{}/onnx", server.address());
    let refused = "offers a file of 43 bytes, not of 553437328";

    let message = fail(&["vgg16", "--models", &models], ("GLASSBOX_MODELS__MIRROR", &mirror));
    assert!(
        message.starts_with("error: `vgg16-7.onnx` could not be fetched") && message.contains(refused),
        "{message}"
    );
    let message = fail(&["vgg16", "--models", &models, "--url", &format!("{mirror}/other.onnx")], ("UNUSED", ""));
    assert!(message.contains(refused) && !message.contains('\u{1b}'), "{message}");
    let targets: Vec<_> = server.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/onnx/vgg16-7.onnx", "/onnx/other.onnx"]);
    // Nothing is left but the directory of models.
    assert_eq!(fs::read_dir(&models).unwrap().count(), 0);

    let proxy = Server::proxy();
    let arguments = ["vgg16", "--models", &models, "--url", &mirror];
    let message = fail(&arguments, ("HTTP_PROXY", &format!("http://{}", proxy.address())));
    assert!(message.contains(refused) && proxy.requests().len() == 1, "{message}");
    let address = proxy.address();
    let message = fail(&[&arguments[..], &["--proxy", &address]].concat(), ("NO_PROXY", "*"));
    assert!(message.contains(refused) && proxy.requests().len() == 2, "{message}");
}

#[test]
fn what_cannot_be_pulled_is_said() {
    for (arguments, reason) in [
        (&["vgg17"][..], "there is `vgg16`"),
        (&["vgg16", "--url", "nonsense"], "nonsense"),
        (&["vgg16", "--url", "http://127.0.0.1:1/x", "--proxy", "nonsense://x"], "--proxy cannot be used"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let models = directory.path().to_string_lossy().into_owned();
        let message = fail(&[arguments, &["--models", &models]].concat(), ("UNUSED", ""));
        assert!(message.starts_with("error: ") && message.contains(reason), "{arguments:?}: {message}");
        assert_eq!(fs::read_dir(&models).unwrap().count(), 0, "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_full_ends_the_pull() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(|_, _| {
        Answer { status: 200, body: vec![0; 300_000], ..Answer::default() }.with("content-length", "553437328")
    });
    // A process that may not write more than 100 blocks is told so as one whose disk is full.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_glassbox"), "pull", "vgg16", "--models"]).arg(directory.path());
    let Output { status, stderr, .. } = command.args(["--url", &server.url()]).env("NO_PROXY", "*").output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert!(!status.success() && message.contains("model.onnx.part` cannot be written"), "{message}");
    assert!(!directory.path().join("vgg16/model.onnx").exists() && server.requests().len() == 1);
}
