//! The `glassbox` binary: everything it does lives in the library's [`glassbox::cli`].

fn main() {}
