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
        loop {
            let this = self.as_mut().project();
            let ended = match this.state.project() {
                StateProj::Called { reply } => {
                    let result = ready!(reply.poll(cx));
                    let Some(command) = this.command else {
                        return Poll::Ready(result);
                    };
                    if this.policy.is_none() && is_plain_success(command, &result) {
                        this.shared.policy.deposit();
                        return Poll::Ready(result);
                    }
                    self.as_mut().judge(result)
                }
                _ => ready!(self.as_mut().poll_called(cx)),
            };
            if let Some(result) = ended {
                return Poll::Ready(result);
            }
        }
    }
}

/// What an attempt came to, if that is the outcome; otherwise there will be another.
type Judged<S> = Option<Result<Value, <S as Service<Command>>::Error>>;

impl<S> ResponseFuture<S>
where
    S: Service<Command, Response = Value, Error: Failure> + Clone,
{
    /// Has the policy judge an attempt.
    #[inline(never)]
    fn judge(self: Pin<&mut Self>, mut result: Result<Value, S::Error>) -> Judged<S> {
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

    /// Takes the next step towards another attempt, unless there is to be none.
    #[inline(never)]
    fn poll_called(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Judged<S>> {
        let mut this = self.project();
        let next = match this.state.as_mut().project() {
            StateProj::Called { .. } => return Poll::Ready(None),
            StateProj::Waiting { pause, outcome } => {
                ready!(Pin::new(&mut *pause).poll(cx));
                if pause.is_refused()
                    && let (Some(command), Some(policy)) = (&*this.command, this.policy.as_mut())
                    && let Some(mut outcome) = outcome.take()
                {
                    policy.give_up(command, &mut outcome);
                    return Poll::Ready(Some(*outcome));
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
                    return Poll::Ready(Some(result));
                }
                let command = this.command.clone().expect("kept for retries");
                let reply = service.call(command);
                State::Called { reply }
            }
        };
        this.state.set(next);
        Poll::Ready(None)
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
