//! A file over HTTP, continued where an earlier transfer broke off (RFC 9110, range requests).

use std::{
    io::{ErrorKind, Read},
    thread,
};

use ureq::{
    Agent, Body, BodyReader,
    http::{HeaderMap, Response, header},
};

use super::{
    Published,
    connection::Connection,
    part::{CHUNK, Origin, Part},
};
use crate::error::{Error, Result};

/// Why a file did not come.
enum Failure {
    /// Trying again may help.
    Passing(String),
    /// This server will not give the file.
    Final(String),
    /// The fault lies on this side.
    Here(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

/// Completes `part` from the first of `urls` that gives the file as it was `published`; `progress` hears how many bytes are there.
pub(super) fn complete(
    part: &mut Part,
    published: &Published,
    urls: &[String],
    connection: &Connection,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let mut reasons = Vec::new();
    for url in urls {
        let agent = connection.agent(url)?;
        part.inherit();
        let mut transfer = Transfer { part, published, url, connection, agent, progress };
        match transfer.run() {
            Ok(()) => return Ok(()),
            Err(Failure::Here(error)) => return Err(error),
            Err(Failure::Final(reason) | Failure::Passing(reason)) => reasons.push(format!("{url}: {reason}")),
        }
    }
    let kept = if part.length() > 0 { "; what has come is kept" } else { "" };
    let message = format!(
        "`{}` could not be fetched:\n  {}\nTry again later{kept}. --url and models.mirror name another address, --proxy a proxy",
        published.file,
        reasons.join("\n  ")
    );
    Err(Error::setup("pull_failed", message))
}

/// The transfer from one server.
struct Transfer<'a> {
    part: &'a mut Part,
    published: &'a Published,
    url: &'a str,
    connection: &'a Connection,
    agent: Agent,
    progress: &'a mut dyn FnMut(u64),
}

impl Transfer<'_> {
    /// Gets what is missing and checks the whole. What earlier transfers left may be at fault, and is then fetched again.
    fn run(&mut self) -> Result<(), Failure> {
        loop {
            let inherited = self.part.inherited();
            self.persist()?;
            let found = self.part.sha256();
            if found == self.published.sha256 {
                return Ok(());
            }
            self.part.restart()?;
            if !inherited {
                let wanted = &self.published.sha256;
                return Err(Failure::Final(format!("it sends another file (SHA-256 {found} instead of {wanted})")));
            }
            tracing::warn!(
                url = self.url,
                "what earlier transfers left is not the file: it is fetched from the beginning"
            );
        }
    }

    /// Asks again after passing failures, as long as something new comes now and then.
    fn persist(&mut self) -> Result<(), Failure> {
        let mut failures = 0;
        while self.part.length() != self.published.size {
            let before = self.part.length();
            let Err(failure) = self.once() else { continue };
            let Failure::Passing(reason) = failure else { return Err(failure) };
            failures = if self.part.length() > before { 1 } else { failures + 1 };
            if failures >= self.connection.tries {
                return Err(Failure::Passing(reason));
            }
            let pause = self.connection.pause * 2_u32.pow(failures - 1);
            tracing::warn!(
                url = self.url,
                reason,
                have = self.part.length(),
                "the transfer broke off and is tried again"
            );
            thread::sleep(pause);
        }
        Ok(())
    }

    /// One request.
    fn once(&mut self) -> Result<(), Failure> {
        if self.part.length() > self.published.size {
            self.part.restart()?;
        }
        let response = self.ask()?;
        let (head, body) = response.into_parts();
        let missing = match head.status.as_u16() {
            200 => {
                self.check_length(&body, self.published.size)?;
                self.begin(&head.headers)?;
                self.published.size
            }
            206 => {
                let missing = self.published.size - self.part.length();
                self.check_range(&head.headers)?;
                self.check_length(&body, missing)?;
                missing
            }
            416 => return Err(Failure::Final(format!("it has a file of at most {} bytes", self.part.length()))),
            status @ (408 | 425 | 429 | 500..=599) => return Err(Failure::Passing(format!("it answers {status}"))),
            status => return Err(Failure::Final(format!("it answers {status}"))),
        };
        self.receive(body.into_reader(), missing)
    }

    /// Requests what is missing, and no more if the file is still the one that the part is of.
    fn ask(&self) -> Result<Response<Body>, Failure> {
        // Coded bytes could not be counted.
        let mut request = self.agent.get(self.url).header(header::ACCEPT_ENCODING, "identity");
        let have = self.part.length();
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
            let tag = self.part.origin().filter(|origin| origin.url == self.url).map(|origin| origin.tag);
            if let Some(tag) = tag.filter(|tag| !tag.is_empty()) {
                request = request.header(header::IF_RANGE, tag);
            }
        }
        request.call().map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::TooManyRedirects => {
                Failure::Final(error.to_string())
            }
            // What rustls says of certificates comes as this.
            ureq::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                Failure::Final(format!("{error} (SSL_CERT_FILE names a file of certificates to trust)"))
            }
            error => Failure::Passing(error.to_string()),
        })
    }

    /// Empties the part for a file that comes from its beginning.
    fn begin(&mut self, headers: &HeaderMap) -> Result<(), Failure> {
        self.part.restart()?;
        let tag = text(headers, header::ETAG).filter(|tag| tag.starts_with('"')).unwrap_or_default();
        self.part.set_origin(&Origin { url: self.url.to_owned(), tag: tag.to_owned() })?;
        Ok(())
    }

    /// The body is as long as what is missing, if the server says how long it is.
    fn check_length(&self, body: &Body, missing: u64) -> Result<(), Failure> {
        match body.content_length() {
            Some(length) if length != missing => {
                let whole = (self.published.size - missing).saturating_add(length);
                Err(Failure::Final(format!("it offers a file of {whole} bytes, not of {}", self.published.size)))
            }
            _ => Ok(()),
        }
    }

    /// The range is what was asked for: from what is there to the end.
    fn check_range(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let range = text(headers, header::CONTENT_RANGE).unwrap_or_default();
        let (have, size) = (self.part.length(), self.published.size);
        let wanted = format!("bytes {have}-{}/{size}", size - 1);
        if have > 0 && range == wanted {
            return Ok(());
        }
        Err(Failure::Final(format!("it answers with the range `{range}` instead of `{wanted}`")))
    }

    /// Adds `missing` bytes of `body` to the part.
    fn receive(&mut self, mut body: BodyReader, missing: u64) -> Result<(), Failure> {
        let mut chunk = vec![0; CHUNK];
        let mut left = missing;
        loop {
            let count = body.read(&mut chunk).map_err(|error| Failure::Passing(error.to_string()))?;
            if count as u64 > left {
                self.part.restart()?;
                return Err(Failure::Final(format!("it sends a file of more than {} bytes", self.published.size)));
            }
            if count == 0 {
                return if left == 0 { Ok(()) } else { Err(Failure::Passing(format!("it ended {left} bytes early"))) };
            }
            self.part.append(&chunk[..count])?;
            left -= count as u64;
            (self.progress)(self.part.length());
        }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
