//! The future of [`Trace`](super::Trace).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::BoxError;
use tracing::Span;

use super::span;
use crate::value::Value;

pin_project! {
    /// The response, within its span.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        // None if there is none, or once the request has ended. In a box: mostly there is none.
        span: Option<Box<Span>>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(span) = this.project().span {
                span::cancel(span);
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, span: Span) -> Self {
        let span = (!span.is_disabled()).then(|| Box::new(span));
        Self { inner, span }
    }

    pub(super) fn untraced(inner: F) -> Self {
        Self { inner, span: None }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Value, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Value, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(span) = this.span else {
            return this.inner.poll(cx).map_err(Into::into);
        };
        let result = {
            let _entered = span.enter();
            ready!(this.inner.poll(cx)).map_err(Into::into)
        };
        span::close(span, &result);
        *this.span = None;
        Poll::Ready(result)
    }
}
