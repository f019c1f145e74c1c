//! A file that has arrived in part.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{error::Result, model::directory::cannot_write};

/// Bytes that are read from a disk or a connection at once.
pub(super) const CHUNK: usize = 128 << 10;

/// What has arrived of a file, from this transfer or from earlier ones, with the digest so far.
pub(super) struct Part {
    path: PathBuf,
    file: File,
    digest: Sha256,
    length: u64,
    inherited: bool,
}

/// Where a part's first bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub url: String,
    /// The strong entity tag that the server gave the file; empty without one.
    pub tag: String,
}

impl Part {
    /// Opens the part at `path`, or begins it.
    pub fn open(path: &Path) -> Result<Self> {
        let read = || {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
            let mut digest = Sha256::new();
            let length = copy(&mut file, &mut digest)?;
            Ok(Self { path: path.to_owned(), file, digest, length, inherited: length > 0 })
        };
        read().map_err(|error| cannot_write(path, &error))
    }

    /// How many bytes are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether some of the bytes come from an earlier try.
    pub fn inherited(&self) -> bool {
        self.inherited
    }

    /// Takes what is there for an earlier try's, as for the server that is asked next.
    pub fn inherit(&mut self) {
        self.inherited = self.length > 0;
    }

    /// Adds `bytes`.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| cannot_write(&self.path, &error))?;
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Begins anew.
    pub fn restart(&mut self) -> Result<()> {
        self.digest.reset();
        self.length = 0;
        self.inherited = false;
        self.file.set_len(0).map_err(|error| cannot_write(&self.path, &error))
    }

    /// The SHA-256 of the bytes, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        hexadecimal(&self.digest.clone().finalize())
    }

    /// Notes where the bytes come from.
    pub fn set_origin(&self, origin: &Origin) -> Result<()> {
        let path = self.origin_path();
        fs::write(&path, format!("{}\n{}\n", origin.url, origin.tag)).map_err(|error| cannot_write(&path, &error))
    }

    /// Where the bytes come from, if that was noted.
    pub fn origin(&self) -> Option<Origin> {
        let text = fs::read_to_string(self.origin_path()).ok()?;
        let (url, tag) = text.split_once('\n')?;
        Some(Origin { url: url.to_owned(), tag: tag.trim_end().to_owned() })
    }

    /// Removes the part.
    pub fn discard(self) {
        self.forget_origin();
        let _ = fs::remove_file(&self.path);
    }

    /// Removes what was noted about the part, which is complete.
    pub fn forget_origin(&self) {
        let _ = fs::remove_file(self.origin_path());
    }

    fn origin_path(&self) -> PathBuf {
        self.path.with_added_extension("origin")
    }
}

/// The SHA-256 of the file at `path`, in hexadecimal digits.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    copy(&mut File::open(path)?, &mut digest)?;
    Ok(hexadecimal(&digest.finalize()))
}

/// Feeds what is left of `file` to `digest`; how many bytes that was.
fn copy(file: &mut File, digest: &mut Sha256) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut length = 0;
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Ok(length);
        }
        digest.update(&chunk[..count]);
        length += count as u64;
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
