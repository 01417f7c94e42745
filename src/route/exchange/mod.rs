//! One command, one node: make its service, drive it to readiness, call it.

mod unsent;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use self::unsent::{Step, Unsent};
use super::kept::Begun;
use super::make::MakeNode;
use super::waiting::Waiters;
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
    ///         ┌─ Unsent ────────────────────────────────────────┐
    ///         │          make-service ready    made             │ ready
    ///  Idle ──┼─> Starting ────────────> Making ────> Readying ─┼───────> Calling ──> reply
    ///   ^     │                             ^            ^      │           │ ^
    ///   │     └─────────────────────────────┼────────────┼──────┘           │ │
    ///   │                         begun by the call      kept, not ready    │ kept
    ///   │                                                                   │
    ///   └───────── finished, and the command was not sent ──────────────────┘
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
        /// Needs the node's service. In a box: rare where services are kept, and larger than a reply that is waited for.
        Unsent { unsent: Pin<Box<Unsent<C>>> },
        /// Waits for the reply. From here on the command may have been written.
        Calling { #[pin] reply: <C::Node as Service<Command>>::Future },
    }
}

/// How an exchange ended.
pub(super) enum Ended {
    Replied(Value),
    Failed(Error),
    /// The command, which was not sent, belongs to another node by now.
    Moved,
}

impl<C: MakeNode> State<C> {
    fn unsent(unsent: Unsent<C>) -> Self {
        let unsent = Box::pin(unsent);
        Self::Unsent { unsent }
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
    pub(super) fn to(addr: NodeAddr, command: Command) -> Self {
        Self::in_state(addr, command, State::Idle)
    }

    /// As [`to`](Exchange::to), begun on a make-service that its owner goes on to use.
    pub(super) fn making(addr: NodeAddr, command: Command, nodes: &mut C) -> Self {
        // Nobody has to be woken: whatever is not ready now is asked again by the first poll.
        let mut cx = Context::from_waker(Waker::noop());
        let unsent = match nodes.poll_make_ready(&mut cx) {
            Poll::Ready(Ok(())) => Unsent::Making {
                making: nodes.make_node(addr.clone()),
                waiting: None,
            },
            Poll::Pending => {
                // The one that was asked, since it may hold a place in a queue.
                let other = nodes.clone();
                let nodes = std::mem::replace(nodes, other);
                Unsent::Starting { nodes }
            }
            // Finished. A clone will say why.
            Poll::Ready(Err(_)) => {
                *nodes = nodes.clone();
                return Self::to(addr, command);
            }
        };
        Self::in_state(addr, command, State::unsent(unsent))
    }

    /// As [`to`](Exchange::to), begun on the node's service.
    pub(super) fn on_kept(addr: NodeAddr, command: Command, begun: Begun<C::Node>) -> Self {
        let state = match begun {
            Begun::Sent(reply) => State::Calling { reply },
            // Boxed anew with the rest: rare.
            Begun::NotReady(node) => State::unsent(Unsent::Readying {
                node: Some(*node),
                waiting: None,
            }),
        };
        Self::in_state(addr, command, state)
    }

    fn in_state(addr: NodeAddr, command: Command, state: State<C>) -> Self {
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
        match &self.state {
            State::Idle => true,
            State::Unsent { unsent } => !unsent.has_service(),
            State::Calling { .. } => false,
        }
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
        Error::not_sent(ErrorKind::Timeout, format!("{event} {when}")).with_delivery(delivery)
    }

    /// True once the command may have been written.
    fn is_sent(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    /// How it ended. Polled again after that, it must have been given a node to [go to](Exchange::go_to) in between.
    #[inline]
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sender: &impl Sender<C>,
    ) -> Poll<Ended> {
        loop {
            let ended = match self.as_mut().project().state.project() {
                StateProj::Calling { reply } => match ready!(reply.poll(cx)) {
                    Ok(reply) => return Poll::Ready(Ended::Replied(reply)),
                    Err(error) => self.as_mut().call_failed(error.into(), sender),
                },
                _ => ready!(self.as_mut().poll_called(cx, sender)),
            };
            if let Some(ended) = ended {
                return Poll::Ready(ended);
            }
        }
    }

    /// Takes the next step towards the call, unless the exchange ends before it.
    #[inline(never)]
    fn poll_called(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sender: &impl Sender<C>,
    ) -> Poll<Option<Ended>> {
        let mut this = self.as_mut().project();
        let next = match this.state.as_mut().project() {
            StateProj::Idle => State::unsent(Unsent::Starting {
                nodes: sender.nodes(),
            }),
            StateProj::Unsent { unsent } => {
                match ready!(unsent.as_mut().poll(cx, sender, this.command, this.addr)) {
                    Step::Sent(reply) => State::Calling { reply },
                    Step::Moved => {
                        this.state.set(State::Idle);
                        return Poll::Ready(Some(Ended::Moved));
                    }
                    Step::Failed { error, is_finished } => {
                        return Poll::Ready(self.not_sent(error, is_finished, sender));
                    }
                }
            }
            StateProj::Calling { .. } => return Poll::Ready(None),
        };
        this.state.set(next);
        Poll::Ready(None)
    }

    /// How the exchange ends since its call failed, unless it begins anew.
    #[cold]
    fn call_failed(
        self: Pin<&mut Self>,
        error: BoxError,
        sender: &impl Sender<C>,
    ) -> Option<Ended> {
        let error = Error::from(error);
        let is_closed = error.kind() == ErrorKind::Connection;
        let is_unsent = (is_closed || error.kind() == ErrorKind::Unavailable)
            && error.delivery() == Delivery::NotSent
            && (self.command.batch()).is_none_or(|batch| batch.forget_unsent());
        match is_unsent {
            true => self.not_sent(error, is_closed, sender),
            false => Some(Ended::Failed(error)),
        }
    }

    /// How the exchange ends since its command could not be sent, by a service that may be finished, unless it begins anew.
    #[cold]
    fn not_sent(
        self: Pin<&mut Self>,
        error: Error,
        is_finished: bool,
        sender: &impl Sender<C>,
    ) -> Option<Ended> {
        let mut this = self.project();
        let has_moved = has_moved(sender, this.command, this.addr);
        if !has_moved && (!is_finished || *this.remakes == MAX_REMAKES) {
            return Some(Ended::Failed(error));
        }
        this.state.set(State::Idle);
        if has_moved {
            return Some(Ended::Moved);
        }
        *this.remakes += 1;
        None
    }
}

fn has_moved<C: MakeNode>(
    sender: &impl Sender<C>,
    command: &Command,
    addr: &Option<NodeAddr>,
) -> bool {
    // `ASK` says where to go once, whatever the map says.
    let from = addr.as_ref().filter(|_| !command.is_asking());
    from.is_some_and(|from| sender.has_moved(command, from))
}
