//! What the parts of a pipeline wait for: an exchange with a node, or a refresh.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::groups::Member;
use crate::addr::NodeAddr;
use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::route::exchange::{Ended, Exchange, Sender};
use crate::route::make::MakeNode;
use crate::route::shared::{Handle, Refreshed};
use crate::route::waiting::Waiters;
use crate::value::Value;

pin_project! {
    /// What some of the parts wait for. There are none once it is over.
    #[project = JobProj]
    pub(super) enum Job<C: MakeNode> {
        /// The replies of one node to one unit.
        Exchange { #[pin] exchange: Exchange<C>, handle: Arc<Handle<C>>, members: Vec<Member> },
        /// A refresh that may tell where to send them.
        Refresh { refreshed: Refreshed, during: Cow<'static, str>, parts: Vec<usize> },
    }
}

/// How a [`Job`] ended.
pub(super) enum Done {
    Exchanged(Exchanged),
    /// Nothing was sent to this node, and by the map some of the parts belong to another one now.
    Moved {
        addr: NodeAddr,
        members: Vec<Member>,
    },
    /// With the outcome of the refresh.
    Refreshed {
        parts: Vec<usize>,
        outcome: Result<(), Error>,
    },
    /// The refresh was not waited for.
    Waited {
        parts: Vec<usize>,
        error: Error,
    },
}

/// How an exchange ended for each of its parts.
pub(super) struct Exchanged {
    pub(super) addr: NodeAddr,
    pub(super) results: Vec<(usize, Result<Value, Error>)>,
    /// Why it failed as a whole, if it did.
    pub(super) failure: Option<Failure>,
}

/// The failure of a whole unit.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) deadline: Option<Instant>,
    pub(super) was_connecting: bool,
}

/// Who sends a unit.
struct Unit<'a, C: MakeNode> {
    handle: &'a Handle<C>,
    members: &'a [Member],
}

impl<C: MakeNode> Sender<C> for Unit<'_, C> {
    fn nodes(&self) -> C {
        self.handle.nodes()
    }

    fn has_moved(&self, _: &Command, from: &NodeAddr) -> bool {
        let current = self.handle.shared().current();
        let mut slots = self.members.iter().filter_map(|member| member.slot);
        slots.any(|slot| current.has_moved(Some(slot), from))
    }

    fn waiters(&self) -> Option<&Arc<Waiters>> {
        Some(self.handle.shared().current().waiters())
    }
}

impl<C: MakeNode> Job<C> {
    /// Sends these commands to the node: one as it is, several as one unit.
    pub(super) fn exchange(
        handle: Arc<Handle<C>>,
        addr: NodeAddr,
        unit: Command,
        members: Vec<Member>,
    ) -> Self {
        Self::Exchange {
            exchange: Exchange::to(addr, unit),
            handle,
            members,
        }
    }

    /// Ends it now, because of `event`; `None` if it is over already.
    pub(super) fn end(self: Pin<&mut Self>, event: &str) -> Option<Done> {
        match self.project() {
            JobProj::Exchange { members, .. } if members.is_empty() => None,
            JobProj::Refresh { parts, .. } if parts.is_empty() => None,
            JobProj::Exchange {
                mut exchange,
                members,
                ..
            } => {
                let error = exchange.ended_by(event);
                let was_connecting = exchange.is_connecting();
                // What the connection knows better, it records as it is told to forget the unit.
                exchange.as_mut().cancel();
                let members = std::mem::take(members);
                let ended = exchanged(&exchange, members, Err(error), was_connecting);
                Some(Done::Exchanged(ended))
            }
            JobProj::Refresh { during, parts, .. } => Some(Done::Waited {
                parts: std::mem::take(parts),
                error: Error::not_sent(ErrorKind::Timeout, format!("{event} {during}")),
            }),
        }
    }
}

impl<C: MakeNode> Future for Job<C> {
    type Output = Done;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        Poll::Ready(match self.project() {
            JobProj::Exchange {
                mut exchange,
                handle,
                members,
            } => {
                let sender = Unit { handle, members };
                let ended = ready!(exchange.as_mut().poll(cx, &sender));
                let members = std::mem::take(members);
                let was_connecting = exchange.is_connecting();
                let result = match ended {
                    Ended::Replied(reply) => Ok(reply),
                    Ended::Failed(error) => Err(error),
                    Ended::Moved => {
                        let addr = addr_of(&exchange);
                        return Poll::Ready(Done::Moved { addr, members });
                    }
                };
                Done::Exchanged(exchanged(&exchange, members, result, was_connecting))
            }
            JobProj::Refresh {
                refreshed, parts, ..
            } => Done::Refreshed {
                outcome: ready!(refreshed.as_mut().poll(cx)),
                parts: std::mem::take(parts),
            },
        })
    }
}

fn exchanged<C: MakeNode>(
    exchange: &Exchange<C>,
    members: Vec<Member>,
    result: Result<Value, Error>,
    was_connecting: bool,
) -> Exchanged {
    let failed = |error: &Error| Failure {
        error: error.clone(),
        deadline: exchange.command().deadline(),
        was_connecting,
    };
    let failure = result.as_ref().err().map(failed);
    let results = match exchange.command().batch() {
        Some(unit) => unit.settle(result),
        None => vec![result],
    };
    let parts = members.into_iter().map(|member| member.part);
    Exchanged {
        addr: addr_of(exchange),
        results: parts.zip(results).collect(),
        failure,
    }
}

fn addr_of<C: MakeNode>(exchange: &Exchange<C>) -> NodeAddr {
    exchange.addr().expect("set out for a node").clone()
}
