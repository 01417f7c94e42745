//! A request for which the stack is not ready yet.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};
use tower::{BoxError, Service};

use crate::command::{BlockTime, Command};
use crate::error::{Error, ErrorKind};

/// A request, and the instance of the stack that it waits for.
pub(super) struct Waiting<S> {
    stack: S,
    command: Option<Command>,
    since: Instant,
    allowed: Duration,
    time_is_up: Pin<Box<Sleep>>,
}

impl<S> Waiting<S> {
    /// Waits as long as the command says, or else as long as it may wait otherwise.
    pub(super) fn new(stack: S, command: Command, otherwise: Duration) -> Self {
        let since = Instant::now();
        let allowed = command.own_timeout().unwrap_or(otherwise);
        let allowed = match command.deadline() {
            Some(deadline) => allowed.min(deadline.saturating_duration_since(since)),
            None => allowed,
        };
        Self {
            stack,
            command: Some(command),
            since,
            allowed,
            time_is_up: Box::pin(sleep(allowed)),
        }
    }
}

impl<S> Waiting<S>
where
    S: Service<Command, Error: Into<BoxError>>,
{
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Poll::Ready(result) = self.stack.poll_ready(cx) {
            return Poll::Ready(result.map_err(|error| Error::from(error.into())));
        }
        self.time_is_up.as_mut().poll(cx).map(|()| {
            let allowed = self.allowed;
            Err(Error::not_sent(
                ErrorKind::Overloaded,
                format!("the client was not ready for another request within {allowed:?}"),
            ))
        })
    }

    /// Calls the stack, and deducts the time it took to be ready from what the command has.
    pub(super) fn call(&mut self) -> S::Future {
        let mut command = self.command.take().expect("called once");
        if command.block_time() == BlockTime::NotBlocking {
            command.set_waiting_since(self.since);
        }
        self.stack.call(command)
    }
}
