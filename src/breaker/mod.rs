//! A circuit breaker per node: [`BreakerLayer`].
//!
//! A node that takes commands and does not answer costs each request its deadline, and itself the work on commands
//! whose callers have gone. After some failures in a row the breaker opens: requests to the node are refused at once, with
//! an error of kind [`Unavailable`](crate::ErrorKind::Unavailable) and delivery
//! [`NotSent`](crate::Delivery::NotSent), which the retry layer takes for a node that cannot be reached. Now and then one
//! request is let through to see whether the node is back.
//!
//! ```text
//!            failures in a row, for some time             the pause is over
//!   Closed ───────────────────────────────────> Open ────────────────────────> HalfOpen
//!     ^                                         ^  │                             │    │
//!     │                                         └──│──────── the probe fails ────┘    │
//!     └─────────────── any answer ─────────────────┴──────────────────────────────────┘
//! ```
//!
//! - **Failures** are requests written to the node that got no answer: kinds `Timeout`, `Connection` and `Protocol`. An error
//!   reply is an answer. What was not sent, and what was dropped before it was complete, says nothing about the node. An
//!   application may [judge otherwise](BreakerLayer::judge).
//! - **It opens** after so many failures with no answer in between, and not before they have gone on for some time: a
//!   pipeline of requests that fails with its connection is one event.
//! - **A probe** is the first request that comes after a pause with jitter, twice as long after each probe that fails. If
//!   its caller drops it, or it turns out not to have been sent, the next request is the probe. A command that blocks on
//!   the server waits for the others to go first, since it tells too little too late.
//! - **It never removes a node**: who serves a slot is for the cluster to say. Even a shard's only primary is refused requests while its breaker is open,
//!   and probed.
//!
//! What it knows of a node outlives the connection: it belongs to the address. It is forgotten when nothing is connected to
//! the node any more, or, if the node was in trouble then, [a minute later](BreakerLayer::states).
//!
//! While it is open nobody waits: if the connection is not ready, its request is no probe, and refused. Under it, a
//! [`FailFastLayer`](crate::FailFastLayer) does the same while it is closed. Without the `FailFastLayer` those who wait
//! already when the breaker opens go on waiting for the connection.
//!
//! Do not use it around something that stands for several nodes, whose failures would be those of all.
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_redis_cluster::{
//!     BreakerLayer, ConnectionCacheLayer, FailFastLayer, NodeAddr, NodeLayer,
//! };
//!
//! # fn stack<C>(connector: C)
//! # where
//! #     C: tower::Service<NodeAddr>,
//! # {
//! let breakers = BreakerLayer::new();
//! ServiceBuilder::new()
//!     .layer(ConnectionCacheLayer::new())
//!     .layer(NodeLayer::per_node(breakers.clone()))
//!     .layer(NodeLayer::per_node(FailFastLayer::new()))
//!     .service(connector);
//!
//! // What the application shows on its dashboard.
//! for (addr, state) in breakers.states() {
//!     println!("{addr}: {state:?}");
//! }
//! # }
//! ```

mod circuit;
mod circuits;
pub mod future;
mod layer;
mod outcome;
mod passage;
mod state;
#[cfg(test)]
mod tests;
mod trace;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{BoxError, Service};

use self::circuit::Circuit;
use self::future::ResponseFuture;
pub use self::layer::{BreakerLayer, NodeBreakerLayer};
pub use self::outcome::Outcome;
pub use self::state::BreakerState;
use crate::command::Command;
use crate::error::Error;
use crate::value::Value;

/// Refuses requests while the node does not answer; see the [module docs](self).
pub struct Breaker<S> {
    inner: S,
    circuit: Arc<Circuit>,
    /// Why the next request is refused: the inner service was not found ready for it.
    refusal: Option<Error>,
}

impl<S> Breaker<S> {
    fn new(inner: S, circuit: Arc<Circuit>) -> Self {
        Self {
            inner,
            circuit,
            refusal: None,
        }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside. What it answers when called directly is not noticed.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

// ===== impl Breaker =====

impl<S> Service<Command> for Breaker<S>
where
    S: Service<Command, Response = Value>,
    S::Error: Into<BoxError>,
{
    type Response = Value;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.refusal = None;
        if !self.circuit.is_broken() {
            return self.inner.poll_ready(cx).map_err(Into::into);
        }
        // Whether a request is the probe is decided when it is called: nothing is reserved here for one that may
        // never come. Before a probe is due, the inner service is left alone.
        if let Err(error) = self.circuit.expect_probe() {
            self.refusal = Some(error);
            return Poll::Ready(Ok(()));
        }
        let ready = self.inner.poll_ready(cx);
        if ready.is_pending() {
            self.refusal = self.circuit.refusal_if_open();
            if self.refusal.is_some() {
                return Poll::Ready(Ok(()));
            }
        }
        ready.map_err(Into::into)
    }

    fn call(&mut self, command: Command) -> Self::Future {
        let entered = match self.refusal.take() {
            Some(error) => Err(error),
            None => self.circuit.enter(&command),
        };
        match entered {
            Ok(passage) => ResponseFuture::passed(self.inner.call(command), passage),
            Err(error) => {
                self.circuit.count_refusal();
                ResponseFuture::refused(error.with_command(command.name()))
            }
        }
    }
}

/// The clone has not been found ready.
impl<S: Clone> Clone for Breaker<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            circuit: Arc::clone(&self.circuit),
            refusal: None,
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Breaker<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("inner", &self.inner)
            .field("circuit", &self.circuit)
            .finish_non_exhaustive()
    }
}
