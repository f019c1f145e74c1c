//! A file server that misbehaves as told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub target: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Where the wanted range begins; 0 without one.
    pub fn from(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        range.map_or(0, |from| from.parse().unwrap())
    }

    fn read(stream: &TcpStream) -> Self {
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        let first = lines.next().unwrap();
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let headers = lines.take_while(|line| !line.is_empty());
        let headers =
            headers.map(|line| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap());
        Self { method, target, headers: headers.collect() }
    }
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// What is sent of the body, however long `headers` say it is.
    pub body: Vec<u8>,
    /// How long the connection stays open after that.
    pub stall: Duration,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self { status, headers: vec![("content-length", "0".to_owned())], ..Self::default() }
    }

    /// All of `file`.
    pub fn whole(file: &[u8]) -> Self {
        Self { status: 200, ..Self::default() }.with_body(file)
    }

    /// What `request` asks of `file`, which has the entity `tag`.
    pub fn of(file: &[u8], tag: &str, request: &Request) -> Self {
        let from = request.from();
        let changed = request.header("if-range").is_some_and(|wanted| wanted != tag);
        if from == 0 || changed {
            return Self::whole(file).with("etag", tag);
        }
        let range = format!("bytes {from}-{}/{}", file.len() - 1, file.len());
        Self { status: 206, ..Self::default() }.with_body(&file[from..]).with("content-range", range).with("etag", tag)
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn with_body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.with("content-length", body.len().to_string())
    }

    /// Only `count` bytes come of the body.
    pub fn cut(mut self, count: usize) -> Self {
        self.body.truncate(count);
        self
    }

    /// The body without its length being told.
    pub fn of_unknown_length(mut self) -> Self {
        self.headers.retain(|(name, _)| *name != "content-length");
        self
    }

    /// Nothing at all, for as long as that.
    pub fn silence(stall: Duration) -> Self {
        Self { stall, ..Self::default() }
    }

    fn write(&self, stream: &mut TcpStream) {
        if self.status != 0 {
            self.write_response(stream);
        }
        thread::sleep(self.stall);
    }

    fn write_response(&self, stream: &mut TcpStream) {
        let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        // A client that has seen enough need not read all of it.
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(&self.body));
    }
}

/// A server that lives as long as the tests.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// A server that gives `answer` to the request of each number.
    pub fn start(answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::accept(move |number, request, mut stream| answer(number, request).write(&mut stream))
    }

    /// A proxy that opens connections (CONNECT) to wherever it is asked to.
    pub fn proxy() -> Self {
        Self::accept(|_, request, mut client| {
            let mut server = TcpStream::connect(&request.target).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).unwrap();
            client.write_all(&answer).unwrap();
        })
    }

    fn accept(serve: impl Fn(usize, &Request, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let request = Request::read(&stream);
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(request.clone());
                    seen.len() - 1
                };
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(number, &request, stream));
            }
        });
        Self { address, requests }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn url(&self) -> String {
        format!("http://{}/net.onnx", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}
