//! A connection that does not wait for ever: for a request's head, and for a client to take in its answer.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From a head's first byte, or from the beginning of the connection, to its last.
    pub head: Duration,
    /// For taking in anything at all of an answer.
    pub write: Duration,
}

/// How many requests of a connection have begun, and how many of them are answered: what tells a head from a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicUsize,
    answered: AtomicUsize,
}

impl Requests {
    /// A head has arrived. The request is answered when what this returns is dropped.
    pub fn begin(&self) -> Request {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        Request(Arc::clone(&self.0))
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }

    fn in_progress(&self) -> bool {
        self.begun() != self.0.answered.load(Ordering::SeqCst)
    }
}

/// A request in progress.
#[derive(Debug)]
pub(super) struct Request(Arc<Counts>);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// A stream whose reading fails when a head takes too long, and whose writing fails when nobody reads.
///
/// hyper's own time for heads runs while a connection is idle, too, and so has to be as long as gateways keep connections open.
pub(super) struct Connection<S> {
    stream: S,
    patience: Patience,
    requests: Requests,
    /// The end of the time for a head, and the number of requests before it.
    head: Option<(Pin<Box<Sleep>>, usize)>,
    /// The end of the time for a write that waits.
    write: Option<Pin<Box<Sleep>>>,
}

impl<S> Connection<S> {
    /// The connection over `stream`, whose first head is waited for from now on.
    pub fn new(stream: S, patience: Patience, requests: Requests) -> Self {
        let head = Some((Box::pin(sleep(patience.head)), 0));
        Self { stream, patience, requests, head, write: None }
    }

    /// What a write gives, or an error if it has waited for too long.
    fn written<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.write = None;
            return outcome;
        }
        let wait = self.patience.write;
        ready!(self.write.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, onto: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = onto.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(context, onto);
        let begun = this.requests.begun();
        if this.requests.in_progress() || this.head.as_ref().is_some_and(|(_, number)| *number != begun) {
            this.head = None;
        }
        if onto.filled().len() > before && !this.requests.in_progress() && this.head.is_none() {
            this.head = Some((Box::pin(sleep(this.patience.head)), begun));
        }
        if let Some((time, _)) = &mut this.head
            && outcome.is_pending()
            && time.as_mut().poll(context).is_ready()
        {
            tracing::debug!("a request's head did not arrive in time");
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.written(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
