//! Sets.

use super::typed::commands;
use super::{ScanOptions, ScanPage};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Sets
    ///
    /// See the [conventions](crate::cluster::commands) of all typed commands.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// use std::collections::BTreeSet;
    ///
    /// assert_eq!(cluster.sadd("{post}tags", ["rust", "redis"]).await?, 2);
    /// assert!(cluster.sismember("{post}tags", "rust").await?);
    ///
    /// cluster.sadd("{post}liked", ["rust", "tower"]).await?;
    /// let both: BTreeSet<String> = cluster.sinter(["{post}tags", "{post}liked"]).await?;
    /// assert!(both.iter().eq(["rust"]));
    /// # Ok(())
    /// # }
    /// ```
    group "Sets";

    /// Adds a member, or several; gives how many there were not before.
    ///
    /// `SADD`, O(N), since 1.0.
    fn sadd(key: impl ToArgs, members: impl ToArgs) -> u64 {
        Command::known(&table::SADD).one(key)?.arg(members)
    }

    /// How many members there are, 0 if there is no such key.
    ///
    /// `SCARD`, O(1), since 1.0.
    fn scard(key: impl ToArgs) -> u64 {
        Command::known(&table::SCARD).one(key)?
    }

    /// The members of the first set that are in none of the others. The keys must be in one slot.
    ///
    /// `SDIFF`, O(N) by the members of all, since 1.0.
    fn sdiff<T>(keys: impl ToArgs) -> T {
        Command::known(&table::SDIFF).arg(keys)
    }

    /// Stores what [`sdiff`](Self::sdiff) gives, in place of what the destination was; gives how many. All
    /// keys must be in one slot.
    ///
    /// `SDIFFSTORE`, O(N) by the members of all, since 1.0.
    fn sdiffstore(destination: impl ToArgs, keys: impl ToArgs) -> u64 {
        let command = Command::known(&table::SDIFFSTORE).one(destination)?;
        command.arg(keys)
    }

    /// The members that are in all of the sets. The keys must be in one slot.
    ///
    /// `SINTER`, O(N*M) by the members of the smallest and the keys, since 1.0.
    fn sinter<T>(keys: impl ToArgs) -> T {
        Command::known(&table::SINTER).arg(keys)
    }

    /// How many members are in all of the sets. The keys must be in one slot.
    ///
    /// `SINTERCARD`, O(N*M) by the members of the smallest and the keys, since 7.0.
    fn sintercard(keys: impl ToArgs) -> u64 {
        Command::known(&table::SINTERCARD).counted(keys)
    }

    /// As [`sintercard`](Self::sintercard), but counts no further than the limit; 0 is none.
    ///
    /// `SINTERCARD .. LIMIT`, O(N*M) by the members of the smallest and the keys, since 7.0.
    fn sintercard_limit(keys: impl ToArgs, limit: u64) -> u64 {
        let command = Command::known(&table::SINTERCARD).counted(keys);
        command.arg(("LIMIT", limit))
    }

    /// Stores what [`sinter`](Self::sinter) gives, in place of what the destination was; gives how many. All
    /// keys must be in one slot.
    ///
    /// `SINTERSTORE`, O(N*M) by the members of the smallest and the keys, since 1.0.
    fn sinterstore(destination: impl ToArgs, keys: impl ToArgs) -> u64 {
        let command = Command::known(&table::SINTERSTORE).one(destination)?;
        command.arg(keys)
    }

    /// True if this is a member.
    ///
    /// `SISMEMBER`, O(1), since 1.0.
    fn sismember(key: impl ToArgs, member: impl ToArgs) -> bool {
        Command::known(&table::SISMEMBER).one(key)?.one(member)?
    }

    /// All members; none if there is no such key.
    ///
    /// `SMEMBERS`, O(N), since 1.0.
    fn smembers<T>(key: impl ToArgs) -> T {
        Command::known(&table::SMEMBERS).one(key)?
    }

    /// Which of these are members, in the order asked for.
    ///
    /// `SMISMEMBER`, O(N), since 6.2.
    fn smismember(key: impl ToArgs, members: impl ToArgs) -> Vec<bool> {
        Command::known(&table::SMISMEMBER).one(key)?.arg(members)
    }

    /// Moves a member from one set to another in the same slot; false if it was not there.
    ///
    /// `SMOVE`, O(1), since 1.0.
    fn smove(source: impl ToArgs, destination: impl ToArgs, member: impl ToArgs) -> bool {
        let command = Command::known(&table::SMOVE).one(source)?;
        command.one(destination)?.one(member)?
    }

    /// Takes a random member.
    ///
    /// `SPOP`, O(1), since 1.0.
    fn spop<T>(key: impl ToArgs) -> T {
        Command::known(&table::SPOP).one(key)?
    }

    /// Takes up to so many random members; none if there is no such key.
    ///
    /// `SPOP`, O(N) by the members given, since 3.2.
    fn spop_count<T>(key: impl ToArgs, count: u64) -> T {
        Command::known(&table::SPOP).one(key)?.arg(count)
    }

    /// A random member.
    ///
    /// `SRANDMEMBER`, O(1), since 1.0.
    fn srandmember<T>(key: impl ToArgs) -> T {
        Command::known(&table::SRANDMEMBER).one(key)?
    }

    /// So many different random members, or all if there are fewer; if negative, exactly so many, of which some
    /// may be the same.
    ///
    /// `SRANDMEMBER`, O(N) by the members given, since 2.6.
    fn srandmember_count<T>(key: impl ToArgs, count: i64) -> T {
        Command::known(&table::SRANDMEMBER).one(key)?.arg(count)
    }

    /// Removes a member, or several; gives how many there were.
    ///
    /// `SREM`, O(N), since 1.0.
    fn srem(key: impl ToArgs, members: impl ToArgs) -> u64 {
        Command::known(&table::SREM).one(key)?.arg(members)
    }

    /// Some of the members, from this cursor on; 0 begins.
    ///
    /// `SSCAN`, O(1) for each call, since 2.8.
    fn sscan<T>(key: impl ToArgs, cursor: u64, options: ScanOptions) -> ScanPage<T> {
        let command = Command::known(&table::SSCAN).one(key)?;
        command.arg(cursor).arg(options)
    }

    /// The members of all the sets. The keys must be in one slot.
    ///
    /// `SUNION`, O(N) by the members of all, since 1.0.
    fn sunion<T>(keys: impl ToArgs) -> T {
        Command::known(&table::SUNION).arg(keys)
    }

    /// Stores what [`sunion`](Self::sunion) gives, in place of what the destination was; gives how many. All
    /// keys must be in one slot.
    ///
    /// `SUNIONSTORE`, O(N) by the members of all, since 1.0.
    fn sunionstore(destination: impl ToArgs, keys: impl ToArgs) -> u64 {
        let command = Command::known(&table::SUNIONSTORE).one(destination)?;
        command.arg(keys)
    }
}
