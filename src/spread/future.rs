//! Futures of [`Spread`](super::Spread) and of the services it makes.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::{Others, SpreadNode};
use crate::addr::NodeAddr;
use crate::cache::Cached;
use crate::cache::future::{CachedFuture, ResponseFuture as Connected};
use crate::command::Command;
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;

/// The future of [`Spread`](super::Spread): a node with its first connection made, or why there is none.
///
/// # Cancel safety
///
/// That of the [connection cache](crate::cache::future::ResponseFuture)'s.
#[must_use = "futures do nothing unless polled"]
pub struct MakeFuture<M: Service<NodeAddr>> {
    making: Connected<M::Response>,
    others: Option<Arc<Others<M>>>,
}

impl<M: Service<NodeAddr>> MakeFuture<M> {
    pub(super) fn new(making: Connected<M::Response>, others: Option<Arc<Others<M>>>) -> Self {
        Self { making, others }
    }
}

impl<M> Future for MakeFuture<M>
where
    M: Service<NodeAddr, Response: Clone>,
{
    type Output = Result<SpreadNode<M>, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let first = ready!(Pin::new(&mut self.making).poll(cx))?;
        let others = self.others.take();
        Poll::Ready(Ok(SpreadNode { first, others }))
    }
}

impl<M: Service<NodeAddr>> fmt::Debug for MakeFuture<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MakeFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`SpreadNode`].
    ///
    /// # Cancel safety
    ///
    /// That of the connection. A command that waits for its connection's readiness was not sent.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S: Service<Command>> {
        #[pin]
        state: State<S>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S: Service<Command>> {
        // The connection has it.
        Sent { #[pin] reply: CachedFuture<S::Future> },
        // The connection is not ready for it. Boxed: rare, and about to wait.
        Waiting { waiting: Box<Waiting<S>> },
        // Must not be sent, or cannot be.
        Refused { error: Option<Error> },
    }
}

struct Waiting<S> {
    node: Cached<S>,
    command: Command,
}

impl<S: Service<Command>> ResponseFuture<S> {
    pub(super) fn sent(reply: CachedFuture<S::Future>) -> Self {
        let state = State::Sent { reply };
        Self { state }
    }

    pub(super) fn waiting(node: Cached<S>, command: Command) -> Self {
        let waiting = Box::new(Waiting { node, command });
        let state = State::Waiting { waiting };
        Self { state }
    }

    pub(super) fn refused(error: Error) -> Self {
        let state = State::Refused { error: Some(error) };
        Self { state }
    }
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>>,
{
    type Output = Result<Value, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        if let StateProj::Sent { reply } = state.as_mut().project() {
            return reply.poll(cx);
        }
        state.poll_unsent(cx)
    }
}

impl<S> State<S>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>>,
{
    /// Not in line: what is sent at once, as nearly everything is, is not to pay for it.
    #[inline(never)]
    fn poll_unsent(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Value, Error>> {
        loop {
            let reply = match self.as_mut().project() {
                StateProj::Sent { reply } => return reply.poll(cx),
                StateProj::Waiting { waiting } => ready!(waiting.poll_sent(cx))?,
                StateProj::Refused { error } => {
                    return Poll::Ready(Err(error.take().expect("polled after it was ready")));
                }
            };
            self.set(State::Sent { reply });
        }
    }
}

impl<S> Waiting<S>
where
    S: Service<Command, Error: Into<BoxError>>,
{
    /// Sends the command as soon as its connection is ready, unless that is too late.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<CachedFuture<S::Future>, Error>> {
        if self.node.poll_ready(cx)?.is_ready() {
            return Poll::Ready(Ok(self.node.call(self.command.clone())));
        }
        match self.command.deadline() {
            Some(deadline) if Instant::now() >= deadline => Poll::Ready(Err(Error::not_sent(
                ErrorKind::Timeout,
                "the deadline passed before the connection was ready for the command",
            )
            .with_delivery(Delivery::NotSent))),
            _ => Poll::Pending,
        }
    }
}

impl<S: Service<Command>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
