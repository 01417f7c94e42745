//! The future of one command.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::reply::Reply;
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;
use crate::wakeup;

/// The response future of a [`Connection`](super::Connection). Its task is woken by the reply, by the end of the connection, and
/// when the command's [deadline](super#deadlines) has passed.
///
/// # Cancel safety
///
/// Dropped before the driver takes the command for writing, which it does as soon as it runs and the socket has room, the
/// command is never sent. Dropped later, the reply is read and discarded; the command may be applied. A [batch](crate::Command::pipeline) is written as a whole or not at all.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(State);

#[derive(Debug)]
enum State {
    /// The command was queued.
    Waiting { reply: Reply, has_polled: bool },
    /// The command was refused.
    Refused(Option<Error>),
    /// A pipeline without commands, of which no server need know.
    Empty,
}

impl ResponseFuture {
    /// Of a command that was queued, or could not be.
    #[inline]
    pub(super) fn of(queued: Result<Reply, Error>) -> Self {
        match queued {
            Ok(reply) => Self(State::Waiting {
                reply,
                has_polled: false,
            }),
            Err(error) => Self::refused(error),
        }
    }

    pub(super) fn refused(error: Error) -> Self {
        Self(State::Refused(Some(error)))
    }

    pub(super) fn empty() -> Self {
        Self(State::Empty)
    }

    /// The result of a command that was not queued.
    #[inline(never)]
    fn unqueued(&mut self) -> Result<Value, Error> {
        match &mut self.0 {
            State::Refused(error) => Err(error.take().expect("polled after it was ready")),
            State::Empty => Ok(Value::Array(Vec::new())),
            State::Waiting { .. } => unreachable!("it was queued"),
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Value, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let State::Waiting { reply, has_polled } = &mut self.0 else {
            return Poll::Ready(self.unqueued());
        };
        if let Poll::Ready(result) = Pin::new(&mut *reply).poll(cx) {
            // Polled before in the same poll of its task, it may have arranged a wake-up.
            wakeup::withdraw();
            return Poll::Ready(result);
        }
        let Some(deadline) = reply.deadline() else {
            return Poll::Pending;
        };
        // A request is polled again without a reply mostly because its deadline has passed, and the clock is not worth
        // a look before.
        let is_first = !std::mem::replace(has_polled, true);
        if !is_first && Instant::now() >= deadline {
            wakeup::withdraw();
            return Poll::Ready(Err(give_up(reply)));
        }
        // The driver sees to it.
        wakeup::arrange(deadline, cx);
        Poll::Pending
    }
}

/// The error of a command whose deadline has passed, and which will not be written from now on.
#[cold]
fn give_up(reply: &mut Reply) -> Error {
    let (delivery, gathered) = reply.abandon();
    let error = expired(delivery);
    if let Some(gathered) = gathered {
        // All was taken for writing: what is not written yet will be.
        gathered.record(|| error.clone());
    }
    error
}

/// The error of a command whose deadline has passed.
pub(super) fn expired(delivery: Delivery) -> Error {
    let message = match delivery {
        Delivery::NotSent => "the deadline passed before the command could be written",
        _ => "the deadline passed before the reply",
    };
    Error::not_sent(ErrorKind::Timeout, message).with_delivery(delivery)
}
