//! The topology, as the stack's `Route` knows it.

use std::sync::Arc;

use tower::{BoxError, Service};

use super::Cluster;
use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::topology::Topology;
use crate::value::Value;

impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Which node serves which slot, as the stack's [`Route`](crate::route::Route) knows it now.
    ///
    /// It asks no node if a topology is known, and waits for its discovery otherwise. It is a request like any other
    /// to the layers above the `Route`: bounded, timed and traced.
    ///
    /// The snapshot never changes; ask again for the next one. For being told when nodes come and go see
    /// [`RouteLayer::nodes`](crate::RouteLayer::nodes).
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = tower_redis_cluster::Cluster::connect(fake.url()).await?;
    /// use tower_redis_cluster::Slot;
    ///
    /// let topology = cluster.topology().await?;
    /// assert_eq!(topology.primaries().len(), 3);
    /// assert!(topology.primary(Slot::of("user:1")).is_some());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Topology`] if none could be discovered, [`ErrorKind::Config`] if the stack has no `Route`, and
    /// whatever the layers above it fail with.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect but that nobody is told.
    pub async fn topology(&self) -> Result<Arc<Topology>, Error> {
        let (query, cell) = Command::topology_query();
        let reply = self.send(query).await;
        match (cell.get(), reply) {
            (Some(topology), _) => Ok(Arc::clone(topology)),
            (None, Err(error)) if !error.is_server() => Err(error),
            // Whoever answered is not a `Route`: it would have filled the cell.
            (None, _) => Err(Error::not_sent(
                ErrorKind::Config,
                "the stack has no `Route`, which is what knows the topology",
            )),
        }
    }
}
