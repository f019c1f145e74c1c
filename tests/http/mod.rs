//! The HTTP interface, over a socket.
