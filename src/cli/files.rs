//! Files, and the standard output.

use std::{
    ffi::OsStr,
    fs,
    io::{self, ErrorKind, Write},
    path::Path,
};

use crate::{
    error::{Error, Result},
    explain::Format,
};

/// The format that the name of `file` asks for; JSON without a file.
pub(super) fn format(file: Option<&Path>) -> Result<Format> {
    let Some(file) = file else { return Ok(Format::Json) };
    match file.extension().and_then(OsStr::to_str) {
        Some("png") => Ok(Format::Png),
        Some("json") => Ok(Format::Json),
        Some("npy") => Ok(Format::Npy),
        _ => {
            let message = format!("{} must end in .png, .json or .npy, which says what is written", file.display());
            Err(Error::setup("unknown_format", message))
        }
    }
}

/// Writes `bytes` to `file`, or to the standard output without one.
pub(super) fn write(file: Option<&Path>, bytes: &[u8]) -> Result<()> {
    let Some(file) = file else { return print(&[bytes, b"\n"].concat()) };
    fs::write(file, bytes)
        .map_err(|error| Error::setup("cannot_write", format!("{} cannot be written: {error}", file.display())))
}

/// Writes `bytes` to the standard output; a reader who has seen enough (`| head`) is no error.
pub(super) fn print(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::setup("cannot_write", format!("the standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
