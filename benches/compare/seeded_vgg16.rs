//! Writes a full-size VGG16 with seeded weights into a models directory, for the comparison with other libraries.
//!
//! usage: `cargo run --release --example seeded_vgg16 -- DIRECTORY`
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{env, fs, path::PathBuf};

#[path = "../../tests/vgg16.rs"]
mod vgg16;

fn main() {
    let directory = PathBuf::from(env::args().nth(1).expect("name a directory")).join("vgg16");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("model.toml"), "[preprocessing]\nmode = \"caffe\"\nresize = \"stretch\"\n").unwrap();
    fs::write(directory.join("model.onnx"), vgg16::full_size().to_bytes()).unwrap();
}
