//! What a refused request still sends.
//!
//! A connection that is closed while its client writes is reset, and the client then never reads why it was refused. So
//! the rest of the body is read and thrown away first.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::header,
};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

/// How long the rest of a body is read; who sends for longer finds the connection closed.
const DRAIN: Duration = Duration::from_secs(5);

/// A request's body, shared between its handler and whoever reads what the handler left.
#[derive(Clone)]
pub(super) struct Unread(Arc<Mutex<Shared>>);

struct Shared {
    body: Body,
    /// Whether the client still waits to be asked for the body (`Expect: 100-continue`).
    waits: bool,
}

impl Unread {
    /// The request with its body shared, and the other hand on that body.
    pub fn share(request: Request) -> (Request, Self) {
        let waits = request.headers().contains_key(header::EXPECT);
        let (parts, body) = request.into_parts();
        let unread = Self(Arc::new(Mutex::new(Shared { body, waits })));
        (Request::from_parts(parts, Body::new(unread.clone())), unread)
    }

    /// Reads to the end of the body, within limits of time.
    pub async fn drain(mut self) {
        if !self.shared().waits {
            let rest = async { while let Some(Ok(_)) = self.frame().await {} };
            let _ = tokio::time::timeout(DRAIN, rest).await;
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut shared = self.shared();
        shared.waits = false;
        Pin::new(&mut shared.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.shared().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.shared().body.size_hint()
    }
}
