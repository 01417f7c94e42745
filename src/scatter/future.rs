//! The future of [`ScatterGather`](super::ScatterGather).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::scattered::Scattered;
use crate::command::Command;
use crate::error::Error;
use crate::value::Value;

pin_project! {
    /// The response, of one node or put together from those of several.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops what is under way below. Whether a command, or which part of it, was applied is then unknown.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S: Service<Command>> {
        #[pin]
        state: State<S>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S: Service<Command>> {
        /// The inner service answers, and that is the response.
        Passed { #[pin] reply: S::Future },
        /// Several nodes answer. In a box: this is larger, and rare.
        Scattered { scattered: Pin<Box<Scattered<S>>> },
        /// The command cannot be sent as it is; the error is taken by the first poll.
        Refused { error: Option<Error> },
    }
}

impl<S: Service<Command>> ResponseFuture<S> {
    pub(super) fn passed(reply: S::Future) -> Self {
        Self {
            state: State::Passed { reply },
        }
    }

    pub(super) fn scattered(scattered: Scattered<S>) -> Self {
        let scattered = Box::pin(scattered);
        Self {
            state: State::Scattered { scattered },
        }
    }

    pub(super) fn refused(error: Error) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
        }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Command, Response = Value>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Value, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passed { reply } => reply.poll(cx).map_err(Into::into),
            StateProj::Scattered { scattered } => scattered.as_mut().poll(cx).map_err(Into::into),
            StateProj::Refused { error } => Poll::Ready(Err(refusal(error).into())),
        }
    }
}

#[cold]
fn refusal(error: &mut Option<Error>) -> Error {
    error.take().expect("polled after it was ready")
}

impl<S: Service<Command>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
