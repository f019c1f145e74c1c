//! Drives a real server over a socket, and checks the library against references.

mod architecture;
mod http;
