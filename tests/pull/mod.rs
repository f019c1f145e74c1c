//! Pulling a model from a server that cuts, stalls and lies.

mod command;
mod server;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use glassbox::{
    error::Error,
    model::{Connection, Labels, Published, Pulled, imagenet_labels},
};
use server::{Answer, Server};
use sha2::{Digest, Sha256};

/// Longer than the pieces a transfer is read in.
fn payload() -> Vec<u8> {
    (0..300_000_u32).map(|index| (index.wrapping_mul(0x9E37_79B1) >> 24) as u8).collect()
}

/// `file`, published as `net`.
fn published(file: &[u8]) -> Published {
    Published {
        name: "net".to_owned(),
        file: "net.onnx".to_owned(),
        urls: Vec::new(),
        size: file.len() as u64,
        sha256: Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect(),
        manifest: "[about]\ntitle = \"Net\"\n".to_owned(),
        labels: Labels::parse("cat\ndog"),
    }
}

fn connection() -> Connection {
    Connection { stall: Duration::from_secs(20), tries: 3, pause: Duration::from_millis(1), ..Connection::default() }
}

/// A models directory, and what is pulled into it.
struct Bench {
    models: tempfile::TempDir,
    file: Vec<u8>,
    connection: Connection,
}

impl Bench {
    fn new() -> Self {
        Self { models: tempfile::tempdir().unwrap(), file: payload(), connection: connection() }
    }

    /// One where every transfer is given up when it breaks off.
    fn impatient() -> Self {
        Self { connection: Connection { tries: 1, ..connection() }, ..Self::new() }
    }

    fn pull(&self, server: &Server) -> Result<Pulled, Error> {
        self.pull_from(&[server.url()], false)
    }

    fn pull_from(&self, urls: &[String], force: bool) -> Result<Pulled, Error> {
        published(&self.file).pull(self.models.path(), urls, force, &self.connection, &mut |_| {})
    }

    fn path(&self, name: &str) -> PathBuf {
        self.models.path().join("net").join(name)
    }

    /// The names of the files in the model's directory.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn is_complete(&self) -> bool {
        self.names() == ["labels.txt", "model.onnx", "model.toml"]
            && fs::read(self.path("model.onnx")).unwrap() == self.file
    }
}

#[test]
fn what_is_pulled_is_there_with_its_description_and_is_not_pulled_twice() {
    let bench = Bench::new();
    let file = bench.file.clone();
    let server = Server::start(move |_, request| Answer::of(&file, "\"1\"", request));
    let mut lengths = Vec::new();
    let pulled =
        published(&bench.file).pull(bench.models.path(), &[server.url()], false, &bench.connection, &mut |length| {
            lengths.push(length);
        });
    assert_eq!(pulled, Ok(Pulled::Fetched));
    assert!(bench.is_complete(), "{:?}", bench.names());
    assert_eq!(fs::read_to_string(bench.path("labels.txt")).unwrap(), "cat\ndog\n");
    assert!(fs::read_to_string(bench.path("model.toml")).unwrap().contains("Net"));
    assert!(lengths.is_sorted() && lengths.len() > 2 && *lengths.last().unwrap() == bench.file.len() as u64);
    assert_eq!(bench.pull(&server), Ok(Pulled::AlreadyThere));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_transfer_that_is_cut_goes_on_where_it_broke_off() {
    let bench = Bench::new();
    let file = bench.file.clone();
    let server = Server::start(move |number, request| {
        let answer = Answer::of(&file, "\"1\"", request);
        if number < 4 { answer.cut(60_000) } else { answer }
    });
    assert_eq!(bench.pull(&server), Ok(Pulled::Fetched));
    assert!(bench.is_complete());
    let requests = server.requests();
    let from: Vec<_> = requests.iter().map(server::Request::from).collect();
    assert_eq!(from, [0, 60_000, 120_000, 180_000, 240_000]);
    assert_eq!((requests[0].header("if-range"), requests[1].header("if-range")), (None, Some("\"1\"")));
}

#[test]
fn a_pull_that_was_given_up_is_continued_by_the_next() {
    let bench = Bench::impatient();
    let file = bench.file.clone();
    let server = Server::start(move |number, request| {
        let answer = Answer::of(&file, "\"1\"", request);
        if number == 0 { answer.cut(100_000) } else { answer }
    });
    let error = bench.pull(&server).unwrap_err();
    assert_eq!(error.code, "pull_failed");
    assert_eq!(bench.names(), ["model.onnx.part", "model.onnx.part.origin"]);
    assert_eq!(bench.pull(&server), Ok(Pulled::Fetched));
    assert!(bench.is_complete());
    assert_eq!(server.requests()[1].from(), 100_000);
}

#[test]
fn a_file_that_has_changed_or_a_server_without_ranges_begins_anew() {
    let bench = Bench::new();
    let file = bench.file.clone();
    let changed = Server::start(move |number, request| match number {
        0 => Answer::of(&file.iter().map(|byte| !byte).collect::<Vec<_>>(), "\"1\"", request).cut(100_000),
        _ => Answer::of(&file, "\"2\"", request),
    });
    assert_eq!(bench.pull(&changed), Ok(Pulled::Fetched));
    assert!(bench.is_complete() && changed.requests().len() == 2);

    let bench = Bench::new();
    let file = bench.file.clone();
    let simple = Server::start(move |number, _| match number {
        0 => Answer::whole(&file).cut(100_000),
        _ => Answer::whole(&file).of_unknown_length(),
    });
    assert_eq!(bench.pull(&simple), Ok(Pulled::Fetched));
    assert!(bench.is_complete() && simple.requests()[1].from() == 100_000);
}

#[test]
fn wrong_bytes_are_refused_and_nothing_is_left() {
    let bench = Bench::new();
    let mut wrong = bench.file.clone();
    wrong[200_000] ^= 1;
    let server = Server::start(move |_, _| Answer::whole(&wrong));
    let error = bench.pull(&server).unwrap_err();
    assert!(error.message.contains("another file (SHA-256") && error.message.contains(&server.url()), "{error}");
    assert!(!bench.path("").exists());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_false_part_of_an_earlier_pull_is_fetched_again() {
    let file = payload();
    // One of an unknown origin, one that is complete, and one that is too long.
    for length in [1000, file.len(), file.len() + 1] {
        let bench = Bench::new();
        fs::create_dir(bench.path("")).unwrap();
        fs::write(bench.path("model.onnx.part"), vec![7; length]).unwrap();
        let file = file.clone();
        let server = Server::start(move |_, request| Answer::of(&file, "\"1\"", request));
        assert_eq!(bench.pull(&server), Ok(Pulled::Fetched), "{length}");
        assert!(bench.is_complete());
    }
}

#[test]
fn a_file_of_another_length_is_refused_without_harm_to_what_is_there() {
    let file = payload();
    let longer = [&file[..], b"more"].concat();
    let answers: [(&str, Answer); 5] = [
        ("offers a file of 300004 bytes, not of 300000", Answer::whole(&longer)),
        ("offers a file of 20 bytes", Answer::whole(b"<html>hello</html>\r\n")),
        ("at most 100000 bytes", Answer::status(416)),
        ("instead of `bytes 100000-299999/300000`", Answer { status: 206, ..Answer::whole(&file) }),
        ("it answers 404", Answer::status(404)),
    ];
    for (reason, answer) in answers {
        let bench = Bench::new();
        fs::create_dir(bench.path("")).unwrap();
        fs::write(bench.path("model.onnx.part"), &file[..100_000]).unwrap();
        let server = Server::start(move |_, _| answer.clone());
        let error = bench.pull(&server).unwrap_err();
        assert!(error.message.contains(reason), "{reason}: {error}");
        assert_eq!(bench.names(), ["model.onnx.part"], "{reason}");
        assert_eq!(fs::read(bench.path("model.onnx.part")).unwrap(), file[..100_000], "{reason}");
        assert_eq!(server.requests().len(), 1, "{reason}");
    }
}

#[test]
fn a_length_that_is_not_told_is_measured() {
    for (difference, reason) in [(-10, "it ended 10 bytes early"), (10, "more than 300000 bytes")] {
        let bench = Bench::impatient();
        let mut file = bench.file.clone();
        file.resize(file.len().wrapping_add_signed(difference), 0);
        let server = Server::start(move |_, _| Answer::whole(&file).of_unknown_length());
        let error = bench.pull(&server).unwrap_err();
        assert!(error.message.contains(reason), "{error}");
        assert!(!bench.path("model.onnx").exists());
    }
}

#[test]
fn a_server_that_is_not_well_is_asked_again_and_then_the_next() {
    let bench = Bench::new();
    let file = bench.file.clone();
    let recovering = Server::start(move |number, request| match number {
        0 => Answer::status(503),
        1 => Answer::status(429),
        _ => Answer::of(&file, "\"1\"", request),
    });
    assert_eq!(bench.pull(&recovering), Ok(Pulled::Fetched));
    assert_eq!(recovering.requests().len(), 3);

    let bench = Bench::new();
    let file = bench.file.clone();
    let broken = Server::start(|_, _| Answer::status(500));
    let missing = Server::start(|_, _| Answer::status(404));
    let good = Server::start(move |_, request| Answer::of(&file, "\"1\"", request));
    let error = bench.pull_from(&[broken.url(), missing.url()], false).unwrap_err();
    let reasons = [format!("{}: it answers 500", broken.url()), format!("{}: it answers 404", missing.url())];
    assert!(reasons.iter().all(|reason| error.message.contains(reason)), "{error}");
    assert!(error.message.contains("--url") && !bench.path("").exists(), "{error}");
    assert_eq!((broken.requests().len(), missing.requests().len()), (3, 1));
    assert_eq!(bench.pull_from(&[missing.url(), good.url()], false), Ok(Pulled::Fetched));
    assert!(bench.is_complete());
}

#[test]
fn another_server_continues_what_the_first_began() {
    let bench = Bench::impatient();
    let file = bench.file.clone();
    let first = Server::start(move |_, request| Answer::of(&file, "\"1\"", request).cut(100_000));
    let file = bench.file.clone();
    let second = Server::start(move |_, request| Answer::of(&file, "\"another\"", request));
    assert_eq!(bench.pull_from(&[first.url(), second.url()], false), Ok(Pulled::Fetched));
    assert!(bench.is_complete());
    // The first one's entity tag means nothing to it.
    assert_eq!((second.requests()[0].from(), second.requests()[0].header("if-range")), (100_000, None));
}

#[test]
fn a_server_is_not_blamed_for_what_another_sent() {
    let bench = Bench::impatient();
    let wrong: Vec<u8> = bench.file.iter().map(|byte| !byte).collect();
    let first = Server::start(move |_, request| Answer::of(&wrong, "\"1\"", request).cut(100_000));
    let file = bench.file.clone();
    let second = Server::start(move |_, request| Answer::of(&file, "\"2\"", request));
    assert_eq!(bench.pull_from(&[first.url(), second.url()], false), Ok(Pulled::Fetched));
    assert!(bench.is_complete());
    assert_eq!(second.requests().iter().map(server::Request::from).collect::<Vec<_>>(), [100_000, 0]);
}

#[test]
fn a_redirection_is_followed_with_its_range_and_a_circle_is_left() {
    let bench = Bench::new();
    let file = bench.file.clone();
    let store = Server::start(move |number, request| {
        let answer = Answer::of(&file, "\"1\"", request);
        if number == 0 { answer.cut(100_000) } else { answer }
    });
    let location = store.url();
    let front = Server::start(move |_, _| Answer::status(302).with("location", location.clone()));
    assert_eq!(bench.pull(&front), Ok(Pulled::Fetched));
    assert!(bench.is_complete() && store.requests()[1].from() == 100_000);

    let circle = Server::start(|_, request| Answer::status(302).with("location", request.target.clone()));
    assert_eq!(Bench::new().pull(&circle).unwrap_err().code, "pull_failed");
}

#[test]
fn a_transfer_that_stalls_is_broken_off_and_goes_on() {
    let connection = Connection { stall: Duration::from_millis(300), tries: 20, ..connection() };
    let bench = Bench { connection, ..Bench::new() };
    let file = bench.file.clone();
    let long = Duration::from_mins(1);
    let server = Server::start(move |number, request| match number {
        0 => Answer { stall: long, ..Answer::of(&file, "\"1\"", request).cut(100_000) },
        1 => Answer::silence(long),
        _ => Answer::of(&file, "\"1\"", request),
    });
    let started = Instant::now();
    assert_eq!(bench.pull(&server), Ok(Pulled::Fetched));
    assert!(bench.is_complete() && started.elapsed() < long);
    assert_eq!(server.requests()[1].from(), 100_000);
}

#[test]
fn a_proxy_opens_the_connection() {
    let bench = Bench::new();
    let file = bench.file.clone();
    let server = Server::start(move |_, request| Answer::of(&file, "\"1\"", request));
    let proxy = Server::proxy();
    let connection = Connection { proxy: Some(format!("http://{}", proxy.address())), ..connection() };
    let bench = Bench { connection, ..bench };
    assert_eq!(bench.pull(&server), Ok(Pulled::Fetched));
    assert!(bench.is_complete());
    let asked = &proxy.requests()[0];
    assert_eq!((asked.method.as_str(), &asked.target), ("CONNECT", &server.address()));
}

#[test]
fn another_model_is_not_replaced_unless_forced_and_an_operators_manifest_stays() {
    let bench = Bench::new();
    let file = bench.file.clone();
    let server = Server::start(move |_, request| Answer::of(&file, "\"1\"", request));
    fs::create_dir(bench.path("")).unwrap();
    fs::write(bench.path("model.toml"), "# mine").unwrap();
    assert_eq!(bench.pull(&server), Ok(Pulled::Fetched));
    assert_eq!(fs::read_to_string(bench.path("model.toml")).unwrap(), "# mine");

    let mut mine = bench.file.clone();
    mine[0] ^= 1;
    fs::write(bench.path("model.onnx"), &mine).unwrap();
    let error = bench.pull(&server).unwrap_err();
    assert!(error.code == "another_model_there" && error.message.contains("--force"), "{error}");
    assert_eq!((fs::read(bench.path("model.onnx")).unwrap(), server.requests().len()), (mine, 1));
    assert_eq!(bench.pull_from(&[server.url()], true), Ok(Pulled::Fetched));
    assert!(bench.is_complete() && fs::read_to_string(bench.path("model.toml")).unwrap().contains("Net"));
}

#[test]
fn a_file_put_there_by_hand_gets_its_description() {
    let bench = Bench::new();
    fs::create_dir(bench.path("")).unwrap();
    fs::write(bench.path("model.onnx"), &bench.file).unwrap();
    assert_eq!(bench.pull_from(&[], false), Ok(Pulled::AlreadyThere));
    assert!(bench.is_complete());
}

#[test]
fn a_disk_that_takes_nothing_is_said() {
    let file = payload();
    let server = Server::start(move |_, request| Answer::of(&file, "\"1\"", request));
    let in_the_way = tempfile::NamedTempFile::new().unwrap();
    let pull = |models: &Path| published(&payload()).pull(models, &[server.url()], false, &connection(), &mut |_| {});
    let error = pull(in_the_way.path()).unwrap_err();
    assert!(error.code == "cannot_write" && error.message.contains("net"), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn vgg16_is_published_with_imagenets_labels() {
    let vgg16 = Published::find("vgg16").unwrap();
    assert_eq!((vgg16.size, vgg16.labels.len(), vgg16.sha256.len()), (553_437_328, 1000, 64));
    assert_eq!(vgg16.labels, imagenet_labels());
    assert!(vgg16.urls.iter().all(|url| url.starts_with("https://") && url.ends_with("/vgg16-7.onnx")));
    assert_eq!(vgg16.urls_at("https://mirror.example/onnx/"), ["https://mirror.example/onnx/vgg16-7.onnx"]);
    let error = Published::find("vgg19").unwrap_err();
    assert!(error.message.contains("`vgg16`"), "{error}");
}
