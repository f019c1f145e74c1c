//! A cluster of PostgreSQL and a proxy of nginx that a test has for itself, on loopback.

use std::{
    env, fs,
    net::{TcpListener, TcpStream},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::PATIENCE;

/// Set to run the tests that need PostgreSQL and nginx.
const REQUIRED: &str = "GLASSBOX_TEST_REPLICAS";

/// The paths of `programs`; `None`, which skips the test, if it is not asked for.
pub(super) fn installed<const N: usize>(programs: [&str; N]) -> Option<[PathBuf; N]> {
    if env::var_os(REQUIRED).is_none() {
        eprintln!("skipped: {REQUIRED}=1 asks for it");
        return None;
    }
    Some(programs.map(|program| {
        find(program).unwrap_or_else(|| panic!("{program} is not installed: apt-get install postgresql nginx"))
    }))
}

/// Debian keeps the programs of PostgreSQL's server out of the path.
fn find(program: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = versions.map(|version| version.unwrap().path().join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain(debian).chain(["/usr/sbin".into()]);
    places.map(|place| place.join(program)).find(|path| path.is_file())
}

/// A port that nothing listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait_for_port(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < PATIENCE, "nothing listens on port {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A database, with nothing in it, that is gone with this.
pub(super) struct Cluster {
    directory: TempDir,
    postgres: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// Makes one that does not run yet; `None` if PostgreSQL is not installed.
    pub(super) fn make() -> Option<Self> {
        let [initdb, postgres] = installed(["initdb", "postgres"])?;
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        if let Some((user, group)) = other_user() {
            chown(directory.path(), Some(user), Some(group)).unwrap();
            chown(&data, Some(user), Some(group)).unwrap();
        }
        let mut command = Command::new(initdb);
        command.arg("-D").arg(&data).args(["--auth=trust", "--username=glassbox", "--no-sync", "--encoding=UTF8"]);
        let output = as_other_user(&mut command, directory.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Self { directory, postgres, port: free_port(), server: None })
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://glassbox@127.0.0.1:{}/postgres", self.port)
    }

    pub(super) fn start(&mut self) {
        let mut command = Command::new(&self.postgres);
        command.arg("-D").arg(self.directory.path().join("data")).args(["-p", &self.port.to_string()]);
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        let server = as_other_user(&mut command, self.directory.path()).stderr(Stdio::null()).spawn();
        self.server = Some(server.unwrap());
        wait_for_port(self.port);
    }

    /// Gives it a certificate that signs itself; the file of it. From the next start on it can be spoken to in private.
    pub(super) fn certify(&self) -> PathBuf {
        let [openssl] = installed(["openssl"]).unwrap();
        let data = self.directory.path().join("data");
        let (certificate, key) = (data.join("server.crt"), data.join("server.key"));
        let mut command = Command::new(openssl);
        command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]);
        command
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(key);
        let output = as_other_user(&mut command, self.directory.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::write(data.join("postgresql.conf"), "ssl = on\n").unwrap();
        certificate
    }

    /// Ends it at once, as a power cut would.
    pub(super) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let quit = Command::new("kill").args(["-QUIT", &server.id().to_string()]).status();
            assert!(quit.unwrap().success());
            server.wait().unwrap();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// PostgreSQL does not run as root: the user and group that Debian's package makes, if this is root.
fn other_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn as_other_user<'a>(command: &'a mut Command, directory: &Path) -> &'a mut Command {
    command.current_dir(directory);
    match other_user() {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}

/// A proxy before several services.
pub(super) struct Proxy {
    _directory: TempDir,
    nginx: Child,
    pub(super) address: String,
}

impl Proxy {
    /// One before `services`; `None` if nginx is not installed.
    pub(super) fn start(services: &[&str]) -> Option<Self> {
        let [program] = installed(["nginx"])?;
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        let servers: String = services.iter().map(|service| format!("server {service} fail_timeout=1s;\n")).collect();
        let path = directory.path().display().to_string();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
            .concat();
        let config = format!(
            "daemon off;\npid {path}/pid;\nerror_log {path}/error.log;\nworker_processes 1;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\
             upstream replicas {{\n{servers}}}\n\
             server {{\nlisten 127.0.0.1:{port};\nclient_max_body_size 20m;\nlocation / {{\nproxy_pass http://replicas;\n\
             proxy_http_version 1.1;\nproxy_set_header Connection \"\";\nproxy_connect_timeout 2s;\n\
             proxy_next_upstream error timeout non_idempotent;\n}}\n}}\n}}\n"
        );
        let file = directory.path().join("nginx.conf");
        fs::write(&file, config).unwrap();
        let nginx =
            Command::new(program).arg("-c").arg(&file).arg("-e").arg(directory.path().join("error.log")).spawn();
        let nginx = nginx.unwrap();
        wait_for_port(port);
        Some(Self { _directory: directory, nginx, address: format!("127.0.0.1:{port}") })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The main process ends its workers when it is asked to stop.
        let _ = Command::new("kill").arg(self.nginx.id().to_string()).status();
        let _ = self.nginx.wait();
    }
}
