//! The future of [`Breaker`](super::Breaker).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::BoxError;

use super::passage::Passage;
use crate::error::Error;
use crate::value::Value;

pin_project! {
    /// The response, or the error that the breaker is open.
    ///
    /// # Cancel safety
    ///
    /// That of the inner future. A request that was refused was not passed on. Dropped before it is complete, it
    /// tells the breaker nothing; if it is the probe, the next request is.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        // Closed, or it is the probe.
        Passed {
            #[pin]
            inner: F,
            passage: Passage,
        },
        // Open.
        Refused { error: Option<Error> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn passed(inner: F, passage: Passage) -> Self {
        Self {
            state: State::Passed { inner, passage },
        }
    }

    pub(super) fn refused(error: Error) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
        }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Value, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Value, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passed { inner, passage } => {
                let result = ready!(inner.poll(cx)).map_err(Into::into);
                passage.end(&result);
                Poll::Ready(result)
            }
            StateProj::Refused { error } => {
                let error = error.take().expect("polled after it was ready");
                Poll::Ready(Err(error.into()))
            }
        }
    }
}
