//! The future of [`DialLimit`](super::DialLimit).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::queue::{Place, Turn};
use crate::addr::NodeAddr;
use crate::error::Error;

pin_project! {
    /// A connection, or why there is none.
    ///
    /// ```text
    ///             the bound            its turn
    ///  Refused <─────────── call ──┬───────────> Readying ──> Dialling ──> outcome
    ///             too many wait    └─> Waiting ────┘
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the queue, or ends the dial; its place goes to the next.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, if it has to wait.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<M>
    where
        M: Service<NodeAddr>,
    {
        #[pin]
        state: State<M, M::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<M, F> {
        // Others dial, or did too often.
        Waiting { turn: Turn, dial: Option<(M, NodeAddr)> },
        // The connector may be called as soon as it is ready.
        Readying { place: Option<Place>, dial: Option<(M, NodeAddr)> },
        // The future is dropped before its place.
        Dialling {
            #[pin]
            future: F,
            place: Option<Place>,
        },
        // Too many wait; the error is taken by the first poll.
        Refused { error: Option<Error> },
    }
}

impl<M> ResponseFuture<M>
where
    M: Service<NodeAddr>,
{
    pub(super) fn new(
        entered: Result<Result<Place, Turn>, Error>,
        make: M,
        addr: NodeAddr,
    ) -> Self {
        let dial = Some((make, addr));
        let state = match entered {
            Ok(Ok(place)) => State::Readying {
                place: Some(place),
                dial,
            },
            Ok(Err(turn)) => State::Waiting { turn, dial },
            Err(error) => State::Refused { error: Some(error) },
        };
        Self { state }
    }
}

impl<M> Future for ResponseFuture<M>
where
    M: Service<NodeAddr>,
    M::Error: Into<BoxError>,
{
    type Output = Result<M::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Waiting { turn, dial } => State::Readying {
                    place: Some(ready!(turn.poll_place(cx))?),
                    dial: dial.take(),
                },
                StateProj::Readying { place, dial } => {
                    let (make, addr) = dial.as_mut().expect("taken when it is called");
                    if let Err(error) = ready!(make.poll_ready(cx)) {
                        drop(place.take());
                        return Poll::Ready(Err(error.into()));
                    }
                    State::Dialling {
                        future: make.call(addr.clone()),
                        place: place.take(),
                    }
                }
                StateProj::Dialling { future, place } => {
                    let made = ready!(future.poll(cx));
                    drop(place.take());
                    return Poll::Ready(made.map_err(Into::into));
                }
                StateProj::Refused { error } => {
                    let error = error.take().expect("polled after it was ready");
                    return Poll::Ready(Err(error.into()));
                }
            };
            state.set(next);
        }
    }
}

impl<M> fmt::Debug for ResponseFuture<M>
where
    M: Service<NodeAddr>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_waiting = matches!(self.state, State::Waiting { .. });
        f.debug_struct("ResponseFuture")
            .field("is_waiting", &is_waiting)
            .finish_non_exhaustive()
    }
}
