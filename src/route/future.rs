//! The future of [`Route`](super::Route).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::exchange::Exchange;
use super::make::MakeNode;
use super::shared::{Handle, Refreshed};
use crate::addr::NodeAddr;
use crate::command::{Command, Slot, Target};
use crate::error::{Delivery, Error, ErrorKind};
use crate::topology::{Redirect, RedirectKind};
use crate::trace;
use crate::value::{ServerError, Value};

pin_project! {
    /// The way of one command through the cluster.
    ///
    /// ```text
    ///   keys in different slots           no node known
    ///  Failed <────────────────── call ──────────────────> Waiting
    ///                              │                        │  ^
    ///                   node known │    ┌───────────────────┘  │ MOVED to where
    ///                              v    v  refreshed           │ it comes from
    ///            reply <────────── Exchanging ─────────────────┘
    ///                                │    ^
    ///                                └────┘ MOVED, ASK
    /// ```
    ///
    /// It holds on to the task that keeps the topology, so that a wait for it always ends.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<C: MakeNode> {
        handle: Arc<Handle>,
        #[pin]
        exchange: Exchange<C>,
        state: State,
        slot: Option<Slot>,
        redirects: usize,
        was_polled: bool,
    }
}

enum State {
    /// The command cannot be sent as it is; the error is taken by the first poll.
    Failed { error: Option<Error> },
    /// Waits for the outcome of a refresh. Boxed: rare, and far slower than an allocation.
    Waiting {
        refreshed: Refreshed,
        why: &'static str,
    },
    /// Talks to a node.
    Exchanging,
}

impl<C: MakeNode> ResponseFuture<C> {
    pub(super) fn new(handle: Arc<Handle>, nodes: C, command: Command) -> Self {
        let mut this = Self {
            handle,
            exchange: Exchange::new(nodes, command),
            state: State::Exchanging,
            slot: None,
            redirects: 0,
            was_polled: false,
        };
        match this.locate_first() {
            Ok(Some(addr)) => this.exchange = this.exchange.with_addr(addr),
            Ok(None) => {
                let why = match this.handle.shared().current().is_known() {
                    true => "the deadline passed while the topology was being refreshed",
                    false => "the deadline passed while the topology was being discovered",
                };
                let refreshed = this.handle.missing(this.exchange.nodes());
                this.state = State::Waiting { refreshed, why };
            }
            Err(error) => this.state = State::Failed { error: Some(error) },
        }
        this
    }

    /// The node to go to at first, if one is known.
    fn locate_first(&mut self) -> Result<Option<NodeAddr>, Error> {
        self.slot = match self.exchange.command().explicit_target() {
            None => self.exchange.command().slot_for_routing()?,
            Some(Target::Slot(slot)) => Some(*slot),
            Some(Target::AnyPrimary) => None,
            Some(Target::Node(addr)) => return Ok(Some(addr.clone())),
        };
        let shared = self.handle.shared();
        let addr = shared.current().locate(self.slot);
        if addr.is_none() {
            shared.config().seeds()?;
        }
        Ok(addr)
    }

    fn poll_inner(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Value, Error>> {
        loop {
            let mut this = self.as_mut().project();
            match this.state {
                State::Failed { error } => {
                    let error = error.take().expect("polled after it was ready");
                    return Poll::Ready(Err(error));
                }
                State::Waiting { refreshed, .. } => {
                    let outcome = ready!(refreshed.as_mut().poll(cx));
                    match this.handle.shared().current().locate(*this.slot) {
                        Some(addr) => this.exchange.go_to(addr, false),
                        None => return Poll::Ready(Err(unserved(outcome))),
                    }
                    *this.state = State::Exchanging;
                }
                State::Exchanging => {
                    let reply = ready!(this.exchange.as_mut().poll(cx))?;
                    let Value::Error(error) = &reply else {
                        return Poll::Ready(Ok(reply));
                    };
                    if let Some(redirect) = self.redirect(error) {
                        let redirect = redirect.inspect_err(|_| self.trigger())?;
                        self.as_mut().follow(redirect)?;
                        continue;
                    }
                    // cluster spec: the map is stale, or the cluster is about to change.
                    if let "READONLY" | "CLUSTERDOWN" | "MASTERDOWN" = error.code() {
                        self.trigger();
                    }
                    return Poll::Ready(Ok(reply));
                }
            }
        }
    }

    /// The redirect that an error reply is.
    fn redirect(&self, error: &ServerError) -> Option<Result<Redirect, Error>> {
        if let Some(Target::Node(_)) = self.exchange.command().explicit_target() {
            // The application chose the node: what it answers is what was asked for.
            return None;
        }
        let from = self.exchange.addr()?;
        let map = &self.handle.shared().config().addr_map;
        Redirect::read(error, &map.answered_by(from))
    }

    /// Sets out for the node that a redirect names.
    fn follow(self: Pin<&mut Self>, redirect: Redirect) -> Result<(), Error> {
        let shared = Arc::clone(self.handle.shared());
        let from = self.exchange.addr().expect("a node has answered").clone();
        if self.redirects == shared.config().max_redirects {
            self.trigger();
            return Err(Error::new(
                ErrorKind::TooManyRedirects,
                format!(
                    "redirected more than {} times, at last by {from}: {redirect}",
                    self.redirects
                ),
            )
            .with_delivery(Delivery::NotApplied));
        }
        tracing::debug!(
            server.address = from.server_address(),
            server.port = from.server_port(),
            redirect = %redirect,
            "following a redirect"
        );

        let kind = redirect.kind();
        let is_stale = match kind {
            RedirectKind::Moved => {
                shared.config().counters.redirects_moved().increment();
                shared.current().moved(&redirect, &from)
            }
            RedirectKind::Ask => {
                shared.config().counters.redirects_ask().increment();
                shared.current().asked(redirect.addr());
                false
            }
        };
        if is_stale {
            self.trigger();
        }

        let this = self.project();
        *this.redirects += 1;
        this.slot.get_or_insert(redirect.slot());
        if kind == RedirectKind::Moved && *redirect.addr() == from {
            // Whoever answered there is not who the cluster means: its host name may have a new address. Asked at
            // once it would say the same again.
            shared.current().renew(&from);
            let refreshed = this.handle.refresh(this.exchange.nodes());
            let why = "the deadline passed while the topology was being refreshed, for the node had answered MOVED \
                       to itself";
            *this.state = State::Waiting { refreshed, why };
        } else {
            this.exchange
                .go_to(redirect.into_addr(), kind == RedirectKind::Ask);
        }
        Ok(())
    }

    fn trigger(&self) {
        self.handle.trigger(self.exchange.nodes());
    }

    /// The error for a deadline that has passed.
    fn timed_out(&self) -> Error {
        let (message, delivery) = match &self.state {
            State::Waiting { why, .. } => (*why, Delivery::NotSent),
            _ if self.exchange.is_connecting() => (
                "the deadline passed before there was a connection",
                Delivery::NotSent,
            ),
            _ if !self.exchange.is_sent() => (
                "the deadline passed before the node was ready for the command",
                Delivery::NotSent,
            ),
            _ => ("the deadline passed before the reply", Delivery::Unknown),
        };
        Error::new(ErrorKind::Timeout, message).with_delivery(delivery)
    }

    /// Takes note of a failure for the topology's sake, and says in the error where it happened.
    fn failed(&self, error: Error) -> Error {
        let is_exchange = matches!(self.state, State::Exchanging);
        if is_exchange && (self.exchange.is_connecting() || error.is_connection()) {
            self.trigger();
        } else if is_exchange && error.is_timeout() {
            self.handle.timed_out(self.exchange.nodes());
        }

        let mut error = error.with_command(self.exchange.command().name());
        if let Some(slot) = self.slot {
            error = error.with_slot(slot);
        }
        if let Some(addr) = self.exchange.addr() {
            error = error.with_node(addr.clone());
        }
        if self.redirects > 0 && error.delivery() == Delivery::NotSent {
            // An earlier node has seen the command, and refused it.
            error = error.with_delivery(Delivery::NotApplied);
        }
        error
    }
}

/// The error when no node is known even after a refresh, with its outcome.
fn unserved(outcome: Result<(), Error>) -> Error {
    match outcome {
        Ok(()) => Error::new(ErrorKind::Topology, "no known node serves the slot"),
        Err(error) => error,
    }
}

impl<C: MakeNode> Future for ResponseFuture<C> {
    type Output = Result<Value, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.as_mut().poll_inner(cx) {
            Poll::Ready(Ok(reply)) => {
                if let Some(addr) = self.exchange.addr() {
                    trace::answered_by(addr);
                }
                Poll::Ready(Ok(reply))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.failed(error))),
            Poll::Pending => {
                // The timer is with the timeout layer, which polls once more when it fires.
                let was_polled = std::mem::replace(self.as_mut().project().was_polled, true);
                let deadline = self.exchange.command().deadline();
                if was_polled && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                    return Poll::Ready(Err(self.failed(self.timed_out())));
                }
                Poll::Pending
            }
        }
    }
}

impl<C: MakeNode> fmt::Debug for ResponseFuture<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("command", self.exchange.command())
            .field("node", &self.exchange.addr())
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}
