//! Publishing messages.

use super::typed::commands;
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Publishing messages
    ///
    /// Messages to a channel go to all nodes of the cluster, those to a shard channel only to the nodes of its slot. See
    /// the [conventions](crate::cluster::commands) of all typed commands.
    ///
    /// A node knows only the clients that are connected to itself: the counts are not of the whole cluster, but of the
    /// node that answers.
    ///
    /// ```no_run
    /// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
    /// cluster.publish("news", "hello").await?;
    /// cluster.spublish("orders", "hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    group "Publishing messages";

    /// Sends a message to a channel; gives how many clients of the node that was asked it went to.
    ///
    /// `PUBLISH`, O(N+M) by the clients subscribed to the channel and all patterns, since 2.0.
    fn publish(channel: impl ToArgs, message: impl ToArgs) -> u64 {
        Command::known(&table::PUBLISH).one(channel)?.one(message)?
    }

    /// Sends a message to a shard channel; gives how many clients of its primary it went to.
    ///
    /// `SPUBLISH`, O(N) by the clients subscribed to the channel, since 7.0.
    fn spublish(channel: impl ToArgs, message: impl ToArgs) -> u64 {
        Command::known(&table::SPUBLISH).one(channel)?.one(message)?
    }

    /// The channels that clients are subscribed to.
    ///
    /// `PUBSUB CHANNELS`, O(N) by the channels, since 2.8.
    fn pubsub_channels<T>() -> T {
        Command::known(&table::PUBSUB).arg("CHANNELS")
    }

    /// The channels that clients are subscribed to and that match this glob-style pattern.
    ///
    /// `PUBSUB CHANNELS`, O(N) by the channels, since 2.8.
    fn pubsub_channels_matching<T>(pattern: impl ToArgs) -> T {
        Command::known(&table::PUBSUB).arg("CHANNELS").one(pattern)?
    }

    /// How many different patterns clients are subscribed to.
    ///
    /// `PUBSUB NUMPAT`, O(1), since 2.8.
    fn pubsub_numpat() -> u64 {
        Command::known(&table::PUBSUB).arg("NUMPAT")
    }

    /// How many clients are subscribed to each of these channels, patterns aside: ask for a map, or a
    /// `Vec<(String, u64)>`.
    ///
    /// `PUBSUB NUMSUB`, O(N), since 2.8.
    fn pubsub_numsub<T>(channels: impl ToArgs) -> T {
        Command::known(&table::PUBSUB).arg("NUMSUB").arg(channels)
    }

    /// The shard channels that clients are subscribed to.
    ///
    /// `PUBSUB SHARDCHANNELS`, O(N) by the channels, since 7.0.
    fn pubsub_shardchannels<T>() -> T {
        Command::known(&table::PUBSUB).arg("SHARDCHANNELS")
    }

    /// The shard channels that clients are subscribed to and that match this glob-style pattern.
    ///
    /// `PUBSUB SHARDCHANNELS`, O(N) by the channels, since 7.0.
    fn pubsub_shardchannels_matching<T>(pattern: impl ToArgs) -> T {
        Command::known(&table::PUBSUB).arg("SHARDCHANNELS").one(pattern)?
    }

    /// How many clients are subscribed to each of these shard channels: ask for a map, or a `Vec<(String, u64)>`.
    ///
    /// `PUBSUB SHARDNUMSUB`, O(N), since 7.0.
    fn pubsub_shardnumsub<T>(channels: impl ToArgs) -> T {
        Command::known(&table::PUBSUB).arg("SHARDNUMSUB").arg(channels)
    }
}
