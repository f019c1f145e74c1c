//! Files, and the standard output.

use std::io::{self, ErrorKind, Write};

use crate::error::{Error, Result};

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
