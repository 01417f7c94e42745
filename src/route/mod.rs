//! Command to slot to node: [`Route`], and the redirects it follows.
//!
//! `Route` turns a make-service of nodes, `Service<NodeAddr>`, into a `Service<Command>` for the whole cluster. It
//! looks the command's slot up in the current [`Topology`], makes a service for that node, drives it to readiness,
//! calls it, and looks at the reply:
//!
//! | reply | what happens |
//! |---|---|
//! | `MOVED` | that slot is patched at once, a refresh is triggered, and the command goes to the node named |
//! | `ASK` | the command goes to the node named, behind an `ASKING`, this once; the map stays as it is |
//! | `READONLY`, `CLUSTERDOWN`, `MASTERDOWN`, `UNBLOCKED` by a node that lost its role | a refresh is triggered, and the reply is passed on for the retry layer to judge |
//! | any other | it is passed on, errors (`TRYAGAIN`, `LOADING`, ...) included |
//!
//! With [`RouteLayer::keep_services`] a service that was made for a primary is used again by the requests that follow, in
//! place: for half a second at most, and not once the topology has changed. One that is not ready goes with the request that
//! found it so. The next request has one made anew, so that a [`ConnectionCache`](crate::cache::ConnectionCache) still sees which of its
//! connections are in use.
//!
//! Commands without keys go to a primary chosen at random. Commands with keys never do: if no node is known for
//! their slot, they wait for one refresh and then fail.
//!
//! **Pipelines.** The commands of a [`Command::pipeline`] are located in one snapshot of the topology. Those of one node
//! travel to it as one unit, a pipeline again, and all units at the same time; of redirects, the table above holds for
//! each command by itself, and what goes on to the same node goes as one unit. Commands of one slot are sent in their
//! order, also when they are redirected together. It is no more than the order of sending: a command that is refused
//! while its successor is served, such as one of several keys with `TRYAGAIN`, comes after it when it is sent again.
//! A failure is that of the commands it concerns: the others get their replies, or what else becomes of them. The
//! error of the whole is that of the first command that failed, and what is known of each is kept with the
//! [`Batch`](crate::command::Batch) for the layers above, of which [`RetryPolicy`](crate::RetryPolicy) has sent again
//! only what needs it. A [`Command::transaction`] is routed as one command.
//!
//! **The topology** is kept by a task that belongs to the `Route` and ends with its last clone and its last
//! response. It starts with the first command or readiness check. Refreshes happen when there is reason to (a
//! redirect, a dead node, repeated timeouts, an uncovered slot) and now and then without; one at a time, with a
//! pause between. Each asks several nodes at once for their view (`CLUSTER SLOTS`) and where they stand (`CLUSTER INFO`,
//! if they tell). It prefers the view of nodes that serve, the most complete, the newest by epoch, and the most agreed, in
//! this order. An empty one is refused, and so is one that has shrunken by more than half or is of an older epoch than the
//! last, unless most of the nodes asked say so; the last good one stays in use. When no known node answers, the seeds are
//! asked, whose host names are resolved anew whenever they are dialled. A command whose node is known never waits for a
//! refresh.
//!
//! A command that was **not sent yet** when another node got its slot, for it still waits for the old one or found the
//! connection closed, goes to the new owner at once. One for a node that the application chose, or an `ASK` named, stays
//! with it. Others can learn of changes by [`RouteLayer::changes`].
//!
//! # Doubt
//!
//! A primary is in doubt when it could not be reached, when a connection to it was lost or is
//! [suspect](crate::connection#suspicion), or after three timeouts within ten seconds: one alone may be a slow command. A timeout that is noticed more than 50 ms late says that this process was starved, and counts for nothing.
//! A doubt ends after three seconds without more evidence, or when the node is found to be no longer a primary. The
//! [counters](crate::metrics::Metrics) tell how many are in doubt.
//!
//! While any is, the topology is refreshed without other reason, so that its successor is known soon after the servers
//! have promoted it: at intervals of a twentieth of the time that the doubt has lasted, give or take a quarter, so that an
//! outage's end is noticed when it has lasted some 5 % longer. The intervals are at least 100 ms and at most a second; in
//! a cluster of n > 10 nodes, at least n × 10 ms. The nodes in doubt are asked after all others, so that a refresh takes a
//! round trip, and 50 ms more at most if some other node does not answer.
//!
//! # How often nodes are asked
//!
//! A refresh asks three nodes, each for two short replies, and one more for each that fails, or when none has answered for
//! 250 ms: at most five and the seeds. One client begins in any minute at most
//!
//! | | refreshes | by |
//! |---|---|---|
//! | without a reason | 1 | [`refresh_interval`](RouteLayer::refresh_interval), 60 s |
//! | without doubt, whatever the reasons | 120 | [`min_refresh_interval`](RouteLayer::min_refresh_interval), 500 ms; 80 on average, for the random part |
//! | in doubt, n ≤ 100 nodes | 120 | an allowance of 60, and one more per second |
//! | in doubt, n > 100 nodes | 8000 / n | three quarters of n × 10 ms |
//!
//! So these are 360 questions while other nodes answer. In one outage it is less: of ten seconds with n ≤ 10 nodes, some
//! 20 refreshes in the first two seconds and 20 × ln(10 s / 2 s) = 32 in the rest, or 156 questions; with 100 nodes, 10
//! refreshes and 30 questions.
//!
//! **Readiness.** The node is not known before the command is, so `Route` is always ready and drives the readiness
//! of the node's service inside its response future. A bound on commands in flight belongs above it.
//!
//! Ask for it with [`Route::topology`], or through a whole stack with
//! [`Cluster::topology`](crate::Cluster::topology).
//!
//! **Limits.** Reads go to primaries. Commands whose keys are in different slots are refused
//! ([`ErrorKind::InvalidCommand`](crate::ErrorKind::InvalidCommand)), and so are those that
//! [`Command::check`] finds wrong, unless [told otherwise](RouteLayer::check_arguments). For a server without cluster mode use its
//! [`Connection`](crate::connection) directly.
//!
//! ```
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_redis_cluster::route::RouteLayer;
//! use tower_redis_cluster::{Command, Error, NodeAddr, Value, cmd};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! // A cluster of one node, which serves all slots and answers `+OK` to everything else.
//! let nodes = service_fn(async |addr: NodeAddr| {
//!     Ok::<_, Error>(service_fn(move |command: Command| {
//!         let host = Value::BulkString(addr.host().to_owned().into());
//!         let node = Value::Array(vec![host, Value::Integer(addr.port().into())]);
//!         let range = Value::Array(vec![Value::Integer(0), Value::Integer(16383), node]);
//!         let is_question = command.args().next() == Some(b"CLUSTER");
//!         std::future::ready(Ok::<_, Error>(match is_question {
//!             true => Value::Array(vec![range]),
//!             false => Value::SimpleString("OK".into()),
//!         }))
//!     }))
//! });
//! # let nodes = tower::util::BoxCloneService::new(nodes);
//! let mut route = ServiceBuilder::new()
//!     .layer(RouteLayer::new(["redis://10.0.0.1:7000"]).max_redirects(3))
//!     .service(nodes);
//!
//! let reply = route.ready().await?.call(cmd("GET").arg("user:1")).await?;
//! assert_eq!(reply, Value::SimpleString("OK".into()));
//! # Ok(())
//! # }
//! ```

mod batch;
mod config;
mod current;
mod doubts;
mod exchange;
pub mod future;
mod kept;
mod layer;
mod make;
mod refresh;
mod replies;
mod shared;
mod suspicions;
#[cfg(test)]
mod tests;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use self::config::Config;
pub use self::config::Discovery;
use self::future::ResponseFuture;
pub use self::layer::RouteLayer;
pub use self::make::MakeNode;
use self::shared::Handle;
pub use self::suspicions::Suspicions;
use crate::command::Command;
use crate::error::Error;
use crate::topology::Topology;
use crate::value::Value;

/// Routes commands to the nodes of a cluster. See the [module docs](self).
///
/// Clones share the topology and the task that keeps it.
pub struct Route<C: MakeNode> {
    nodes: C,
    handle: Arc<Handle<C>>,
}

impl<C: MakeNode> Route<C> {
    fn new(nodes: C, config: Config) -> Self {
        Self {
            handle: Arc::new(Handle::new(nodes.clone(), config)),
            nodes,
        }
    }

    /// The current topology; `None` until one was discovered.
    pub fn topology(&self) -> Option<Arc<Topology>> {
        self.handle.shared().current().load_full()
    }

    /// Waits until a topology is known.
    ///
    /// Returns at once if one is; waits for the discovery under way otherwise, or starts one. It is bounded by the
    /// time the nodes' answers may take, see [`RouteLayer::query_timeout`].
    ///
    /// # Errors
    ///
    /// The outcome of that discovery if it failed, with what each node asked had to say. Later ones may succeed:
    /// call again to wait for the next.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn discovered(&self) -> impl Future<Output = Result<(), Error>> + Send + use<C> {
        let seeds = self.handle.shared().config().seeds().map(|_| ());
        let handle = Arc::clone(&self.handle);
        async move {
            seeds?;
            if handle.shared().current().is_known() {
                return Ok(());
            }
            handle.discovery().await
        }
    }
}

impl<C: MakeNode> Service<Command> for Route<C> {
    type Response = Value;
    type Error = Error;
    type Future = ResponseFuture<C>;

    /// Always ready, except that wrong seed addresses are an error. See the [module docs](self).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, while no topology is known.
    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let shared = self.handle.shared();
        if !shared.current().is_known() {
            shared.config().seeds()?;
            self.handle.start();
        }
        Poll::Ready(Ok(()))
    }

    /// Sends the command to the node it belongs to.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the command unless a connection has taken it for writing; afterwards the node may apply it. Of a
    /// pipeline that holds for each command, and what is known of each is kept with its
    /// [`Batch`](crate::command::Batch).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, while no topology is known, where a connection is to be made, or where one is not ready.
    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        ResponseFuture::new(&self.handle, &mut self.nodes, command)
    }
}

/// The clone drives the readiness of a make-service of its own: `Route` itself holds none that is ready.
impl<C: MakeNode> Clone for Route<C> {
    fn clone(&self) -> Self {
        Self {
            nodes: self.nodes.clone(),
            handle: Arc::clone(&self.handle),
        }
    }
}

impl<C: MakeNode> fmt::Debug for Route<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("topology", &self.topology())
            .finish_non_exhaustive()
    }
}
