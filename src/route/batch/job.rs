//! What the parts of a pipeline wait for: an exchange with a node, or a refresh.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::addr::NodeAddr;
use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::route::exchange::Exchange;
use crate::route::make::MakeNode;
use crate::route::shared::{Handle, Refreshed};
use crate::value::Value;

pin_project! {
    /// What some of the parts wait for. `parts` are their positions in the pipeline; empty once it is over.
    #[project = JobProj]
    pub(super) enum Job<C: MakeNode> {
        /// The replies of one node to one unit.
        Exchange { #[pin] exchange: Exchange<C>, handle: Arc<Handle<C>>, parts: Vec<usize> },
        /// A refresh that may tell where to send them.
        Refresh { refreshed: Refreshed, during: &'static str, parts: Vec<usize> },
    }
}

/// How a [`Job`] ended.
pub(super) enum Done {
    Exchanged(Exchanged),
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
    /// Why it failed as a whole, if it did, and whether that was before there was a connection.
    pub(super) failure: Option<(Error, bool)>,
}

impl<C: MakeNode> Job<C> {
    /// Sends these commands to the node: one as it is, several as one unit.
    pub(super) fn exchange(
        handle: Arc<Handle<C>>,
        addr: NodeAddr,
        unit: Command,
        parts: Vec<usize>,
    ) -> Self {
        Self::Exchange {
            exchange: Exchange::with(addr, unit),
            handle,
            parts,
        }
    }

    /// Ends it now, because of `event`; `None` if it is over already.
    pub(super) fn end(self: Pin<&mut Self>, event: &str) -> Option<Done> {
        match self.project() {
            JobProj::Exchange { parts, .. } | JobProj::Refresh { parts, .. }
                if parts.is_empty() =>
            {
                None
            }
            JobProj::Exchange {
                mut exchange,
                parts,
                ..
            } => {
                let error = exchange.ended_by(event);
                // What the connection knows better, it records as it is told to forget the unit.
                exchange.as_mut().cancel();
                let parts = std::mem::take(parts);
                Some(Done::Exchanged(exchanged(&exchange, parts, Err(error))))
            }
            JobProj::Refresh { during, parts, .. } => Some(Done::Waited {
                parts: std::mem::take(parts),
                error: Error::new(ErrorKind::Timeout, format!("{event} {during}")),
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
                parts,
            } => {
                let result = ready!(exchange.as_mut().poll(cx, || handle.nodes()));
                let parts = std::mem::take(parts);
                Done::Exchanged(exchanged(&exchange, parts, result))
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
    parts: Vec<usize>,
    result: Result<Value, Error>,
) -> Exchanged {
    let failed = |error: &Error| (error.clone(), exchange.is_connecting());
    let failure = result.as_ref().err().map(failed);
    let results = match exchange.command().batch() {
        Some(unit) => unit.settle(result),
        None => vec![result],
    };
    Exchanged {
        addr: exchange.addr().expect("set out for a node").clone(),
        results: parts.into_iter().zip(results).collect(),
        failure,
    }
}
