//! One command, one node: make its service, drive it to readiness, call it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::make::MakeNode;
use super::near::Begun;
use super::waiting::{Waiters, Waiting};
use crate::addr::NodeAddr;
use crate::command::Command;
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;

/// How often a service that turns out to be finished is made anew for one exchange. Once is the rule: a cached
/// connection was found closed. Twice, if its successor closes too. More would be a loop.
const MAX_REMAKES: u8 = 2;

/// Whose exchange it is: what it asks for when not all goes well at once.
pub(super) trait Sender<C: MakeNode> {
    /// A make-service that nobody else uses.
    fn nodes(&self) -> C;

    /// True if by the map the command, which was not sent, belongs to another node than this one now.
    fn has_moved(&self, command: &Command, from: &NodeAddr) -> bool;

    /// Where to wait for that, if it can be.
    fn waiters(&self) -> Option<&Arc<Waiters>>;

    /// Is given the node's service after it was used.
    fn keep(&self, _addr: &NodeAddr, node: C::Node) {
        drop(node);
    }
}

pin_project! {
    /// One command's way to one node and back, reusable for the next node.
    ///
    /// ```text
    ///              make-service ready        made             ready
    ///  Starting ───────────────────> Making ──────> Readying ──────> Calling ──> reply
    ///     ^                                            │                │
    ///     └──── finished, the command was not sent ────┴────────────────┘
    /// ```
    ///
    /// Before it begins anew or gives up, and while it waits for the node, it asks whether the command belongs to
    /// another one by now; if so, it ends without a reply.
    pub(super) struct Exchange<C: MakeNode> {
        command: Command,
        addr: Option<NodeAddr>,
        remakes: u8,
        #[pin]
        state: State<C>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<C: MakeNode> {
        /// Needs a make-service.
        Idle,
        /// Waits for the make-service to be ready.
        Starting { nodes: C },
        /// Waits for the node's service, which may mean dialling.
        Making { #[pin] making: C::Making, waiting: Option<Waiting> },
        /// Waits for the node's service to be ready: a bound on its load may be reached, or it does not answer.
        Readying { node: C::Node, waiting: Option<Waiting> },
        /// Waits for the reply. From here on the command may have been written.
        Calling { #[pin] reply: <C::Node as Service<Command>>::Future },
    }
}

impl<C: MakeNode> Exchange<C> {
    /// An exchange that does not know its node yet; see [`go_to`](Exchange::go_to).
    pub(super) fn new(command: Command) -> Self {
        Self {
            command,
            addr: None,
            remakes: 0,
            state: State::Idle,
        }
    }

    /// An exchange with this node.
    pub(super) fn with(addr: NodeAddr, command: Command) -> Self {
        Self {
            addr: Some(addr),
            ..Self::new(command)
        }
    }

    /// As [`with`](Exchange::with), begun on a make-service that its owner goes on to use.
    pub(super) fn begun(addr: NodeAddr, command: Command, nodes: &mut C) -> Self {
        // Nobody has to be woken: whatever is not ready now is asked again by the first poll.
        let mut cx = Context::from_waker(Waker::noop());
        let state = match nodes.poll_make_ready(&mut cx) {
            Poll::Ready(Ok(())) => State::Making {
                making: nodes.make_node(addr.clone()),
                waiting: None,
            },
            Poll::Pending => {
                // The one that was asked, since it may hold a place in a queue.
                let other = nodes.clone();
                State::Starting {
                    nodes: std::mem::replace(nodes, other),
                }
            }
            // Finished. A clone will say why.
            Poll::Ready(Err(_)) => {
                *nodes = nodes.clone();
                State::Idle
            }
        };
        Self {
            command,
            addr: Some(addr),
            remakes: 0,
            state,
        }
    }

    /// An exchange for which the node's service was found.
    pub(super) fn resumed(addr: NodeAddr, command: Command, begun: Begun<C::Node>) -> Self {
        let state = match begun {
            Begun::Sent(reply) => State::Calling { reply },
            Begun::NotReady(node) => State::Readying {
                node,
                waiting: None,
            },
        };
        Self {
            command,
            addr: Some(addr),
            remakes: 0,
            state,
        }
    }

    /// Gives up. A command that was not written will not be.
    pub(super) fn cancel(self: Pin<&mut Self>) {
        self.project().state.set(State::Idle);
    }

    /// Starts anew with this node; with `asking`, behind an `ASKING`.
    pub(super) fn go_to(self: Pin<&mut Self>, addr: NodeAddr, asking: bool) {
        let mut this = self.project();
        this.command.set_asking(asking);
        *this.addr = Some(addr);
        *this.remakes = 0;
        this.state.set(State::Idle);
    }

    pub(super) fn command(&self) -> &Command {
        &self.command
    }

    /// The node of the last exchange.
    pub(super) fn addr(&self) -> Option<&NodeAddr> {
        self.addr.as_ref()
    }

    /// True while there is no service for the node, so that a failure or a delay is one of reaching it.
    pub(super) fn is_connecting(&self) -> bool {
        matches!(
            self.state,
            State::Idle | State::Starting { .. } | State::Making { .. }
        )
    }

    /// The error of an exchange that ends before the reply because of `event`, such as "the deadline passed".
    pub(super) fn ended_by(&self, event: &str) -> Error {
        let (when, delivery) = if self.is_connecting() {
            ("before there was a connection", Delivery::NotSent)
        } else if self.is_sent() {
            ("before the reply", Delivery::Unknown)
        } else {
            (
                "before the node was ready for the command",
                Delivery::NotSent,
            )
        };
        Error::new(ErrorKind::Timeout, format!("{event} {when}")).with_delivery(delivery)
    }

    /// True once the command may have been written.
    fn is_sent(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    /// The reply; or `None` if the command, which was not sent, belongs to another node by now.
    ///
    /// Polled again after it was ready, it must have been given a node to [go to](Exchange::go_to) in between.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sender: &impl Sender<C>,
    ) -> Poll<Option<Result<Value, Error>>> {
        let mut this = self.project();
        loop {
            // An error that ends the exchange unless the command belongs elsewhere, and whether it may begin anew.
            let (error, is_finished) = match this.state.as_mut().project() {
                StateProj::Idle => {
                    let nodes = sender.nodes();
                    this.state.set(State::Starting { nodes });
                    continue;
                }
                StateProj::Starting { nodes } => {
                    if let Err(error) = ready!(nodes.poll_make_ready(cx)) {
                        return Poll::Ready(Some(Err(not_sent(error))));
                    }
                    let addr = this.addr.clone().expect("polled with a node to go to");
                    let making = nodes.make_node(addr);
                    let waiting = None;
                    this.state.set(State::Making { making, waiting });
                    continue;
                }
                StateProj::Making { making, waiting } => match making.poll(cx) {
                    // Nearly always it is ready at once, and need not be moved to where it can be waited for.
                    Poll::Ready(Ok(mut node)) => match node.poll_ready(cx) {
                        Poll::Ready(Ok(())) => {
                            let reply = node.call(this.command.clone());
                            if let Some(addr) = this.addr {
                                sender.keep(addr, node);
                            }
                            this.state.set(State::Calling { reply });
                            continue;
                        }
                        Poll::Ready(Err(error)) => (not_sent(error), true),
                        Poll::Pending => {
                            let mut waiting = waiting.take();
                            let has_moved = wait(&mut waiting, cx, sender, this.command, this.addr);
                            this.state.set(State::Readying { node, waiting });
                            if !has_moved {
                                return Poll::Pending;
                            }
                            this.state.set(State::Idle);
                            return Poll::Ready(None);
                        }
                    },
                    Poll::Ready(Err(error)) => (not_sent(error), false),
                    Poll::Pending => {
                        if !wait(waiting, cx, sender, this.command, this.addr) {
                            return Poll::Pending;
                        }
                        this.state.set(State::Idle);
                        return Poll::Ready(None);
                    }
                },
                StateProj::Readying { node, waiting } => match node.poll_ready(cx) {
                    Poll::Ready(Ok(())) => {
                        let reply = node.call(this.command.clone());
                        this.state.set(State::Calling { reply });
                        continue;
                    }
                    Poll::Ready(Err(error)) => (not_sent(error), true),
                    Poll::Pending => {
                        if !wait(waiting, cx, sender, this.command, this.addr) {
                            return Poll::Pending;
                        }
                        this.state.set(State::Idle);
                        return Poll::Ready(None);
                    }
                },
                StateProj::Calling { reply } => match ready!(reply.poll(cx)) {
                    Ok(reply) => return Poll::Ready(Some(Ok(reply))),
                    Err(error) => {
                        let error = Error::from(error.into());
                        let is_closed = error.kind() == ErrorKind::Connection;
                        let is_unsent = (is_closed || error.kind() == ErrorKind::Unavailable)
                            && error.delivery() == Delivery::NotSent
                            && (this.command.batch()).is_none_or(|batch| batch.forget_unsent());
                        if !is_unsent {
                            return Poll::Ready(Some(Err(error)));
                        }
                        (error, is_closed)
                    }
                },
            };
            if has_moved(sender, this.command, this.addr) {
                this.state.set(State::Idle);
                return Poll::Ready(None);
            }
            if !is_finished || *this.remakes == MAX_REMAKES {
                return Poll::Ready(Some(Err(error)));
            }
            *this.remakes += 1;
            this.state.set(State::Idle);
        }
    }
}

/// Waits to be woken when the map changes. True if the command belongs elsewhere already.
fn wait<C: MakeNode>(
    waiting: &mut Option<Waiting>,
    cx: &Context<'_>,
    sender: &impl Sender<C>,
    command: &Command,
    addr: &Option<NodeAddr>,
) -> bool {
    let Some(waiters) = sender.waiters() else {
        return false;
    };
    match waiting {
        Some(waiting) => waiting.renew(cx),
        None => *waiting = Some(Waiting::new(waiters, cx)),
    }
    // Asked after that, so that no change is missed.
    has_moved(sender, command, addr)
}

fn has_moved<C: MakeNode>(sender: &impl Sender<C>, command: &Command, addr: &Option<NodeAddr>) -> bool {
    // `ASK` says where to go once, whatever the map says.
    let from = addr.as_ref().filter(|_| !command.is_asking());
    from.is_some_and(|from| sender.has_moved(command, from))
}

/// An error from before the call: whatever the layer that made it thinks, the command was not sent.
fn not_sent(error: impl Into<BoxError>) -> Error {
    Error::from(error.into()).with_delivery(Delivery::NotSent)
}
