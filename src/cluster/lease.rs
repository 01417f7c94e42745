//! Leasing an exclusive connection.

use std::sync::Arc;

use tower::{BoxError, Service};

use super::Cluster;
use crate::command::{Command, Target, generated as table};
use crate::error::Error;
use crate::exclusive::{Lease, LeaseRequest};
use crate::value::Value;

impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Leases a connection to a node, for work that needs one of its own: see [`Lease`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use tower_redis_cluster::{Cluster, Target, cmd};
    ///
    /// let own = Cluster::new(cluster.lease(Target::key("user:1")).await?);
    /// let id: u64 = own.query(cmd("CLIENT").arg("ID")).await?;
    /// # assert!(id > 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The connection has answered a `PING` when this returns.
    ///
    /// # Errors
    ///
    /// As [`send`](Cluster::send): if there is no free connection in time, among others.
    /// [`InvalidCommand`](crate::ErrorKind::InvalidCommand) for a target of several nodes, and [`Config`](crate::ErrorKind::Config) if the stack has no [`ExclusiveLaneLayer`](crate::ExclusiveLaneLayer).
    ///
    /// # Cancel safety
    ///
    /// Dropped, it leaves a connection that is being made to the next who wants one.
    pub async fn lease(&self, target: impl Into<Target>) -> Result<Lease, Error> {
        let ping = Command::known(&table::PING).idempotent();
        let target = target.into();
        if let Target::AllPrimaries | Target::AllNodes = target {
            return Err(
                ping.invalid("a lease is of a connection to one node, and the target is several")
            );
        }
        self.lease_with(ping.target(target)).await
    }

    /// Leases a connection over which this command was answered, and not by an error. It is routed, redirected and
    /// retried as any other.
    pub(super) async fn lease_with(&self, command: Command) -> Result<Lease, Error> {
        let request = Arc::new(LeaseRequest::default());
        let sent = self.send(command.with_lease_request(Arc::clone(&request)));
        match sent.await {
            Ok(_) => Lease::take(&request, &self.lease_timeout),
            Err(error) => Err(Lease::failed(&request, error)),
        }
    }
}
