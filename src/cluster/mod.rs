//! The handle for applications: [`Cluster`], typed commands over any stack.
//!
//! ```
//! # #[cfg(feature = "testing")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_redis_cluster::Error> {
//! # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
//! # let url = fake.url();
//! use tower_redis_cluster::{Cluster, cmd};
//!
//! let cluster = Cluster::connect(url).await?;
//! cluster.set("user:1", "Ann").await?;
//! let name: Option<String> = cluster.get("user:1").await?;
//! assert_eq!(name.as_deref(), Some("Ann"));
//!
//! // Whatever has no method of its own:
//! let length: usize = cluster.query(cmd("STRLEN").arg("user:1")).await?;
//! assert_eq!(length, 3);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```

mod builder;
pub mod commands;
mod each_node;
mod kept_stack;
mod lease;
pub mod pipeline;
mod reply;
pub mod script;
#[cfg(test)]
mod tests;
mod topology;
mod waiting;
mod watch;

use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use tower::{BoxError, Layer, Service};

pub use self::builder::{
    AttemptStack, ClusterBuilder, ConnectStack, DefaultStack, MakeStack, NodeStack, RequestStack,
};
use self::kept_stack::KeptStack;
pub use self::pipeline::Pipeline;
use self::reply::{Reply, Request};
pub use self::script::Script;
pub use self::watch::WatchOptions;
use crate::command::Command;
use crate::error::Error;
use crate::lifecycle::Lifecycle;
use crate::metrics::{Counters, Metrics};
use crate::timeout::TimeoutLayer;
use crate::value::{FromValue, Value};

/// How long a request may wait for a stack that is not ready, unless it says otherwise: the same as the default
/// timeout, since to the caller it is the same wait.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// A cluster, as applications use it: typed commands over a stack of services. Cheap to clone: give each task one.
///
/// Without parameters the name stands for the stack that [`connect`](Cluster::connect) and a
/// [builder](Cluster::builder) without layers give. See the [module docs](self) for an example.
///
/// # Panics
///
/// Requests need a tokio runtime with I/O and timers (`enable_all`). Outside of one, their futures panic when they are polled.
#[derive(Clone)]
pub struct Cluster<S = DefaultStack> {
    service: S,
    kept: KeptStack<S>,
    ready_timeout: Duration,
    lease_timeout: TimeoutLayer,
    counters: Counters,
    lifecycle: Lifecycle,
}

impl Cluster {
    /// Connects to the cluster this node belongs to, with the defaults of [`Cluster::builder`].
    ///
    /// # Errors
    ///
    /// If the URL is wrong, or the node does not answer. Name several nodes with [`Cluster::builder`] to depend
    /// on none.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder([url]).connect().await
    }

    /// Settings and layers for a cluster that is found through any of these nodes.
    ///
    /// URLs are `redis://`, `rediss://`, `valkey://` and `valkeys://` (with TLS), with user, password and port,
    /// or plain `host:port`.
    pub fn builder(urls: impl IntoIterator<Item: AsRef<str>>) -> ClusterBuilder {
        ClusterBuilder::new(urls)
    }
}

impl<S> Cluster<S> {
    /// A handle over a stack of your own. Each request has a clone of it, unless [told otherwise](Cluster::with_kept_stack).
    ///
    /// Its [`metrics`](Cluster::metrics) are zero until [`with_counters`](Cluster::with_counters) says where the
    /// stack counts.
    pub fn new(stack: S) -> Self {
        Self {
            service: stack,
            kept: KeptStack::new(false),
            ready_timeout: READY_TIMEOUT,
            lease_timeout: TimeoutLayer::new(READY_TIMEOUT),
            counters: Counters::new(),
            lifecycle: Lifecycle::new(),
        }
    }

    /// Sets how long a request may wait until the stack is ready for it, and how long a command on a
    /// [lease](Cluster::lease) may take; 1 second unless set. A command's own [timeout](Command::timeout) goes before,
    /// and a [deadline](Command::deadline) that it has already is kept.
    ///
    /// A [`Timeout`](crate::timeout::Timeout) layer cannot see this wait, which is over when it is called. It is told
    /// of it, and deducts it from the time the request has, unless the command blocks.
    #[must_use]
    pub fn with_ready_timeout(mut self, timeout: Duration) -> Self {
        self.ready_timeout = timeout;
        self.lease_timeout = TimeoutLayer::new(timeout).counters(self.counters.clone());
        self
    }

    /// Tells which counters the layers of the stack count in.
    #[must_use]
    pub fn with_counters(mut self, counters: Counters) -> Self {
        self.counters = counters.clone();
        self.lease_timeout = TimeoutLayer::new(self.ready_timeout).counters(counters);
        self
    }

    /// Tells by which life the layers of the stack are [shut down](Cluster::shutdown).
    #[must_use]
    pub fn with_lifecycle(mut self, lifecycle: &Lifecycle) -> Self {
        self.lifecycle = lifecycle.clone();
        self
    }

    /// Keeps the clone of the stack that a request was sent by, for the handle's next request: otherwise each has one to
    /// itself. For handles that send many requests it saves a few percent of their CPU time.
    ///
    /// Each handle keeps its own, until it is dropped or a request fails. A request that comes while another is just being
    /// sent has one to itself, and so has the first of each handle: where a handle is cloned for every request, nothing is
    /// gained.
    ///
    /// Wrong for a stack in which something reserves in `poll_ready`, as tower's `ConcurrencyLimit` and `Buffer` do, below a
    /// layer that may answer a request without passing it on, as a cache of replies does: the kept clone would hold on to the
    /// place that it was given, while nobody uses the handle. A [builder](Cluster::builder) without
    /// [attempt layers](ClusterBuilder::attempt_layer) already does this.
    ///
    /// A [`layer`](Cluster::layer) put around the stack ends this; say it again where it still holds.
    #[must_use]
    pub fn with_kept_stack(mut self) -> Self {
        self.kept = KeptStack::new(true);
        self
    }

    /// Puts a layer around the whole stack, and keeps counters and settings, but no [clone](Cluster::with_kept_stack).
    ///
    /// ```
    /// # use tower_redis_cluster::{Cluster, Error};
    /// # fn example(cluster: Cluster) -> Result<(), Error> {
    /// use tower::load_shed::LoadShedLayer;
    ///
    /// let shedding = cluster.layer(LoadShedLayer::new());
    /// # drop(shedding);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn layer<L: Layer<S>>(self, layer: L) -> Cluster<L::Service> {
        Cluster {
            service: layer.layer(self.service),
            kept: KeptStack::new(false),
            ready_timeout: self.ready_timeout,
            lease_timeout: self.lease_timeout,
            counters: self.counters,
            lifecycle: self.lifecycle,
        }
    }

    /// Shuts the client down: this handle and all its clones.
    ///
    /// From this call on, not only from the first poll, new requests are refused with an error of kind
    /// [`Shutdown`](crate::ErrorKind::Shutdown) and were not sent. Those in flight go on, retries included, until they are
    /// done or the deadline has passed, and so do [leases](Cluster::lease) until they are given back. Then all connections
    /// are closed and all tasks ended, though handles live on.
    ///
    /// All calls wait for the same end; the earliest of their deadlines counts.
    ///
    /// The deadline should be longer than the [timeout](ClusterBuilder::timeout), which ends every request that does not
    /// block. In a service, shut down what the requests come from first: with axum
    /// `axum::serve(..).with_graceful_shutdown(..).await?`, and then `cluster.shutdown(..).await?`.
    ///
    /// A stack by hand needs its layers [told](Cluster::with_lifecycle) of one [`Lifecycle`].
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use std::time::Duration;
    /// use tower_redis_cluster::ErrorKind;
    ///
    /// cluster.shutdown(Duration::from_secs(5)).await?;
    /// let error = cluster.set("user:1", "Ann").await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Shutdown);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`Timeout`](crate::ErrorKind::Timeout) if requests or leases were left at the deadline, with how many were cut off.
    /// Of what was sent for them it is not known whether it was applied.
    ///
    /// # Panics
    ///
    /// The future, outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves the client refusing requests and its connections open. Call it again to go on.
    pub fn shutdown(
        &self,
        deadline: Duration,
    ) -> impl Future<Output = Result<(), Error>> + Send + use<S> {
        self.lifecycle.shutdown(deadline)
    }

    /// A snapshot of the counters.
    pub fn metrics(&self) -> Metrics {
        self.counters.snapshot()
    }

    /// The stack.
    pub fn get_ref(&self) -> &S {
        &self.service
    }

    /// The stack, to be wrapped in more layers.
    pub fn into_inner(self) -> S {
        self.service
    }
}

impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Sends a command, and gives the reply as it is.
    ///
    /// # Errors
    ///
    /// Whatever the stack fails with, found again by [`Error::from`]; and an error reply, as
    /// [`ErrorKind::Server`](crate::ErrorKind::Server).
    ///
    /// # Cancel safety
    ///
    /// Dropped before a connection takes the command for writing, it is never sent. Dropped later, it may be applied or not.
    #[inline]
    pub fn send(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Value, Error>> + use<'_, S> {
        Reply::new(self, command)
    }

    /// Sends a command, and converts the reply.
    ///
    /// # Errors
    ///
    /// As [`send`](Cluster::send), and [`ErrorKind::Conversion`](crate::ErrorKind::Conversion) if the reply is not what was asked for. The
    /// command is applied then.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Cluster::send).
    #[inline]
    pub fn query<T: FromValue>(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<T, Error>> + use<'_, S, T> {
        Reply::new(self, command)
    }

    /// As [`query`](Cluster::query), of a command that may have been refused before it was sent.
    fn query_checked<T: FromValue>(&self, command: Result<Command, Error>) -> Reply<'_, S, T> {
        match command {
            Ok(command) => Reply::new(self, command),
            Err(error) => Reply::refused(self, error),
        }
    }

    /// Sends a request, and gives what the stack answers: error replies are values.
    fn request(&self, command: Command) -> Request<'_, S> {
        Request::new(self, command)
    }
}

/// The stack itself, so that layers can be put around a whole client. Error replies are data here.
impl<S: Service<Command>> Service<Command> for Cluster<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, mut command: Command) -> S::Future {
        command.claim_batch();
        self.service.call(command)
    }
}

impl<S> fmt::Debug for Cluster<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}
