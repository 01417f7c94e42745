//! How many different elements there are, in 12 KiB.

use super::typed::commands;
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # HyperLogLog
    ///
    /// Counts different elements in 12 KiB at most, however many there are, with a standard error of 0.81 %. See the
    /// [conventions](crate::cluster::commands) of all typed commands.
    ///
    /// ```no_run
    /// # async fn example(cluster: tower_redis_cluster::Cluster) -> Result<(), tower_redis_cluster::Error> {
    /// cluster.pfadd("{visitors}:monday", ["ann", "bob"]).await?;
    /// cluster.pfadd("{visitors}:tuesday", ["bob", "eve"]).await?;
    /// let both_days = cluster.pfcount(["{visitors}:monday", "{visitors}:tuesday"]).await?;
    /// assert_eq!(both_days, 3);
    /// # Ok(())
    /// # }
    /// ```
    group "HyperLogLog";

    /// Adds elements; true if the count changed, or there was no such key. An empty list makes a key that counts 0.
    ///
    /// `PFADD`, O(1) for each, since 2.8.9.
    fn pfadd(key: impl ToArgs, elements: impl ToArgs) -> bool {
        Command::known(&table::PFADD).one(key)?.arg(elements)
    }

    /// About how many different elements were added to a key, or to any of several keys in one slot.
    ///
    /// `PFCOUNT`, O(1), and O(N) with a larger constant for several keys, since 2.8.9.
    fn pfcount(keys: impl ToArgs) -> u64 {
        Command::known(&table::PFCOUNT).arg(keys)
    }

    /// Adds what was added to other keys; all must be in one slot.
    ///
    /// `PFMERGE`, O(N) with a large constant, since 2.8.9.
    fn pfmerge(destination: impl ToArgs, sources: impl ToArgs) -> () {
        let command = Command::known(&table::PFMERGE).one(destination)?;
        command.arg(sources)
    }
}
