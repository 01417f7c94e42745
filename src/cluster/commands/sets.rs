//! Sets.

use tower::{BoxError, Service};

use super::{ScanOptions, ScanPage};
use crate::cluster::Cluster;
use crate::command::{Command, ToArgs, generated as table};
use crate::error::Error;
use crate::value::{FromValue, Value};

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
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Adds a member, or several; gives how many there were not before.
    ///
    /// `SADD`, O(N), since 1.0.
    pub async fn sadd(&self, key: impl ToArgs, members: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::SADD).one(key)?.arg(members))
            .await
    }

    /// How many members there are, 0 if there is no such key.
    ///
    /// `SCARD`, O(1), since 1.0.
    pub async fn scard(&self, key: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::SCARD).one(key)?).await
    }

    /// The members of the first set that are in none of the others. The keys must be in one slot.
    ///
    /// `SDIFF`, O(N) by the members of all, since 1.0.
    pub async fn sdiff<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::SDIFF).arg(keys)).await
    }

    /// Stores what [`sdiff`](Cluster::sdiff) gives, in place of what the destination was; gives how many. All
    /// keys must be in one slot.
    ///
    /// `SDIFFSTORE`, O(N) by the members of all, since 1.0.
    pub async fn sdiffstore(
        &self,
        destination: impl ToArgs,
        keys: impl ToArgs,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::SDIFFSTORE).one(destination)?;
        self.query(command.arg(keys)).await
    }

    /// The members that are in all of the sets. The keys must be in one slot.
    ///
    /// `SINTER`, O(N*M) by the members of the smallest and the keys, since 1.0.
    pub async fn sinter<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::SINTER).arg(keys)).await
    }

    /// How many members are in all of the sets. The keys must be in one slot.
    ///
    /// `SINTERCARD`, O(N*M) by the members of the smallest and the keys, since 7.0.
    pub async fn sintercard(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::SINTERCARD).counted(keys))
            .await
    }

    /// As [`sintercard`](Cluster::sintercard), but counts no further than the limit; 0 is none.
    ///
    /// `SINTERCARD .. LIMIT`, O(N*M) by the members of the smallest and the keys, since 7.0.
    pub async fn sintercard_limit(&self, keys: impl ToArgs, limit: u64) -> Result<u64, Error> {
        let command = Command::known(&table::SINTERCARD).counted(keys);
        self.query(command.arg(("LIMIT", limit))).await
    }

    /// Stores what [`sinter`](Cluster::sinter) gives, in place of what the destination was; gives how many. All
    /// keys must be in one slot.
    ///
    /// `SINTERSTORE`, O(N*M) by the members of the smallest and the keys, since 1.0.
    pub async fn sinterstore(
        &self,
        destination: impl ToArgs,
        keys: impl ToArgs,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::SINTERSTORE).one(destination)?;
        self.query(command.arg(keys)).await
    }

    /// True if this is a member.
    ///
    /// `SISMEMBER`, O(1), since 1.0.
    pub async fn sismember(&self, key: impl ToArgs, member: impl ToArgs) -> Result<bool, Error> {
        self.query(Command::known(&table::SISMEMBER).one(key)?.one(member)?)
            .await
    }

    /// All members; none if there is no such key.
    ///
    /// `SMEMBERS`, O(N), since 1.0.
    pub async fn smembers<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::SMEMBERS).one(key)?).await
    }

    /// Which of these are members, in the order asked for.
    ///
    /// `SMISMEMBER`, O(N), since 6.2.
    pub async fn smismember(
        &self,
        key: impl ToArgs,
        members: impl ToArgs,
    ) -> Result<Vec<bool>, Error> {
        self.query(Command::known(&table::SMISMEMBER).one(key)?.arg(members))
            .await
    }

    /// Moves a member from one set to another in the same slot; false if it was not there.
    ///
    /// `SMOVE`, O(1), since 1.0.
    pub async fn smove(
        &self,
        source: impl ToArgs,
        destination: impl ToArgs,
        member: impl ToArgs,
    ) -> Result<bool, Error> {
        let command = Command::known(&table::SMOVE).one(source)?;
        self.query(command.one(destination)?.one(member)?).await
    }

    /// Takes a random member.
    ///
    /// `SPOP`, O(1), since 1.0.
    pub async fn spop<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::SPOP).one(key)?).await
    }

    /// Takes up to so many random members; none if there is no such key.
    ///
    /// `SPOP`, O(N) by the members given, since 3.2.
    pub async fn spop_count<T: FromValue>(&self, key: impl ToArgs, count: u64) -> Result<T, Error> {
        self.query(Command::known(&table::SPOP).one(key)?.arg(count))
            .await
    }

    /// A random member.
    ///
    /// `SRANDMEMBER`, O(1), since 1.0.
    pub async fn srandmember<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::SRANDMEMBER).one(key)?)
            .await
    }

    /// So many different random members, or all if there are fewer; if negative, exactly so many, of which some
    /// may be the same.
    ///
    /// `SRANDMEMBER`, O(N) by the members given, since 2.6.
    pub async fn srandmember_count<T: FromValue>(
        &self,
        key: impl ToArgs,
        count: i64,
    ) -> Result<T, Error> {
        self.query(Command::known(&table::SRANDMEMBER).one(key)?.arg(count))
            .await
    }

    /// Removes a member, or several; gives how many there were.
    ///
    /// `SREM`, O(N), since 1.0.
    pub async fn srem(&self, key: impl ToArgs, members: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::SREM).one(key)?.arg(members))
            .await
    }

    /// Some of the members, from this cursor on; 0 begins.
    ///
    /// `SSCAN`, O(1) for each call, since 2.8.
    pub async fn sscan<T: FromValue>(
        &self,
        key: impl ToArgs,
        cursor: u64,
        options: ScanOptions,
    ) -> Result<ScanPage<T>, Error> {
        let command = Command::known(&table::SSCAN).one(key)?;
        self.query(command.arg(cursor).arg(options)).await
    }

    /// The members of all the sets. The keys must be in one slot.
    ///
    /// `SUNION`, O(N) by the members of all, since 1.0.
    pub async fn sunion<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::SUNION).arg(keys)).await
    }

    /// Stores what [`sunion`](Cluster::sunion) gives, in place of what the destination was; gives how many. All
    /// keys must be in one slot.
    ///
    /// `SUNIONSTORE`, O(N) by the members of all, since 1.0.
    pub async fn sunionstore(
        &self,
        destination: impl ToArgs,
        keys: impl ToArgs,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::SUNIONSTORE).one(destination)?;
        self.query(command.arg(keys)).await
    }
}
