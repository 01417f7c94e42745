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
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            this.alarm.counters().timeouts().increment();
            let limit = this.limit.as_ref().expect("only a limit can have passed");
            return Poll::Ready(Err(limit.refusal().into()));
        };
        let mut is_expired = false;
        loop {
            let (polled, arranged) = wakeup::heed(cx, |cx| inner.as_mut().poll(cx));
            if let Poll::Ready(result) = polled {
                return Poll::Ready(result.map_err(|error| {
                    let error = error.into();
                    if is_timeout(&error) {
                        this.alarm.counters().timeouts().increment();
                    }
                    error
                }));
            }
            let Some(limit) = this.limit else {
                return Poll::Pending;
            };
            if is_expired {
                this.alarm.counters().timeouts().increment();
                return Poll::Ready(Err(limit.error().into()));
            }
            if arranged.is_some_and(|at| at <= limit.deadline) {
                if this.alarm.leave() || Instant::now() < limit.deadline {
                    return Poll::Pending;
                }
            } else if this.alarm.poll_rung(limit.deadline, cx).is_pending() {
                wakeup::arrange(limit.deadline, cx);
                return Poll::Pending;
            }
            // Whatever waits below knows better than we do what became of the command, and tells when it is
            // polled past the deadline. Only if nothing answers even now is the error ours.
            is_expired = true;
        }
    }
}

fn is_timeout(error: &BoxError) -> bool {
    error.downcast_ref::<Error>().is_some_and(Error::is_timeout)
}
