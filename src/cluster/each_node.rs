//! One command, answered by each of several nodes.

use std::sync::Arc;

use tower::{BoxError, Service};

use super::Cluster;
use crate::addr::NodeAddr;
use crate::command::{Command, Nodes, Target};
use crate::error::Error;
use crate::scatter::{Members, check_replicas_take};
use crate::value::{FromValue, Value};

/// # Each node by itself
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Sends a command to [all primaries](Target::AllPrimaries) or [all nodes](Target::AllNodes), and gives what each of
    /// them came to: one entry for each node of the current topology, in no particular order.
    ///
    /// A node that fails is an entry too, and none of the others is held up by it for longer than the request's
    /// timeout. Nodes that are not in the topology, such as the unknown primary of slots that nobody serves, are not
    /// asked.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use tower_redis_cluster::{Target, cmd};
    ///
    /// let sizes = cluster.query_each_node::<u64>(cmd("DBSIZE"), Target::AllPrimaries).await?;
    /// for (node, size) in sizes {
    ///     println!("{node}: {} keys", size?);
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// If the target is not one of these two, if the command writes and is for replicas too, or if the topology is not
    /// known. Then the command was sent to nobody.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Cluster::send), for each node.
    pub async fn query_each_node<T: FromValue>(
        &self,
        command: Command,
        target: Target,
    ) -> Result<Vec<(NodeAddr, Result<T, Error>)>, Error> {
        let nodes = match target {
            Target::AllPrimaries => Nodes::Primaries,
            Target::AllNodes => Nodes::All,
            _ => {
                return Err(command.invalid(
                    "this target is not several nodes; those are `Target::AllPrimaries` and `Target::AllNodes`",
                ));
            }
        };
        check_replicas_take(&command, nodes)?;
        let name = command.name();
        let (query, cell) = Command::confirmed_topology_query();
        self.send(query.with_limits_of(&command)).await?;
        let members = Members::answered(&cell)?;
        let addrs = members.of_kind(nodes);
        let at = |addr: &NodeAddr| command.clone().target(Target::Node(addr.clone()));
        let parts = addrs.iter().map(at).collect();
        let sent = command.clone().sent_as(parts);
        let batch = sent.batch().map(Arc::clone).expect("sent as a pipeline");
        let whole = self.send(sent).await;
        let results = batch.settle(whole).into_iter().zip(addrs);
        let entry = |(result, addr): (Result<Value, Error>, &NodeAddr)| {
            let value = match result {
                Ok(Value::Error(error)) => Err(Error::server(error)),
                Ok(value) => T::from_value(value).map_err(Error::from),
                Err(error) => Err(error),
            };
            let in_place = |error: Error| error.with_command(name.clone()).with_node(addr.clone());
            (addr.clone(), value.map_err(in_place))
        };
        Ok(results.map(entry).collect())
    }
}
