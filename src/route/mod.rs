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
//! pause between. Each asks several nodes at once and prefers what is most complete and most agreed. A command whose
//! node is known never waits for one.
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
mod exchange;
pub mod future;
mod layer;
mod make;
mod refresh;
mod replies;
mod shared;
#[cfg(test)]
mod tests;

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
use crate::command::Command;
use crate::error::Error;
use crate::topology::Topology;
use crate::value::Value;

/// Routes commands to the nodes of a cluster. See the [module docs](self).
///
/// Clones share the topology and the task that keeps it.
pub struct Route<C> {
    nodes: C,
    handle: Arc<Handle<C>>,
}

impl<C: Clone> Route<C> {
    fn new(nodes: C, config: Config) -> Self {
        Self {
            handle: Arc::new(Handle::new(nodes.clone(), config)),
            nodes,
        }
    }
}

impl<C> Route<C> {
    /// The current topology; `None` until one was discovered.
    pub fn topology(&self) -> Option<Arc<Topology>> {
        self.handle.shared().current().load_full()
    }
}

impl<C: MakeNode> Route<C> {
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
    /// Dropping the future withdraws the command if it was not sent yet; afterwards the node may apply it. Of a
    /// pipeline that holds for each command, and what is known of each is kept with its
    /// [`Batch`](crate::command::Batch).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, while no topology is known or where a connection is to be made.
    fn call(&mut self, command: Command) -> Self::Future {
        ResponseFuture::new(&self.handle, &mut self.nodes, command)
    }
}

/// The clone drives the readiness of a make-service of its own: `Route` itself holds none that is ready.
impl<C: Clone> Clone for Route<C> {
    fn clone(&self) -> Self {
        Self {
            nodes: self.nodes.clone(),
            handle: Arc::clone(&self.handle),
        }
    }
}

impl<C> fmt::Debug for Route<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("topology", &self.topology())
            .finish_non_exhaustive()
    }
}
