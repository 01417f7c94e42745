//! Several connections per node: [`SpreadLayer`].
//!
//! One connection per node is enough for most applications, and best for many: the more commands share a connection, the
//! fewer writes and reads they cost. What it cannot do is more than one task and one TCP stream can. This layer
//! spreads the commands for a node over several connections, **by slot**: those of one key, and of one slot, take the
//! same one.
//!
//! It stands right above the [connection cache](crate::cache), and makes of it one cache per connection, side by side. So
//! each connection is made once, watched, backed off from and replaced by itself, with what the layers below do.
//!
//! - The **first** connection is the node's: a request waits for it, and for no other. It takes the commands without
//!   keys, and those whose own connection is not there.
//! - The **others** are made when a command first wants them, and again when they were lost. Meanwhile that
//!   command and those that follow it take the first, so that a server that refuses more connections is used with those it
//!   gives. Attempts follow the cache's [backoff](crate::ConnectionCacheLayer::backoff).
//!
//! With one connection, which is the default, this layer passes everything on.
//!
//! # When to use it
//!
//! Rarely: where it was measured, it made things slower. Throughput against one connection per node, GET and SET 3:1, on two
//! cores shared with three local primaries; medians of rounds that took turns:
//!
//! | tasks, values | 2 connections | 4 connections |
//! |---|---|---|
//! | 512 tasks, 64 B | 0.74 | 0.70 |
//! | 64 tasks, 16 KiB | 0.93 | 0.74 |
//! | 64 tasks, 1 MiB | 0.89 | 1.02 |
//!
//! Commands that are spread out share fewer writes and reads, so that each costs more: 1.3 times the CPU with small
//! values. Nor does it keep large values from delaying small ones much: the mean of small GETs beside one of 4 MiB, again
//! and again, was 11 % shorter with 2 connections and 13 % with 4, and their 95th percentile no shorter.
//!
//! What two cores and a local network cannot show is where one connection may be the limit:
//!
//! - **many cores and few nodes**, so that the task that reads and writes a connection is busy all the time;
//! - **a long or lossy way**, on which one TCP stream is slower than the network.
//!
//! There, measure one against 2, and 2 against 4, and keep more only if they win. Servers have more clients to look after
//! then, and a process that starts makes as many attempts at once.
//!
//! # What changes
//!
//! **Order.** A connection sends commands in the order in which it is called, and with one per node that holds for all the
//! commands for a node. A [`Route`](crate::route::Route) calls it when the response is first polled, or already as it is
//! called itself, where the connection is at hand; [`Cluster`](crate::Cluster) does both at once. With several it holds for those of a slot, unless their connection comes or goes in between. As
//! ever, who waits for a reply before the next call need not ask.
//!
//! **Pipelines.** What is for one node stays one unit, in its order, and takes the connection of its first key. So it is
//! not in order with other requests that are in flight at the same time.
//!
//! **`WAIT` and `WAITAOF`** ask about the writes of their own connection, and no one connection has all of them: they are
//! refused, unless there is one connection per node. Send them, with the writes, over a
//! [lease](crate::Cluster::lease).
//!
//! **Bounds** per connection, such as [its own](crate::connection::Config) and what a [node layer](crate::node) sets, are
//! for each. The lanes of [exclusive](crate::exclusive) connections are still one per node.
//!
//! # Readiness
//!
//! That of the connection is not known before the command is, so it is awaited in the response future. `poll_ready` of a node
//! fails when its first connection is finished.
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_redis_cluster::spread::SpreadLayer;
//! use tower_redis_cluster::{ConnectionCacheLayer, Connector, RouteLayer};
//!
//! let nodes = ServiceBuilder::new()
//!     .layer(RouteLayer::new(["redis://10.0.0.1:7000"]))
//!     .layer(SpreadLayer::new(4))
//!     .layer(ConnectionCacheLayer::new())
//!     .service(Connector::default());
//! # drop(nodes);
//! ```

pub mod future;
mod layer;
mod others;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tower::{BoxError, Service};

use self::future::{MakeFuture, ResponseFuture};
pub use self::layer::SpreadLayer;
use self::others::Others;
use crate::addr::NodeAddr;
use crate::cache::{Cached, ConnectionCache};
use crate::command::Command;
use crate::error::Error;
use crate::exclusive::is_about_its_connection;
use crate::value::Value;

/// Answers an address with a service that spreads commands over the connections to it; see the [module docs](self).
///
/// Clones share the connections.
pub struct Spread<M: Service<NodeAddr>> {
    first: ConnectionCache<M>,
    /// `None` if there are none.
    others: Option<Arc<Others<M>>>,
}

impl<M> Service<NodeAddr> for Spread<M>
where
    M: Service<
            NodeAddr,
            Response: Clone + Send + Sync + 'static,
            Error: Into<BoxError>,
            Future: Send,
        > + Clone
        + Send
        + 'static,
{
    type Response = SpreadNode<M>;
    type Error = Error;
    type Future = MakeFuture<M>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.first.poll_ready(cx)
    }

    /// # Panics
    ///
    /// As [`ConnectionCache`]: if a connection is to be made outside of a tokio runtime.
    #[inline]
    fn call(&mut self, addr: NodeAddr) -> Self::Future {
        MakeFuture::new(self.first.call(addr), self.others.clone())
    }
}

impl<M> Clone for Spread<M>
where
    M: Service<NodeAddr> + Clone,
{
    fn clone(&self) -> Self {
        Self {
            first: self.first.clone(),
            others: self.others.clone(),
        }
    }
}

impl<M> fmt::Debug for Spread<M>
where
    M: Service<NodeAddr> + fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.others.as_ref().map_or(0, |others| others.len());
        f.debug_struct("Spread")
            .field("first", &self.first)
            .field("connections", &(1 + others))
            .finish()
    }
}

/// A node, by its connections; see the [module docs](self).
pub struct SpreadNode<M: Service<NodeAddr>> {
    first: Cached<M::Response>,
    others: Option<Arc<Others<M>>>,
}

impl<M> Service<Command> for SpreadNode<M>
where
    M: Service<
            NodeAddr,
            Response: Service<Command, Response = Value, Error: Into<BoxError>>
                          + Clone
                          + Send
                          + Sync
                          + 'static,
            Error: Into<BoxError>,
            Future: Send,
        > + Clone
        + Send
        + 'static,
{
    type Response = Value;
    type Error = Error;
    type Future = ResponseFuture<M::Response>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let is_first_ready = self.first.poll_ready(cx)?;
        match self.others {
            None => is_first_ready.map(Ok),
            // The command may be for one that is.
            Some(_) => Poll::Ready(Ok(())),
        }
    }

    /// Sends the command over the connection of its slot.
    ///
    /// # Panics
    ///
    /// If that is to be made, outside of a tokio runtime.
    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        match &self.others {
            None => ResponseFuture::sent(self.first.call(command)),
            Some(others) => spread(&mut self.first, others, command),
        }
    }
}

/// Sends the command over one of several connections. Not in line: where there is one, nothing is to be paid for this.
#[inline(never)]
fn spread<M>(
    first: &mut Cached<M::Response>,
    others: &Others<M>,
    command: Command,
) -> ResponseFuture<M::Response>
where
    M: Service<
            NodeAddr,
            Response: Service<Command, Response = Value, Error: Into<BoxError>>
                          + Clone
                          + Send
                          + Sync
                          + 'static,
            Error: Into<BoxError>,
            Future: Send,
        > + Clone
        + Send
        + 'static,
{
    if is_about_its_connection(&command) {
        return ResponseFuture::refused(command.invalid(
            "it is about the writes of one connection, and there are several per node; send both over a lease",
        ));
    }
    // Nobody need be woken: what is not ready is asked again by the future.
    let mut cx = Context::from_waker(Waker::noop());
    if let Some(mut other) = others.connection(&command, first) {
        match other.poll_ready(&mut cx) {
            Poll::Ready(Ok(())) => return ResponseFuture::sent(other.call(command)),
            Poll::Pending => return ResponseFuture::waiting(other, command),
            // It is evicted, and the next command has another one made.
            Poll::Ready(Err(_finished)) => {}
        }
    }
    match first.poll_ready(&mut cx) {
        Poll::Ready(Ok(())) => ResponseFuture::sent(first.call(command)),
        Poll::Pending => {
            // The one that was asked, since it may hold a place in a queue.
            let unready = first.clone();
            ResponseFuture::waiting(std::mem::replace(first, unready), command)
        }
        Poll::Ready(Err(error)) => ResponseFuture::refused(error),
    }
}

/// The clone is as ready as a clone of the first connection is: usually not.
impl<M> Clone for SpreadNode<M>
where
    M: Service<NodeAddr, Response: Clone>,
{
    fn clone(&self) -> Self {
        Self {
            first: self.first.clone(),
            others: self.others.clone(),
        }
    }
}

impl<M> fmt::Debug for SpreadNode<M>
where
    M: Service<NodeAddr, Response: fmt::Debug>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpreadNode")
            .field("first", &self.first)
            .finish_non_exhaustive()
    }
}
