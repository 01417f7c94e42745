//! The future of [`Retry`](super::Retry).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::Service;
use tower::retry::Policy;

use super::backoff::Backoff;
use super::failure::Failure;
use super::{RetryPolicy, Shared};
use crate::command::Command;
use crate::value::Value;

pin_project! {
    /// The outcome of the last attempt.
    ///
    /// ```text
    ///                    it may be sent again
    ///  outcome <── Called ──────────────────> Waiting
    ///                ^                           │ the pause is over
    ///                └─────────── Readying <─────┘
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the attempt under way, and makes no other.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S: Service<Command>> {
        shared: Arc<Shared<S>>,
        // None if nothing is ever retried.
        command: Option<Command>,
        // What became of the attempts so far. In a box, since nearly every request is done with its first.
        policy: Option<Box<RetryPolicy>>,
        #[pin]
        state: State<S, S::Future, S::Error>,
    }
}

/// What a request, or one of its attempts, came to.
type Outcome<S> = Result<Value, <S as Service<Command>>::Error>;

pin_project! {
    #[project = StateProj]
    enum State<S, F, E> {
        // An attempt is under way.
        Called { #[pin] reply: F },
        // The pause before the next, and what the last one came to.
        Waiting { pause: Backoff, outcome: Option<Box<Result<Value, E>>> },
        // The service for the next attempt is not ready yet.
        Readying { service: S },
    }
}

impl<S: Service<Command>> ResponseFuture<S> {
    pub(super) fn new(reply: S::Future, shared: Arc<Shared<S>>, command: Option<Command>) -> Self {
        Self {
            shared,
            command,
            policy: None,
            state: State::Called { reply },
        }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Command, Response = Value, Error: Failure> + Clone,
{
    type Output = Result<Value, S::Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        if this.policy.is_none()
            && let StateProj::Called { reply } = this.state.project()
        {
            let result = ready!(reply.poll(cx));
            let Some(command) = this.command else {
                return Poll::Ready(result);
            };
            if is_plain_success(command, &result) {
                this.shared.policy.deposit();
                return Poll::Ready(result);
            }
            if let Some(result) = self.as_mut().judge(result) {
                return Poll::Ready(result);
            }
        }
        self.poll_again(cx)
    }
}

impl<S> ResponseFuture<S>
where
    S: Service<Command, Response = Value, Error: Failure> + Clone,
{
    /// Has the policy judge what an attempt came to: that is the outcome, or there is a pause now and then another attempt.
    #[inline(never)]
    fn judge(self: Pin<&mut Self>, mut result: Outcome<S>) -> Option<Outcome<S>> {
        let mut this = self.project();
        let Some(command) = this.command else {
            return Some(result);
        };
        let policy = this
            .policy
            .get_or_insert_with(|| Box::new(this.shared.policy.clone()));
        let Some(pause) = policy.retry(command, &mut result) else {
            return Some(result);
        };
        let outcome = Some(Box::new(result));
        this.state.set(State::Waiting { pause, outcome });
        None
    }

    /// What comes after the first attempt. Not in line: most requests have no other.
    #[inline(never)]
    fn poll_again(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<S>> {
        loop {
            let mut this = self.as_mut().project();
            let next = match this.state.as_mut().project() {
                StateProj::Called { reply } => {
                    let result = ready!(reply.poll(cx));
                    match self.as_mut().judge(result) {
                        Some(result) => return Poll::Ready(result),
                        None => continue,
                    }
                }
                StateProj::Waiting { pause, outcome } => {
                    ready!(Pin::new(&mut *pause).poll(cx));
                    if pause.is_refused()
                        && let (Some(command), Some(policy)) =
                            (&*this.command, this.policy.as_mut())
                        && let Some(mut outcome) = outcome.take()
                    {
                        policy.give_up(command, &mut outcome);
                        return Poll::Ready(*outcome);
                    }
                    let service = this.shared.service.lock().clone();
                    State::Readying { service }
                }
                StateProj::Readying { service } => {
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        let mut result = Err(error);
                        if let (Some(command), Some(policy)) = (&*this.command, this.policy) {
                            policy.conclude(command, &mut result);
                        }
                        return Poll::Ready(result);
                    }
                    let command = this.command.clone().expect("kept for retries");
                    State::Called {
                        reply: service.call(command),
                    }
                }
            };
            this.state.set(next);
        }
    }
}

/// True if there is nothing to judge: nearly always.
fn is_plain_success<E>(command: &Command, result: &Result<Value, E>) -> bool {
    matches!(result, Ok(reply) if !matches!(reply, Value::Error(_))) && command.batch().is_none()
}

impl<S: Service<Command>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}
