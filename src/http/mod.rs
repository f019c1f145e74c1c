//! The HTTP interface: one file per resource; no tensors and no pixels.

mod accept;
mod activation_maximization;
mod error;
mod explain;
mod explain_all;
mod filters;
mod form;
mod health;
mod layers;
mod models;
mod openapi;
mod operation;
pub mod options;
mod picture_call;
mod predict;
mod request;
mod router;
mod schema;
mod serve;
mod state;
mod summary;
mod technique_options;
mod unread;
mod upload;
mod wishes;

pub use error::{PROBLEM_JSON, Problem};
pub use request::REQUEST_ID;
pub use router::{openapi, router};
pub use serve::{run, serve};
pub use state::{App, Served};
pub use upload::Upload;
pub use wishes::Wishes;
