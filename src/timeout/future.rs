//! The future of [`Timeout`](super::Timeout).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::BoxError;

use super::alarm::Alarm;
use crate::command::Name;
use crate::error::{Delivery, Error, ErrorKind};
use crate::wakeup;

pin_project! {
    /// The response, or the error that the deadline passed.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the inner future; whether the command was applied is then unknown.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // None when the deadline had passed before the inner service was called.
        #[pin]
        inner: Option<F>,
        // None if the request may take forever.
        limit: Option<Limit>,
        // Set when the inner future is found pending and nothing within it has a timer: an answer at hand costs none, and
        // a reply that a connection waits for none of ours.
        alarm: Alarm,
    }
}

/// What the timer keeps, and what its error tells.
#[derive(Debug)]
pub(super) struct Limit {
    called_at: Instant,
    deadline: Instant,
    command: Name,
}

impl Limit {
    pub(super) fn new(called_at: Instant, deadline: Instant, command: Name) -> Self {
        Self {
            called_at,
            deadline,
            command,
        }
    }

    /// The error when the deadline passed with the inner future pending. How far the command got cannot be told
    /// from outside of it.
    fn error(&self) -> Error {
        let allowed = self.deadline.saturating_duration_since(self.called_at);
        let message = format!("no answer within {} ms", allowed.as_millis());
        Error::not_sent(ErrorKind::Timeout, message)
            .with_delivery(Delivery::Unknown)
            .with_command(self.command.to_text())
    }

    /// The error when the deadline had passed before the inner service was called.
    fn refusal(&self) -> Error {
        Error::not_sent(
            ErrorKind::Timeout,
            "the deadline had passed before the command could be sent",
        )
        .with_delivery(Delivery::NotSent)
        .with_command(self.command.to_text())
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn limited(inner: F, limit: Limit, alarm: Alarm) -> Self {
        Self {
            inner: Some(inner),
            limit: Some(limit),
            alarm,
        }
    }

    pub(super) fn unlimited(inner: F, alarm: Alarm) -> Self {
        Self {
            inner: Some(inner),
            limit: None,
            alarm,
        }
    }

    pub(super) fn expired(limit: Limit, alarm: Alarm) -> Self {
        Self {
            inner: None,
            limit: Some(limit),
            alarm,
        }
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(Err(self.refusal()));
        };
        let (polled, arranged) = wakeup::heed(cx, |cx| inner.poll(cx));
        match polled {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok(response)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.failed(error.into()))),
            Poll::Pending => {
                let Some(limit) = this.limit else {
                    return Poll::Pending;
                };
                // Whether somebody below wakes the request in time.
                let is_arranged = arranged.is_some_and(|at| at <= limit.deadline);
                if is_arranged && this.alarm.leave() {
                    return Poll::Pending;
                }
                self.poll_deadline(is_arranged, cx)
            }
        }
    }
}

impl<F, T, E> ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    /// Looks whether the deadline has passed, with the inner future pending.
    #[inline(never)]
    fn poll_deadline(
        mut self: Pin<&mut Self>,
        is_arranged: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, BoxError>> {
        let this = self.as_mut().project();
        let limit = this.limit.as_ref().expect("only a limit can pass");
        if is_arranged {
            if Instant::now() < limit.deadline {
                return Poll::Pending;
            }
        } else if this.alarm.poll_rung(limit.deadline, cx).is_pending() {
            wakeup::arrange(limit.deadline, cx);
            return Poll::Pending;
        }
        // Whatever waits below knows better than we do what became of the command, and tells when it is polled past the
        // deadline. Only if nothing answers even now is the error ours.
        let inner = this.inner.as_pin_mut().expect("was pending");
        match wakeup::heed(cx, |cx| inner.poll(cx)).0 {
            Poll::Ready(result) => Poll::Ready(result.map_err(|error| self.failed(error.into()))),
            Poll::Pending => {
                this.alarm.counters().timeouts().increment();
                Poll::Ready(Err(limit.error().into()))
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    /// Counts an error of the inner future if it is that of a deadline.
    #[cold]
    fn failed(&self, error: BoxError) -> BoxError {
        if is_timeout(&error) {
            self.alarm.counters().timeouts().increment();
        }
        error
    }

    /// Why the inner service was not called.
    #[cold]
    fn refusal(&self) -> BoxError {
        self.alarm.counters().timeouts().increment();
        let limit = self.limit.as_ref().expect("only a limit can have passed");
        limit.refusal().into()
    }
}

fn is_timeout(error: &BoxError) -> bool {
    error.downcast_ref::<Error>().is_some_and(Error::is_timeout)
}
