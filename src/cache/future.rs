//! Futures of the [`ConnectionCache`](super::ConnectionCache) and of the services it gives out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tower::BoxError;

use super::cached::Cached;
use super::pool::{Outcome, Pool};
use crate::addr::NodeAddr;
use crate::error::{Error, ErrorKind};

/// The future of [`ConnectionCache`](super::ConnectionCache): a [`Cached`] service, or why there is none.
///
/// # Cancel safety
///
/// Dropping it does not end the connection attempt it waits for, as long as the cache lives.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture<S> {
    state: State<S>,
}

enum State<S> {
    /// The answer was known at once.
    Done(Option<Result<Cached<S>, Error>>),
    /// A dial is under way.
    Waiting {
        addr: NodeAddr,
        outcome: oneshot::Receiver<Outcome<S>>,
        /// Whoever waits keeps the cache and so the dial alive: `cache.oneshot(addr)` drops its handle first.
        _pool: Arc<Pool<S>>,
    },
}

impl<S> ResponseFuture<S> {
    pub(super) fn done(result: Result<Cached<S>, Error>) -> Self {
        Self {
            state: State::Done(Some(result)),
        }
    }

    pub(super) fn waiting(
        addr: NodeAddr,
        outcome: oneshot::Receiver<Outcome<S>>,
        pool: Arc<Pool<S>>,
    ) -> Self {
        Self {
            state: State::Waiting {
                addr,
                outcome,
                _pool: pool,
            },
        }
    }
}

// Nothing in it is ever pinned.
impl<S> Unpin for ResponseFuture<S> {}

impl<S: Clone> Future for ResponseFuture<S> {
    type Output = Result<Cached<S>, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Done(result) => {
                Poll::Ready(result.take().expect("polled again after completion"))
            }
            State::Waiting { addr, outcome, .. } => {
                Poll::Ready(match ready!(Pin::new(outcome).poll(cx)) {
                    Ok(Ok(stored)) => Ok(Cached::new(&stored)),
                    Ok(Err(error)) => Err(error),
                    Err(_ended) => Err(Error::not_sent(
                        ErrorKind::Shutdown,
                        "the connection attempt was ended by a shutdown",
                    )
                    .with_node(addr.clone())),
                })
            }
        }
    }
}

impl<S> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ResponseFuture");
        match &self.state {
            State::Done(_) => debug.finish_non_exhaustive(),
            State::Waiting { addr, .. } => debug.field("waiting_for", addr).finish_non_exhaustive(),
        }
    }
}

pin_project! {
    /// The future of [`Cached`]: the inner one, with our error.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct CachedFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F> CachedFuture<F> {
    pub(super) fn new(inner: F) -> Self {
        Self { inner }
    }
}

impl<F, T, E> Future for CachedFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project()
            .inner
            .poll(cx)
            .map_err(|error| Error::from(error.into()))
    }
}
