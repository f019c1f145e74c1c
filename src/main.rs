//! The `glassbox` binary: everything it does lives in the library's [`glassbox::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    glassbox::cli::main()
}
