//! The future of [`InFlightLimit`](super::InFlightLimit).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::gate::{Place, Turn};
use crate::command::Command;
use crate::error::{Error, ErrorKind};

pin_project! {
    /// The response. Its place is free again when it is complete or dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its turn, the request was not passed on.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S>
    where
        S: Service<Command>,
    {
        #[pin]
        state: State<S, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F> {
        // Other callers took the places that were free when the service was ready.
        Waiting {
            turn: Turn,
            service: S,
            command: Option<Command>,
            was_polled: bool,
        },
        // Holds its place. The future is dropped before it.
        Running {
            #[pin]
            future: F,
            place: Option<Place>,
        },
        // Was called too late; the error is taken by the first poll.
        Refused { error: Option<Error> },
        // Gave its result; keeps no turn.
        Done,
    }
}

impl<S> ResponseFuture<S>
where
    S: Service<Command>,
{
    pub(super) fn running(future: S::Future, place: Place) -> Self {
        Self {
            state: State::Running {
                future,
                place: Some(place),
            },
        }
    }

    pub(super) fn refused(error: Error) -> Self {
        let state = State::Refused { error: Some(error) };
        Self { state }
    }

    pub(super) fn waiting(turn: Turn, service: S, command: Command) -> Self {
        Self {
            state: State::Waiting {
                turn,
                service,
                command: Some(command),
                was_polled: false,
            },
        }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Command>,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            if let StateProj::Running { future, place } = state.as_mut().project() {
                let result = ready!(future.poll(cx));
                drop(place.take());
                return Poll::Ready(result.map_err(Into::into));
            }
            ready!(state.as_mut().poll_called(cx))?;
        }
    }
}

impl<S> State<S, S::Future>
where
    S: Service<Command>,
{
    /// Waits for a place and calls the service.
    #[inline(never)]
    fn poll_called(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let error = match self.as_mut().project() {
            StateProj::Waiting {
                turn,
                service,
                command,
                was_polled,
            } => {
                if let Poll::Ready(place) = turn.poll_place(cx) {
                    let command = command.take().expect("taken only with a place");
                    let future = service.call(command);
                    let place = Some(place);
                    self.set(State::Running { future, place });
                    return Poll::Ready(Ok(()));
                }
                let is_first = !std::mem::replace(was_polled, true);
                let command = command.as_ref().expect("taken only with a place");
                if is_first || !is_overdue(command) {
                    return Poll::Pending;
                }
                let error = overdue(command);
                self.set(State::Done);
                error
            }
            StateProj::Running { .. } => return Poll::Ready(Ok(())),
            StateProj::Refused { error } => error.take().expect("polled after completion"),
            StateProj::Done => panic!("polled after completion"),
        };
        Poll::Ready(Err(error))
    }
}

impl<S> std::fmt::Debug for ResponseFuture<S>
where
    S: Service<Command>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let is_waiting = matches!(self.state, State::Waiting { .. });
        f.debug_struct("ResponseFuture")
            .field("is_waiting", &is_waiting)
            .finish_non_exhaustive()
    }
}

fn is_overdue(command: &Command) -> bool {
    command
        .deadline()
        .is_some_and(|deadline| deadline <= Instant::now())
}

fn overdue(command: &Command) -> Error {
    Error::not_sent(
        ErrorKind::Timeout,
        "the deadline passed while too many requests were in flight",
    )
    .with_command(command.name())
}
