//! A request of the application, as a future.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::Cluster;
use super::waiting::Waiting;
use crate::command::{Command, Name};
use crate::error::Error;
use crate::in_use::InUse;
use crate::value::{FromValue, Value};

pin_project! {
    /// The reply to a command, converted; an error reply is an error.
    #[must_use = "futures do nothing unless polled"]
    pub(super) struct Reply<'a, S: Service<Command>, T> {
        #[pin]
        request: Request<'a, S>,
        converts_to: PhantomData<fn() -> T>,
    }
}

impl<'a, S: Service<Command>, T> Reply<'a, S, T> {
    #[inline]
    pub(super) fn new(cluster: &'a Cluster<S>, command: Command) -> Self {
        Self {
            request: Request::new(cluster, command),
            converts_to: PhantomData,
        }
    }

    /// For a command that must not be sent.
    pub(super) fn refused(cluster: &'a Cluster<S>, error: Error) -> Self {
        let state = State::Refused { error: Some(error) };
        let name = None;
        Self {
            request: Request {
                cluster,
                name,
                state,
            },
            converts_to: PhantomData,
        }
    }
}

impl<S, T> Future for Reply<'_, S, T>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>> + Clone,
    T: FromValue,
{
    type Output = Result<T, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut request = self.project().request;
        let error = match ready!(request.as_mut().poll(cx)) {
            Ok(Value::Error(error)) => Error::server(error),
            Ok(value) => match T::from_value(value) {
                Ok(reply) => return Poll::Ready(Ok(reply)),
                Err(error) => Error::from(error),
            },
            Err(error) => error,
        };
        Poll::Ready(Err(match request.project().name {
            Some(name) => error.with_command(name.to_text()),
            None => error,
        }))
    }
}

pin_project! {
    /// One request and what the stack answers: error replies are values.
    ///
    /// ```text
    ///             ready at once
    ///  Unsent ──────────────────────> Sent ──> answer
    ///    │                             ^
    ///    └───> Waiting ────────────────┘
    ///             ready in time
    /// ```
    ///
    /// What must not be sent is `Refused` from the beginning.
    #[must_use = "futures do nothing unless polled"]
    pub(super) struct Request<'a, S: Service<Command>> {
        cluster: &'a Cluster<S>,
        // For the error message; none before it is sent.
        name: Option<Name>,
        #[pin]
        state: State<S, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        // Not polled yet.
        Unsent { command: Option<Command> },
        // The stack is not ready. In a box: it is rare, and has a timer.
        Waiting { waiting: Box<Waiting<S>> },
        // The stack was called.
        Sent { #[pin] answer: F },
        // Must not be sent; the error is taken by the first poll.
        Refused { error: Option<Error> },
    }
}

impl<'a, S: Service<Command>> Request<'a, S> {
    #[inline]
    pub(super) fn new(cluster: &'a Cluster<S>, command: Command) -> Self {
        // No more than that before it is polled: whoever awaits it moves it first, and what was not written yet needs
        // not be copied.
        Self {
            cluster,
            name: None,
            state: State::Unsent {
                command: Some(command),
            },
        }
    }
}

impl<S> Future for Request<'_, S>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>> + Clone,
{
    type Output = Result<Value, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            // Each answer is put where it belongs at once: it is large, and a copy more of it costs.
            match this.state.as_mut().project() {
                StateProj::Unsent { command } => {
                    let unsent = command
                        .as_mut()
                        .expect("polled after it was ready, or its call had panicked");
                    unsent.claim_batch();
                    *this.name = Some(Name::of(unsent));
                    let cluster = *this.cluster;
                    let mut kept = cluster.kept.try_lock();
                    // Unless one may be kept, a clone for each request, gone as soon as it was called: what a stack reserves
                    // for a request that it does not pass on, such as a place in a queue, must not outlast it.
                    let mut own = None;
                    let place = kept.as_deref_mut().unwrap_or(&mut own);
                    let mut stack = InUse::get_or_make(place, || cluster.service.clone());
                    let polled = stack.poll_ready(cx);
                    let command = command.take().expect("looked at above");
                    match polled {
                        Poll::Ready(Ok(())) => {
                            let answer = stack.call(command);
                            stack.leave();
                            this.state.set(State::Sent { answer });
                        }
                        Poll::Ready(Err(error)) => {
                            return Poll::Ready(Err(Error::from(error.into())));
                        }
                        Poll::Pending => {
                            let stack = stack.take();
                            let waiting = Waiting::new(stack, command, cluster.ready_timeout);
                            let waiting = Box::new(waiting);
                            this.state.set(State::Waiting { waiting });
                        }
                    }
                }
                StateProj::Waiting { waiting } => {
                    ready!(waiting.poll_ready(cx))?;
                    let answer = waiting.call();
                    this.state.set(State::Sent { answer });
                }
                StateProj::Sent { answer } => {
                    let answer = ready!(answer.poll(cx));
                    return Poll::Ready(answer.map_err(|error| {
                        this.cluster.kept.forget();
                        Error::from(error.into())
                    }));
                }
                StateProj::Refused { error } => {
                    let error = error.take().expect("polled after it was ready");
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}
