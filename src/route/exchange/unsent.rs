//! What comes before the call: the make-service, the node's service, and its readiness.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::{BoxError, Service};

use super::Sender;
use crate::addr::NodeAddr;
use crate::command::Command;
use crate::error::{Delivery, Error};
use crate::route::make::MakeNode;
use crate::route::waiting::Waiting;

pin_project! {
    /// What an exchange needs before the call.
    #[project = UnsentProj]
    pub(super) enum Unsent<C: MakeNode> {
        /// Waits for the make-service to be ready.
        Starting { nodes: C },
        /// Waits for the node's service, which may mean dialling.
        Making { #[pin] making: C::Making, waiting: Option<Waiting> },
        /// Waits for the node's service to be ready: a bound on its load may be reached, or it does not answer. `None` while
        /// it is asked.
        Readying { node: Option<C::Node>, waiting: Option<Waiting> },
    }
}

/// What became of a command that was not sent.
pub(super) enum Step<C: MakeNode> {
    Sent(<C::Node as Service<Command>>::Future),
    /// It belongs to another node.
    Moved,
    /// What was to take it cannot; if that is the node's service, another one may be made.
    Failed {
        error: Error,
        is_finished: bool,
    },
}

impl<C: MakeNode> Unsent<C> {
    /// True if only the node's service is waited for.
    pub(super) fn has_service(&self) -> bool {
        matches!(self, Self::Readying { .. })
    }

    #[inline(never)]
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        sender: &impl Sender<C>,
        command: &Command,
        addr: &Option<NodeAddr>,
    ) -> Poll<Step<C>> {
        let addr = addr.as_ref().expect("polled with a node to go to");
        let failed = |error: BoxError, is_finished| {
            let error = not_sent(error);
            Poll::Ready(Step::Failed { error, is_finished })
        };
        loop {
            let waiting = match self.as_mut().project() {
                UnsentProj::Starting { nodes } => {
                    if let Err(error) = ready!(nodes.poll_make_ready(cx)) {
                        return failed(error.into(), false);
                    }
                    let making = nodes.make_node(addr.clone());
                    let waiting = None;
                    self.set(Self::Making { making, waiting });
                    continue;
                }
                UnsentProj::Making { making, waiting } => match making.poll(cx) {
                    Poll::Ready(Ok(node)) => {
                        let node = Some(node);
                        let waiting = waiting.take();
                        self.set(Self::Readying { node, waiting });
                        continue;
                    }
                    Poll::Ready(Err(error)) => return failed(error.into(), false),
                    Poll::Pending => waiting,
                },
                UnsentProj::Readying { node, waiting } => {
                    let mut ready = node.take().expect("polled after it was sent");
                    match ready.poll_ready(cx) {
                        Poll::Ready(Ok(())) => {
                            let reply = ready.call(command.clone());
                            sender.keep(addr, ready);
                            return Poll::Ready(Step::Sent(reply));
                        }
                        Poll::Ready(Err(error)) => return failed(error.into(), true),
                        Poll::Pending => {
                            *node = Some(ready);
                            waiting
                        }
                    }
                }
            };
            return match register(waiting, cx, sender, command, addr) {
                true => Poll::Ready(Step::Moved),
                false => Poll::Pending,
            };
        }
    }
}

/// Waits to be woken when the map changes. True if the command belongs elsewhere already.
fn register<C: MakeNode>(
    waiting: &mut Option<Waiting>,
    cx: &Context<'_>,
    sender: &impl Sender<C>,
    command: &Command,
    addr: &NodeAddr,
) -> bool {
    let Some(waiters) = sender.waiters() else {
        return false;
    };
    match waiting {
        Some(waiting) => waiting.renew(cx),
        None => *waiting = Some(Waiting::new(waiters, cx)),
    }
    // Asked after that, so that no change is missed.
    !command.is_asking() && sender.has_moved(command, addr)
}

/// An error from before the call: whatever the layer that made it thinks, the command was not sent.
fn not_sent(error: impl Into<BoxError>) -> Error {
    Error::from(error.into()).with_delivery(Delivery::NotSent)
}
