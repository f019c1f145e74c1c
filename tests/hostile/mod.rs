//! Hostile files: the seeds of the fuzz targets, and changes to them, end in an answer or an error, never in a panic, and
//! take memory for what they hold, not for what they claim to hold.

mod allocations;
#[path = "../../fuzz/src/lib.rs"]
mod fuzzed;
mod onnx;
mod pictures;
mod requests;

use std::{fs, path::Path};

use proptest::sample::Index;

/// The files in `directory`, in order of their names, each with its name.
fn files(directory: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(directory);
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", directory.display());
    files
}

/// Sets bytes of `file`, if it has any.
fn change(file: &mut [u8], changes: &[(Index, u8)]) {
    if file.is_empty() {
        return;
    }
    for (place, byte) in changes {
        file[place.index(file.len())] = *byte;
    }
}
