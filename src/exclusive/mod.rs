//! Exclusive connections: [`ExclusiveLaneLayer`], a second lane beside the connection that all share.
//!
//! One connection per node serves all requests, as long as each is answered as soon as it can be. Two kinds of work do
//! not fit there: commands that **wait on the server**, since it answers nothing else on their connection meanwhile,
//! and work that needs a connection in a **state of its own**, such as `WATCH`. For them this layer keeps a lane of
//! further connections per node. They are made by what is below it, so that node layers, connect layers and the
//! connect timeout apply to them as to the others.
//!
//! It stands right below the [connection cache](crate::cache): a lane lives as long as the cache knows its node.
//!
//! # Blocking commands
//!
//! `BLPOP`, `BLMOVE`, `BZPOPMIN`, `XREAD BLOCK` and their like take a connection of the lane by themselves.
//!
//! - **The server stops waiting before the caller does.** If the command has a deadline that comes before its block
//!   time is over, the block time is shortened: to 150 ms before the deadline, or to half of what is left if that
//!   is more. `cluster.query(cmd("BLPOP").arg("q").arg(0).timeout(time))` so gives nil when nothing came, and no
//!   error. A block time of 0 without a deadline waits for ever, also for a connection.
//! - **A caller that goes away closes the connection**, when its command was sent and not answered. The server then stops
//!   waiting. What is left is the moment in between: **an element that it popped just before it saw the connection
//!   close is lost**, as with a crash of the client. Where that must not happen, move elements (`BLMOVE`) to a list of
//!   those in work rather than pop them.
//! - **A connection that is lost** while a command waits on it is an error of unknown [delivery](crate::Delivery). Since
//!   nothing arrives anyway, only TCP notices when the node dies silently: with the default
//!   [keep-alive](crate::connect::Keepalive) after 30 seconds.
//! - Inside a transaction nothing waits, and a pipeline takes no blocking command.
//!
//! # `WAIT` and `WAITAOF`
//!
//! They ask whether the writes *of their connection* have reached the replicas or the disk, and are therefore sent over the
//! shared one: what the caller wrote before is among its writes. While they wait, **other requests to that node
//! wait too**: at most for their own time, which must not be 0 (for ever) without a deadline. Where that is too much,
//! send the writes and the `WAIT` over a [lease](crate::Cluster::lease).
//!
//! # Leases
//!
//! [`Cluster::lease`](crate::Cluster::lease) takes a connection out of a lane for as long as it is wanted, see
//! [`Lease`]. [`Cluster::watch`](crate::Cluster::watch) does so by itself.
//!
//! # Bounds
//!
//! A lane has at most so many [connections](ExclusiveLaneLayer::max_connections). Who finds them all in use waits, in
//! order of arrival and within the deadline; when [too many](ExclusiveLaneLayer::max_waiting) wait, the next is refused. A
//! connection that is free is kept for the next for [a while](ExclusiveLaneLayer::idle_timeout). The task that closes it then
//! runs on the runtime of a request; if that is shut down while others use the client, the next exclusive request starts it
//! anew.
//!
//! Connections are made by tasks of the lane: a caller who leaves does not cancel the attempt, and its connection goes to
//! the next or is kept. When the cache lets go of the node, idle connections are closed, and leased ones when they are
//! given back. An attempt that fails fails the request that waits longest. There is no backoff: the cache, which is
//! asked for the shared connection first, sees to that.
//!
//! # Readiness
//!
//! That of the shared connection: where it goes is not known before the command is. The lane is asked in the response
//! future.
//!
//! ```
//! use std::time::Duration;
//!
//! use tower::ServiceBuilder;
//! use tower_redis_cluster::{ConnectionCacheLayer, Connector, ExclusiveLaneLayer};
//!
//! let nodes = ServiceBuilder::new()
//!     .layer(ConnectionCacheLayer::new())
//!     .layer(ExclusiveLaneLayer::new().max_connections(64).idle_timeout(Duration::from_secs(10)))
//!     .service(Connector::default());
//! # drop(nodes);
//! ```

mod blocking;
mod dial;
pub mod future;
mod held;
mod idle;
mod lane;
mod layer;
mod lease;
mod leased;
mod request;
mod residue;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::{BoxError, Service};

pub(crate) use self::blocking::is_about_its_connection;
use self::future::{MakeFuture, ResponseFuture};
use self::lane::{Entrance, Lanes, Make};
pub use self::layer::ExclusiveLaneLayer;
pub use self::lease::{Lease, LeaseFuture};
pub(crate) use self::request::LeaseRequest;
use crate::addr::NodeAddr;
use crate::command::{BlockTime, Command};
use crate::error::Error;
use crate::value::Value;

/// Makes services for nodes, each with a lane of exclusive connections; see the [module docs](self).
///
/// Clones share the lanes.
pub struct ExclusiveLanes<M>
where
    M: Service<NodeAddr>,
{
    make: M,
    lanes: Arc<Lanes<M::Response>>,
}

impl<M> Service<NodeAddr> for ExclusiveLanes<M>
where
    M: Service<NodeAddr, Response: Send, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
{
    type Response = Laned<M::Response>;
    type Error = M::Error;
    type Future = MakeFuture<M::Future, M::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        self.make.poll_ready(cx)
    }

    fn call(&mut self, addr: NodeAddr) -> Self::Future {
        let make =
            tower::util::MapErr::new(self.make.clone(), Into::into as fn(M::Error) -> BoxError);
        let entrance = self.lanes.enter(&addr, Make::new(make));
        MakeFuture::new(self.make.call(addr), entrance)
    }
}

impl<M> Clone for ExclusiveLanes<M>
where
    M: Service<NodeAddr> + Clone,
{
    fn clone(&self) -> Self {
        Self {
            make: self.make.clone(),
            lanes: Arc::clone(&self.lanes),
        }
    }
}

impl<M> fmt::Debug for ExclusiveLanes<M>
where
    M: Service<NodeAddr> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExclusiveLanes")
            .field("make", &self.make)
            .finish_non_exhaustive()
    }
}

/// A node's shared connection and its lane; see the [module docs](self).
pub struct Laned<S> {
    shared: S,
    entrance: Arc<Entrance<S>>,
}

impl<S> Service<Command> for Laned<S>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    type Response = Value;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let ready = self.shared.poll_ready(cx);
        ready.map_err(|error| Error::from(error.into()))
    }

    /// Sends the command where it belongs: over the shared connection, or over one of its own.
    ///
    /// # Panics
    ///
    /// The future, outside of a tokio runtime, if the command takes an exclusive connection.
    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        if command.block_time() == BlockTime::NotBlocking && command.lease_request().is_none() {
            return ResponseFuture::shared(self.shared.call(command));
        }
        self.call_apart(command)
    }
}

impl<S> Laned<S>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    /// Sends what may not go over the shared connection like all others. Not in line: these are not to pay for it.
    #[inline(never)]
    fn call_apart(&mut self, command: Command) -> ResponseFuture<S::Future> {
        if let Some(request) = command.lease_request().cloned() {
            let lane = Arc::clone(self.entrance.lane());
            return ResponseFuture::exclusive(Box::pin(lease::run(lane, command, request)));
        }
        if !blocking::is_about_its_connection(&command) {
            let lane = Arc::clone(self.entrance.lane());
            return ResponseFuture::exclusive(Box::pin(blocking::run(lane, command)));
        }
        let command = command.blocking_within_deadline();
        if command.block_time() == BlockTime::Forever {
            return ResponseFuture::refused(command.invalid(
                "it would hold up all requests to the node for ever; give it a time or a timeout, or send it over a lease",
            ));
        }
        ResponseFuture::shared(self.shared.call(command))
    }
}

/// The clone is as ready as a clone of the shared connection is: usually not.
impl<S: Clone> Clone for Laned<S> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            entrance: Arc::clone(&self.entrance),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Laned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Laned")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
