//! One command, one node: make its service, drive it to readiness, call it.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::make::MakeNode;
use crate::addr::NodeAddr;
use crate::command::Command;
use crate::error::{Delivery, Error, ErrorKind};
use crate::value::Value;

/// How often a service that turns out to be finished is made anew for one exchange. Once is the rule: a cached
/// connection was found closed. Twice, if its successor closes too. More would be a loop.
const MAX_REMAKES: u8 = 2;

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
    /// It is given the make-service when it needs one, which is rarely more than once.
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
        Making { #[pin] making: C::Making },
        /// Waits for the node's service to be ready: a bound on its load may be reached.
        Readying { node: C::Node },
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

    /// The reply. `nodes` gives a make-service that nobody else uses.
    ///
    /// Polled again after it was ready, it must have been given a node to [go to](Exchange::go_to) in between.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        nodes: impl Fn() -> C,
    ) -> Poll<Result<Value, Error>> {
        let mut this = self.project();
        loop {
            let finished = match this.state.as_mut().project() {
                StateProj::Idle => {
                    this.state.set(State::Starting { nodes: nodes() });
                    continue;
                }
                StateProj::Starting { nodes } => {
                    ready!(nodes.poll_make_ready(cx)).map_err(not_sent)?;
                    let addr = this.addr.clone().expect("polled with a node to go to");
                    let making = nodes.make_node(addr);
                    this.state.set(State::Making { making });
                    continue;
                }
                StateProj::Making { making } => {
                    let mut node = ready!(making.poll(cx)).map_err(not_sent)?;
                    // Nearly always it is ready at once, and need not be moved to where it can be waited for.
                    match node.poll_ready(cx) {
                        Poll::Ready(Ok(())) => {
                            let reply = node.call(this.command.clone());
                            this.state.set(State::Calling { reply });
                            continue;
                        }
                        Poll::Ready(Err(error)) => not_sent(error),
                        Poll::Pending => {
                            this.state.set(State::Readying { node });
                            return Poll::Pending;
                        }
                    }
                }
                StateProj::Readying { node } => match ready!(node.poll_ready(cx)) {
                    Ok(()) => {
                        let reply = node.call(this.command.clone());
                        this.state.set(State::Calling { reply });
                        continue;
                    }
                    Err(error) => not_sent(error),
                },
                StateProj::Calling { reply } => match ready!(reply.poll(cx)) {
                    Ok(reply) => return Poll::Ready(Ok(reply)),
                    Err(error) => {
                        let error = Error::from(error.into());
                        let is_unsent_by_closing = error.kind() == ErrorKind::Connection
                            && error.delivery() == Delivery::NotSent
                            && (this.command.batch()).is_none_or(|batch| batch.forget_unsent());
                        if !is_unsent_by_closing {
                            return Poll::Ready(Err(error));
                        }
                        error
                    }
                },
            };
            if *this.remakes == MAX_REMAKES {
                return Poll::Ready(Err(finished));
            }
            *this.remakes += 1;
            this.state.set(State::Idle);
        }
    }
}

/// An error from before the call: whatever the layer that made it thinks, the command was not sent.
fn not_sent(error: impl Into<BoxError>) -> Error {
    Error::from(error.into()).with_delivery(Delivery::NotSent)
}
