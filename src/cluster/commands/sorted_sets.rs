//! Sorted sets: members and their scores.

use tower::{BoxError, Service};

use super::{IndexRange, LexRange, ScanOptions, ScanPage, ScoreRange, ZAddOptions, ZRange};
use crate::cluster::Cluster;
use crate::command::{Command, ToArgs, generated as table};
use crate::error::Error;
use crate::value::{FromValue, Value};

/// # Sorted sets
///
/// See the [conventions](crate::cluster::commands) of all typed commands. N is the number of members.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_redis_cluster::Error> {
/// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
/// # let cluster = fake.connect().await?;
/// use tower_redis_cluster::cluster::commands::ZRange;
///
/// cluster.zadd("scores", [(10.0, "ann"), (30.0, "bob"), (20.0, "cy")]).await?;
/// assert_eq!(cluster.zincrby("scores", 5.5, "ann").await?, 15.5);
///
/// let all: Vec<String> = cluster.zrange("scores", ..).await?;
/// assert_eq!(all, ["ann", "cy", "bob"]);
///
/// let best: Vec<(String, f64)> = cluster.zrange_withscores("scores", ZRange::ranks(..1).reversed()).await?;
/// assert_eq!(best, [("bob".to_owned(), 30.0)]);
///
/// let low: Vec<String> = cluster.zrange("scores", ZRange::scores(..20.0)).await?;
/// assert_eq!(low, ["ann"]);
/// # Ok(())
/// # }
/// ```
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Adds a member with its score, or several: `(score, member)`, or a list of such pairs. Gives how many there
    /// were not before.
    ///
    /// `ZADD`, O(log(N)) for each, since 1.2.
    pub async fn zadd(&self, key: impl ToArgs, members: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::ZADD).one(key)?.arg(members))
            .await
    }

    /// Adds a member with its score, or several, with options; gives how many there were not before.
    ///
    /// `ZADD`, O(log(N)) for each, since 3.0.2.
    pub async fn zadd_with(
        &self,
        key: impl ToArgs,
        members: impl ToArgs,
        options: ZAddOptions,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZADD).one(key)?;
        self.query(command.arg(options).arg(members)).await
    }

    /// Adds to the score of a member with options; gives the sum, or `None` if the options did not let it. See
    /// [`zincrby`](Cluster::zincrby) for no options.
    ///
    /// `ZADD .. INCR`, O(log(N)), since 3.0.2.
    pub async fn zadd_incr(
        &self,
        key: impl ToArgs,
        by: f64,
        member: impl ToArgs,
        options: ZAddOptions,
    ) -> Result<Option<f64>, Error> {
        let command = Command::known(&table::ZADD).one(key)?.arg(options);
        self.query(command.arg("INCR").arg(by).one(member)?).await
    }

    /// How many members there are, 0 if there is no such key.
    ///
    /// `ZCARD`, O(1), since 1.2.
    pub async fn zcard(&self, key: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::ZCARD).one(key)?).await
    }

    /// How many members have a score in this range.
    ///
    /// `ZCOUNT`, O(log(N)), since 2.0.
    pub async fn zcount(
        &self,
        key: impl ToArgs,
        range: impl Into<ScoreRange>,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZCOUNT).one(key)?;
        self.query(command.arg(range.into())).await
    }

    /// Adds to the score of a member, which is 0 if it was not there; gives the sum.
    ///
    /// `ZINCRBY`, O(log(N)), since 1.2.
    pub async fn zincrby(
        &self,
        key: impl ToArgs,
        by: f64,
        member: impl ToArgs,
    ) -> Result<f64, Error> {
        let command = Command::known(&table::ZINCRBY).one(key)?;
        self.query(command.arg(by).one(member)?).await
    }

    /// How many members are in this range, where all have the same score.
    ///
    /// `ZLEXCOUNT`, O(log(N)), since 2.8.9.
    pub async fn zlexcount(
        &self,
        key: impl ToArgs,
        range: impl Into<LexRange>,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZLEXCOUNT).one(key)?;
        self.query(command.arg(range.into())).await
    }

    /// The scores of several members, in the order asked for.
    ///
    /// `ZMSCORE`, O(M) by the members asked for, since 6.2.
    pub async fn zmscore(
        &self,
        key: impl ToArgs,
        members: impl ToArgs,
    ) -> Result<Vec<Option<f64>>, Error> {
        self.query(Command::known(&table::ZMSCORE).one(key)?.arg(members))
            .await
    }

    /// A random member.
    ///
    /// `ZRANDMEMBER`, O(1), since 6.2.
    pub async fn zrandmember<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::ZRANDMEMBER).one(key)?)
            .await
    }

    /// So many different random members, or all if there are fewer; if negative, exactly so many, of which some
    /// may be the same.
    ///
    /// `ZRANDMEMBER`, O(M) by the members given, since 6.2.
    pub async fn zrandmember_count<T: FromValue>(
        &self,
        key: impl ToArgs,
        count: i64,
    ) -> Result<T, Error> {
        self.query(Command::known(&table::ZRANDMEMBER).one(key)?.arg(count))
            .await
    }

    /// As [`zrandmember_count`](Cluster::zrandmember_count), with their scores.
    ///
    /// `ZRANDMEMBER .. WITHSCORES`, O(M) by the members given, since 6.2.
    pub async fn zrandmember_withscores<T: FromValue>(
        &self,
        key: impl ToArgs,
        count: i64,
    ) -> Result<T, Error> {
        let command = Command::known(&table::ZRANDMEMBER).one(key)?;
        self.query(command.arg(count).arg("WITHSCORES")).await
    }

    /// The members in a range: of ranks (`..10`), or of scores or members; see [`ZRange`].
    ///
    /// `ZRANGE`, O(log(N)+M) by the members given, since 1.2; other ranges than those of ranks, and reversed
    /// ones, since 6.2.
    pub async fn zrange<T: FromValue>(
        &self,
        key: impl ToArgs,
        range: impl Into<ZRange>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::ZRANGE).one(key)?;
        self.query(command.arg(range.into())).await
    }

    /// As [`zrange`](Cluster::zrange), with their scores. The server refuses it for ranges of members.
    ///
    /// `ZRANGE .. WITHSCORES`, O(log(N)+M) by the members given, since 1.2.
    pub async fn zrange_withscores<T: FromValue>(
        &self,
        key: impl ToArgs,
        range: impl Into<ZRange>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::ZRANGE).one(key)?;
        self.query(command.arg(range.into()).arg("WITHSCORES"))
            .await
    }

    /// Stores what [`zrange`](Cluster::zrange) gives, in place of what the destination was; gives how many. Both
    /// keys must be in one slot.
    ///
    /// `ZRANGESTORE`, O(log(N)+M) by the members stored, since 6.2.
    pub async fn zrangestore(
        &self,
        destination: impl ToArgs,
        source: impl ToArgs,
        range: impl Into<ZRange>,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZRANGESTORE).one(destination)?;
        self.query(command.one(source)?.arg(range.into())).await
    }

    /// The rank of a member, the least score being 0.
    ///
    /// `ZRANK`, O(log(N)), since 2.0.
    pub async fn zrank(&self, key: impl ToArgs, member: impl ToArgs) -> Result<Option<u64>, Error> {
        self.query(Command::known(&table::ZRANK).one(key)?.one(member)?)
            .await
    }

    /// The rank of a member, the least score being 0, and its score.
    ///
    /// `ZRANK .. WITHSCORE`, O(log(N)), since 7.2.
    pub async fn zrank_withscore(
        &self,
        key: impl ToArgs,
        member: impl ToArgs,
    ) -> Result<Option<(u64, f64)>, Error> {
        let command = Command::known(&table::ZRANK).one(key)?;
        self.query(command.one(member)?.arg("WITHSCORE")).await
    }

    /// Removes a member, or several; gives how many there were.
    ///
    /// `ZREM`, O(log(N)) for each, since 1.2.
    pub async fn zrem(&self, key: impl ToArgs, members: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::ZREM).one(key)?.arg(members))
            .await
    }

    /// Removes the members in this range, where all have the same score; gives how many.
    ///
    /// `ZREMRANGEBYLEX`, O(log(N)+M) by the members removed, since 2.8.9.
    pub async fn zremrangebylex(
        &self,
        key: impl ToArgs,
        range: impl Into<LexRange>,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZREMRANGEBYLEX).one(key)?;
        self.query(command.arg(range.into())).await
    }

    /// Removes the members in this range of ranks; gives how many.
    ///
    /// `ZREMRANGEBYRANK`, O(log(N)+M) by the members removed, since 2.0.
    pub async fn zremrangebyrank(
        &self,
        key: impl ToArgs,
        range: impl Into<IndexRange>,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZREMRANGEBYRANK).one(key)?;
        self.query(command.arg(range.into())).await
    }

    /// Removes the members in this range of scores; gives how many.
    ///
    /// `ZREMRANGEBYSCORE`, O(log(N)+M) by the members removed, since 1.2.
    pub async fn zremrangebyscore(
        &self,
        key: impl ToArgs,
        range: impl Into<ScoreRange>,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::ZREMRANGEBYSCORE).one(key)?;
        self.query(command.arg(range.into())).await
    }

    /// The rank of a member, the greatest score being 0.
    ///
    /// `ZREVRANK`, O(log(N)), since 2.0.
    pub async fn zrevrank(
        &self,
        key: impl ToArgs,
        member: impl ToArgs,
    ) -> Result<Option<u64>, Error> {
        self.query(Command::known(&table::ZREVRANK).one(key)?.one(member)?)
            .await
    }

    /// The rank of a member, the greatest score being 0, and its score.
    ///
    /// `ZREVRANK .. WITHSCORE`, O(log(N)), since 7.2.
    pub async fn zrevrank_withscore(
        &self,
        key: impl ToArgs,
        member: impl ToArgs,
    ) -> Result<Option<(u64, f64)>, Error> {
        let command = Command::known(&table::ZREVRANK).one(key)?;
        self.query(command.one(member)?.arg("WITHSCORE")).await
    }

    /// Some of the members with their scores, from this cursor on; 0 begins.
    ///
    /// `ZSCAN`, O(1) for each call, since 2.8.
    pub async fn zscan<T: FromValue>(
        &self,
        key: impl ToArgs,
        cursor: u64,
        options: ScanOptions,
    ) -> Result<ScanPage<T>, Error> {
        let command = Command::known(&table::ZSCAN).one(key)?;
        self.query(command.arg(cursor).arg(options)).await
    }

    /// The score of a member.
    ///
    /// `ZSCORE`, O(1), since 1.2.
    pub async fn zscore(
        &self,
        key: impl ToArgs,
        member: impl ToArgs,
    ) -> Result<Option<f64>, Error> {
        self.query(Command::known(&table::ZSCORE).one(key)?.one(member)?)
            .await
    }
}
