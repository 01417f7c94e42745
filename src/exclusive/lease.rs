//! [`Lease`]: an exclusive connection for an application.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::{BoxError, Layer, Service};

use super::held::Held;
use super::lane::Lane;
use super::leased::Leased;
use super::request::{Connection, LeaseRequest};
use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::timeout::{self, Timeout, TimeoutLayer};
use crate::value::Value;

/// A connection to one node that no other user of the client shares, as long as this or a clone of it lives.
///
/// Made by [`Cluster::lease`](crate::Cluster::lease). It is a stack of its own, for typed commands too:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_redis_cluster::Error> {
/// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
/// # let cluster = fake.connect().await?;
/// use tower_redis_cluster::{Cluster, Target};
///
/// let lease = cluster.lease(Target::key("user:1")).await?;
/// let own = Cluster::new(lease);
/// own.set("user:1", "Ann").await?;
/// # Ok(())
/// # }
/// ```
///
/// - **One connection to one node.** Nothing is routed, redirected or retried: for a key of another node the server
///   answers `MOVED`, which is an error like any other. When the connection is lost, the lease is finished.
/// - **Commands may change the connection's state**: `WATCH`, `SELECT`, `CLIENT TRACKING` and their like. It is given
///   back clean: closed, rather than kept for another, if anything was left on it, such as a reply that nobody read or a
///   selected database. A `WATCH` that was ended by `EXEC`, `DISCARD` or `UNWATCH` leaves nothing.
/// - **Each command has a deadline**: the time that the cluster allows a request, and its own block time, if it blocks. A
///   [timeout of its own](Command::timeout) goes before. Waiting, a command delays those sent after it over the same
///   lease. One that was given up waits on the server until its block time is over or the lease is dropped, which
///   closes the connection.
///
/// A lease that is kept is one connection less for all others: hold it no longer than its work takes.
#[derive(Clone)]
pub struct Lease {
    service: Timeout<Connection>,
}

impl Lease {
    /// Takes the connection that was left in the request.
    ///
    /// # Errors
    ///
    /// If no lane saw it.
    pub(crate) fn take(request: &LeaseRequest, timeout: &TimeoutLayer) -> Result<Self, Error> {
        match request.take() {
            Some(connection) => Ok(Self {
                service: timeout.layer(connection),
            }),
            None => Err(no_lane()),
        }
    }

    /// The error to tell of when a request for a lease failed: that no lane saw it, if it is why. What is refused
    /// before it comes to a node, as keys in different slots are, is no fault of the stack.
    pub(crate) fn failed(request: &LeaseRequest, error: Error) -> Error {
        let is_for_want_of_a_lane = error.kind() == ErrorKind::InvalidCommand
            && error.node().is_some()
            && !request.was_seen();
        if is_for_want_of_a_lane {
            no_lane()
        } else {
            error
        }
    }
}

fn no_lane() -> Error {
    Error::not_sent(
        ErrorKind::Config,
        "the stack has no exclusive connections; put an `ExclusiveLaneLayer` right below the `ConnectionCacheLayer`",
    )
}

/// Leases a connection, sends the command over it, and leaves it in the request unless the reply is an error.
pub(super) async fn run<S>(
    lane: Arc<Lane<S>>,
    command: Command,
    request: Arc<LeaseRequest>,
) -> Result<Value, Error>
where
    S: Service<Command, Response = Value, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    request.see();
    let leased = Leased::from(&lane, command.deadline()).await?;
    let mut held = Held::new(leased, command.is_asking());
    std::future::poll_fn(|cx| held.poll_ready(cx)).await?;
    let reply = held.call(command).await?;
    if !matches!(reply, Value::Error(_)) {
        request.leave(Connection::new(held));
    }
    Ok(reply)
}

impl Service<Command> for Lease {
    type Response = Value;
    type Error = Error;
    type Future = LeaseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.service.poll_ready(cx).map_err(Error::from)
    }

    fn call(&mut self, command: Command) -> LeaseFuture {
        LeaseFuture {
            inner: self.service.call(command),
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Lease`]. It keeps the connection leased.
    ///
    /// # Cancel safety
    ///
    /// As that of [`Cluster::send`](crate::Cluster::send); the connection is closed when it is given back.
    #[must_use = "futures do nothing unless polled"]
    pub struct LeaseFuture {
        #[pin]
        inner: timeout::future::ResponseFuture<<Connection as Service<Command>>::Future>,
    }
}

impl Future for LeaseFuture {
    type Output = Result<Value, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx).map_err(Error::from)
    }
}

impl fmt::Debug for LeaseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseFuture").finish_non_exhaustive()
    }
}
