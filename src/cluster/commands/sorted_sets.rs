//! Sorted sets: members and their scores.

use super::typed::commands;
use super::{IndexRange, LexRange, ScanOptions, ScanPage, ScoreRange, ZAddOptions, ZRange};
use crate::command::{Command, ToArgs, generated as table};

commands! {
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
    group "Sorted sets";

    /// Adds a member with its score, or several: `(score, member)`, or a list of such pairs. Gives how many there
    /// were not before.
    ///
    /// `ZADD`, O(log(N)) for each, since 1.2.
    fn zadd(key: impl ToArgs, members: impl ToArgs) -> u64 {
        Command::known(&table::ZADD).one(key)?.arg(members)
    }

    /// Adds a member with its score, or several, with options; gives how many there were not before.
    ///
    /// `ZADD`, O(log(N)) for each, since 3.0.2.
    fn zadd_with(key: impl ToArgs, members: impl ToArgs, options: ZAddOptions) -> u64 {
        let command = Command::known(&table::ZADD).one(key)?;
        command.arg(options).arg(members)
    }

    /// Adds to the score of a member with options; gives the sum, or `None` if the options did not let it. See
    /// [`zincrby`](Self::zincrby) for no options.
    ///
    /// `ZADD .. INCR`, O(log(N)), since 3.0.2.
    fn zadd_incr(
        key: impl ToArgs,
        by: f64,
        member: impl ToArgs,
        options: ZAddOptions,
    ) -> Option<f64> {
        let command = Command::known(&table::ZADD).one(key)?.arg(options);
        command.arg("INCR").number(by)?.one(member)?
    }

    /// How many members there are, 0 if there is no such key.
    ///
    /// `ZCARD`, O(1), since 1.2.
    fn zcard(key: impl ToArgs) -> u64 {
        Command::known(&table::ZCARD).one(key)?
    }

    /// How many members have a score in this range.
    ///
    /// `ZCOUNT`, O(log(N)), since 2.0.
    fn zcount(key: impl ToArgs, range: impl Into<ScoreRange>) -> u64 {
        let command = Command::known(&table::ZCOUNT).one(key)?;
        command.arg(range.into())
    }

    /// Adds to the score of a member, which is 0 if it was not there; gives the sum.
    ///
    /// `ZINCRBY`, O(log(N)), since 1.2.
    fn zincrby(key: impl ToArgs, by: f64, member: impl ToArgs) -> f64 {
        let command = Command::known(&table::ZINCRBY).one(key)?;
        command.number(by)?.one(member)?
    }

    /// How many members are in this range, where all have the same score.
    ///
    /// `ZLEXCOUNT`, O(log(N)), since 2.8.9.
    fn zlexcount(key: impl ToArgs, range: impl Into<LexRange>) -> u64 {
        let command = Command::known(&table::ZLEXCOUNT).one(key)?;
        command.arg(range.into())
    }

    /// The scores of several members, in the order asked for.
    ///
    /// `ZMSCORE`, O(M) by the members asked for, since 6.2.
    fn zmscore(key: impl ToArgs, members: impl ToArgs) -> Vec<Option<f64>> {
        Command::known(&table::ZMSCORE).one(key)?.arg(members)
    }

    /// A random member.
    ///
    /// `ZRANDMEMBER`, O(1), since 6.2.
    fn zrandmember<T>(key: impl ToArgs) -> T {
        Command::known(&table::ZRANDMEMBER).one(key)?
    }

    /// So many different random members, or all if there are fewer; if negative, exactly so many, of which some
    /// may be the same.
    ///
    /// `ZRANDMEMBER`, O(M) by the members given, since 6.2.
    fn zrandmember_count<T>(key: impl ToArgs, count: i64) -> T {
        Command::known(&table::ZRANDMEMBER).one(key)?.arg(count)
    }

    /// As [`zrandmember_count`](Self::zrandmember_count), with their scores.
    ///
    /// `ZRANDMEMBER .. WITHSCORES`, O(M) by the members given, since 6.2.
    fn zrandmember_withscores<T>(key: impl ToArgs, count: i64) -> T {
        let command = Command::known(&table::ZRANDMEMBER).one(key)?;
        command.arg(count).arg("WITHSCORES")
    }

    /// The members in a range: of ranks (`..10`), or of scores or members; see [`ZRange`].
    ///
    /// `ZRANGE`, O(log(N)+M) by the members given, since 1.2; other ranges than those of ranks, and reversed
    /// ones, since 6.2.
    fn zrange<T>(key: impl ToArgs, range: impl Into<ZRange>) -> T {
        let command = Command::known(&table::ZRANGE).one(key)?;
        command.arg(range.into())
    }

    /// As [`zrange`](Self::zrange), with their scores. The server refuses it for ranges of members.
    ///
    /// `ZRANGE .. WITHSCORES`, O(log(N)+M) by the members given, since 1.2.
    fn zrange_withscores<T>(key: impl ToArgs, range: impl Into<ZRange>) -> T {
        let command = Command::known(&table::ZRANGE).one(key)?;
        command.arg(range.into()).arg("WITHSCORES")
    }

    /// Stores what [`zrange`](Self::zrange) gives, in place of what the destination was; gives how many. Both
    /// keys must be in one slot.
    ///
    /// `ZRANGESTORE`, O(log(N)+M) by the members stored, since 6.2.
    fn zrangestore(destination: impl ToArgs, source: impl ToArgs, range: impl Into<ZRange>) -> u64 {
        let command = Command::known(&table::ZRANGESTORE).one(destination)?;
        command.one(source)?.arg(range.into())
    }

    /// The rank of a member, the least score being 0.
    ///
    /// `ZRANK`, O(log(N)), since 2.0.
    fn zrank(key: impl ToArgs, member: impl ToArgs) -> Option<u64> {
        Command::known(&table::ZRANK).one(key)?.one(member)?
    }

    /// The rank of a member, the least score being 0, and its score.
    ///
    /// `ZRANK .. WITHSCORE`, O(log(N)), since 7.2.
    fn zrank_withscore(key: impl ToArgs, member: impl ToArgs) -> Option<(u64, f64)> {
        let command = Command::known(&table::ZRANK).one(key)?;
        command.one(member)?.arg("WITHSCORE")
    }

    /// Removes a member, or several; gives how many there were.
    ///
    /// `ZREM`, O(log(N)) for each, since 1.2.
    fn zrem(key: impl ToArgs, members: impl ToArgs) -> u64 {
        Command::known(&table::ZREM).one(key)?.arg(members)
    }

    /// Removes the members in this range, where all have the same score; gives how many.
    ///
    /// `ZREMRANGEBYLEX`, O(log(N)+M) by the members removed, since 2.8.9.
    fn zremrangebylex(key: impl ToArgs, range: impl Into<LexRange>) -> u64 {
        let command = Command::known(&table::ZREMRANGEBYLEX).one(key)?;
        command.arg(range.into())
    }

    /// Removes the members in this range of ranks; gives how many.
    ///
    /// `ZREMRANGEBYRANK`, O(log(N)+M) by the members removed, since 2.0.
    fn zremrangebyrank(key: impl ToArgs, range: impl Into<IndexRange>) -> u64 {
        let command = Command::known(&table::ZREMRANGEBYRANK).one(key)?;
        command.arg(range.into())
    }

    /// Removes the members in this range of scores; gives how many.
    ///
    /// `ZREMRANGEBYSCORE`, O(log(N)+M) by the members removed, since 1.2.
    fn zremrangebyscore(key: impl ToArgs, range: impl Into<ScoreRange>) -> u64 {
        let command = Command::known(&table::ZREMRANGEBYSCORE).one(key)?;
        command.arg(range.into())
    }

    /// The rank of a member, the greatest score being 0.
    ///
    /// `ZREVRANK`, O(log(N)), since 2.0.
    fn zrevrank(key: impl ToArgs, member: impl ToArgs) -> Option<u64> {
        Command::known(&table::ZREVRANK).one(key)?.one(member)?
    }

    /// The rank of a member, the greatest score being 0, and its score.
    ///
    /// `ZREVRANK .. WITHSCORE`, O(log(N)), since 7.2.
    fn zrevrank_withscore(key: impl ToArgs, member: impl ToArgs) -> Option<(u64, f64)> {
        let command = Command::known(&table::ZREVRANK).one(key)?;
        command.one(member)?.arg("WITHSCORE")
    }

    /// Some of the members with their scores, from this cursor on; 0 begins.
    ///
    /// `ZSCAN`, O(1) for each call, since 2.8.
    fn zscan<T>(key: impl ToArgs, cursor: u64, options: ScanOptions) -> ScanPage<T> {
        let command = Command::known(&table::ZSCAN).one(key)?;
        command.arg(cursor).arg(options)
    }

    /// Some of the members without their scores, from this cursor on; 0 begins.
    ///
    /// `ZSCAN .. NOSCORES`, O(1) for each call, since Valkey 8.0.
    fn zscan_noscores<T>(key: impl ToArgs, cursor: u64, options: ScanOptions) -> ScanPage<T> {
        let command = Command::known(&table::ZSCAN).one(key)?.arg(cursor);
        command.arg(options).arg("NOSCORES")
    }

    /// The score of a member.
    ///
    /// `ZSCORE`, O(1), since 1.2.
    fn zscore(key: impl ToArgs, member: impl ToArgs) -> Option<f64> {
        Command::known(&table::ZSCORE).one(key)?.one(member)?
    }
}
