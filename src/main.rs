//! The `glassbox` binary: everything it does lives in the library's [`glassbox::cli`].

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Pictures are a megabyte or more: the system's allocator takes each from the kernel anew, and the kernel clears every page.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    glassbox::cli::main()
}
