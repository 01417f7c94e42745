//! Futures of the make-service and of the services it makes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::BoxError;

use super::Laned;
use super::lane::Entrance;
use crate::error::Error;
use crate::value::Value;

pin_project! {
    /// The future of [`ExclusiveLanes`](super::ExclusiveLanes): the shared connection, with its node's lane.
    #[must_use = "futures do nothing unless polled"]
    pub struct MakeFuture<F, S> {
        #[pin]
        making: F,
        entrance: Option<Arc<Entrance<S>>>,
    }
}

impl<F, S> MakeFuture<F, S> {
    pub(super) fn new(making: F, entrance: Entrance<S>) -> Self {
        Self {
            making,
            entrance: Some(Arc::new(entrance)),
        }
    }
}

impl<F, S, E> Future for MakeFuture<F, S>
where
    F: Future<Output = Result<S, E>>,
{
    type Output = Result<Laned<S>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let shared = ready!(this.making.poll(cx))?;
        let entrance = this.entrance.take().expect("polled after it was ready");
        Poll::Ready(Ok(Laned { shared, entrance }))
    }
}

impl<F, S> fmt::Debug for MakeFuture<F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MakeFuture").finish_non_exhaustive()
    }
}

/// What happens on an exclusive connection. Boxed: it is about to wait far longer than an allocation takes.
pub(super) type Exclusive = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

pin_project! {
    /// The future of [`Laned`](super::Laned).
    ///
    /// # Cancel safety
    ///
    /// That of the connection. The exclusive connection of a command that was sent and not answered is closed when this is
    /// dropped.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        // On the connection that all share.
        Shared { #[pin] reply: F },
        // On a connection of its own, or on the way to one.
        Exclusive { reply: Exclusive },
        // Must not be sent like this.
        Refused { error: Option<Error> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn shared(reply: F) -> Self {
        let state = State::Shared { reply };
        Self { state }
    }

    pub(super) fn exclusive(reply: Exclusive) -> Self {
        let state = State::Exclusive { reply };
        Self { state }
    }

    pub(super) fn refused(error: Error) -> Self {
        let state = State::Refused { error: Some(error) };
        Self { state }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Value, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Value, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Shared { reply } => {
                let reply = reply.poll(cx);
                reply.map_err(|error| Error::from(error.into()))
            }
            StateProj::Exclusive { reply } => reply.as_mut().poll(cx),
            StateProj::Refused { error } => {
                Poll::Ready(Err(error.take().expect("polled after it was ready")))
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_exclusive = matches!(self.state, State::Exclusive { .. });
        f.debug_struct("ResponseFuture")
            .field("is_exclusive", &is_exclusive)
            .finish_non_exhaustive()
    }
}
