//! Lists.

use std::time::Duration;

use super::typed::commands;
use super::{IndexRange, Insert, LPosOptions, Side};
use crate::command::{Command, ToArgs, generated as table};

commands! {
    /// # Lists
    ///
    /// See the [conventions](crate::cluster::commands) of all typed commands, and what they say of
    /// [blocking](crate::cluster::commands#blocking-commands): a timeout of `None` is forever.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tower_redis_cluster::Error> {
    /// # let fake = tower_redis_cluster::testing::FakeCluster::start(3).await;
    /// # let cluster = fake.connect().await?;
    /// cluster.rpush("queue", ["a", "b", "c"]).await?;
    /// let all: Vec<String> = cluster.lrange("queue", ..).await?;
    /// assert_eq!(all, ["a", "b", "c"]);
    ///
    /// let first: Option<String> = cluster.lpop("queue").await?;
    /// assert_eq!(first.as_deref(), Some("a"));
    ///
    /// let last_two: Vec<String> = cluster.lrange("queue", -2..).await?;
    /// assert_eq!(last_two, ["b", "c"]);
    /// # Ok(())
    /// # }
    /// ```
    group "Lists";

    /// The element at a position, counted from 0; negative ones count from the end.
    ///
    /// `LINDEX`, O(N) by the elements to step over, since 1.0.
    fn lindex<T>(key: impl ToArgs, index: i64) -> T {
        Command::known(&table::LINDEX).one(key)?.arg(index)
    }

    /// Inserts an element beside another; gives the length, or `None` if there is no such other.
    ///
    /// `LINSERT`, O(N) by the elements to step over, since 2.2.
    fn linsert(key: impl ToArgs, place: Insert<impl ToArgs>, element: impl ToArgs) -> Option<u64> {
        let command = Command::known(&table::LINSERT).one(key)?;
        command.arg(place).one(element)?
    }
    // 0 if there is no key, -1 if it has no such element.
    from |len: i64| u64::try_from(len).ok().filter(|&len| len > 0);

    /// The length, 0 if there is no such key.
    ///
    /// `LLEN`, O(1), since 1.0.
    fn llen(key: impl ToArgs) -> u64 {
        Command::known(&table::LLEN).one(key)?
    }

    /// Takes an element from one end of a list, puts it to an end of another in the same slot, and gives it.
    ///
    /// `LMOVE`, O(1), since 6.2.
    fn lmove<T>(source: impl ToArgs, destination: impl ToArgs, from: Side, to: Side) -> T {
        let command = Command::known(&table::LMOVE)
            .one(source)?
            .one(destination)?;
        command.arg((from, to))
    }

    /// Takes up to so many elements from the first of these lists that has any. The keys must be in one slot.
    /// Gives that key and its elements, if any: ask for an `Option<(String, Vec<String>)>`.
    ///
    /// `LMPOP`, O(N+M) by the keys and the elements given, since 7.0.
    fn lmpop<T>(keys: impl ToArgs, side: Side, count: u64) -> T {
        let command = Command::known(&table::LMPOP).counted(keys).arg(side);
        command.arg(("COUNT", count))
    }

    /// Takes the first element.
    ///
    /// `LPOP`, O(1), since 1.0.
    fn lpop<T>(key: impl ToArgs) -> T {
        Command::known(&table::LPOP).one(key)?
    }

    /// Takes up to so many of the first elements; nil if there is no such key, so ask for an `Option<Vec<_>>`.
    ///
    /// `LPOP`, O(N) by the elements given, since 6.2.
    fn lpop_count<T>(key: impl ToArgs, count: u64) -> T {
        Command::known(&table::LPOP).one(key)?.arg(count)
    }

    /// The position of the first element like this, counted from 0.
    ///
    /// `LPOS`, O(N), since 6.0.6.
    fn lpos(key: impl ToArgs, element: impl ToArgs) -> Option<u64> {
        Command::known(&table::LPOS).one(key)?.one(element)?
    }

    /// The position of an element like this, counted from 0.
    ///
    /// `LPOS`, O(N), since 6.0.6.
    fn lpos_with(key: impl ToArgs, element: impl ToArgs, options: LPosOptions) -> Option<u64> {
        let command = Command::known(&table::LPOS).one(key)?;
        command.one(element)?.arg(options)
    }

    /// The positions of up to so many elements like this, counted from 0; a count of 0 is all.
    ///
    /// `LPOS .. COUNT`, O(N), since 6.0.6.
    fn lpos_count(
        key: impl ToArgs,
        element: impl ToArgs,
        count: u64,
        options: LPosOptions,
    ) -> Vec<u64> {
        let command = Command::known(&table::LPOS).one(key)?.one(element)?;
        command.arg(options).arg(("COUNT", count))
    }

    /// Adds an element, or one after the other, at the left; gives the length.
    ///
    /// `LPUSH`, O(N), since 1.0.
    fn lpush(key: impl ToArgs, elements: impl ToArgs) -> u64 {
        Command::known(&table::LPUSH).one(key)?.arg(elements)
    }

    /// Adds an element, or one after the other, at the left if there is such a key; gives the length, else 0.
    ///
    /// `LPUSHX`, O(N), since 2.2.
    fn lpushx(key: impl ToArgs, elements: impl ToArgs) -> u64 {
        Command::known(&table::LPUSHX).one(key)?.arg(elements)
    }

    /// The elements at these positions: `..` is all, `..10` the first ten, `-10..` the last ten.
    ///
    /// `LRANGE`, O(S+N) by the distance of the start to the nearer end and the elements given, since 1.0.
    fn lrange<T>(key: impl ToArgs, range: impl Into<IndexRange>) -> T {
        let command = Command::known(&table::LRANGE).one(key)?;
        command.arg(range.into())
    }

    /// Removes elements like this: so many from the left on, or from the right if negative, or all if 0. Gives
    /// how many there were.
    ///
    /// `LREM`, O(N+M) by the length and the elements removed, since 1.0.
    fn lrem(key: impl ToArgs, count: i64, element: impl ToArgs) -> u64 {
        let command = Command::known(&table::LREM).one(key)?;
        command.arg(count).one(element)?
    }

    /// Sets the element at a position, counted from 0; negative ones count from the end.
    ///
    /// `LSET`, O(N) by the elements to step over, since 1.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such position, or no such key.
    fn lset(key: impl ToArgs, index: i64, element: impl ToArgs) -> () {
        let command = Command::known(&table::LSET).one(key)?;
        command.arg(index).one(element)?
    }

    /// Removes all elements but those at these positions: `..10` keeps the first ten, `-10..` the last ten.
    ///
    /// `LTRIM`, O(N) by the elements removed, since 1.0.
    fn ltrim(key: impl ToArgs, range: impl Into<IndexRange>) -> () {
        let command = Command::known(&table::LTRIM).one(key)?;
        command.arg(range.into())
    }

    /// Takes the last element.
    ///
    /// `RPOP`, O(1), since 1.0.
    fn rpop<T>(key: impl ToArgs) -> T {
        Command::known(&table::RPOP).one(key)?
    }

    /// Takes up to so many of the last elements; nil if there is no such key, so ask for an `Option<Vec<_>>`.
    ///
    /// `RPOP`, O(N) by the elements given, since 6.2.
    fn rpop_count<T>(key: impl ToArgs, count: u64) -> T {
        Command::known(&table::RPOP).one(key)?.arg(count)
    }

    /// Adds an element, or one after the other, at the right; gives the length.
    ///
    /// `RPUSH`, O(N), since 1.0.
    fn rpush(key: impl ToArgs, elements: impl ToArgs) -> u64 {
        Command::known(&table::RPUSH).one(key)?.arg(elements)
    }

    /// Adds an element, or one after the other, at the right if there is such a key; gives the length, else 0.
    ///
    /// `RPUSHX`, O(N), since 2.2.
    fn rpushx(key: impl ToArgs, elements: impl ToArgs) -> u64 {
        Command::known(&table::RPUSHX).one(key)?.arg(elements)
    }

    /// As [`lmove`](Self::lmove), and waits for an element; nil if none comes in time.
    ///
    /// `BLMOVE`, O(1), since 6.2. [Blocks](crate::cluster::commands#blocking-commands).
    fn blmove<T>(
        source: impl ToArgs,
        destination: impl ToArgs,
        from: Side,
        to: Side,
        timeout: impl Into<Option<Duration>>,
    ) -> T {
        let command = Command::known(&table::BLMOVE)
            .one(source)?
            .one(destination)?;
        command.arg((from, to)).block_for(timeout.into())?
    }

    /// As [`lmpop`](Self::lmpop), and waits for an element; nil if none comes in time.
    ///
    /// `BLMPOP`, O(N+M) by the keys and the elements given, since 7.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    fn blmpop<T>(
        keys: impl ToArgs,
        side: Side,
        count: u64,
        timeout: impl Into<Option<Duration>>,
    ) -> T {
        let command = Command::known(&table::BLMPOP).block_for(timeout.into())?;
        let command = command.counted(keys).arg(side);
        command.arg(("COUNT", count))
    }

    /// Takes the first element of the first of these lists that has any, and waits for one. The keys must be in
    /// one slot. Gives the key and the element, nil if none comes in time: ask for an `Option<(String, String)>`.
    ///
    /// `BLPOP`, O(N) by the keys, since 2.0; parts of a second since 6.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    fn blpop<T>(keys: impl ToArgs, timeout: impl Into<Option<Duration>>) -> T {
        let command = Command::known(&table::BLPOP).arg(keys);
        command.block_for(timeout.into())?
    }

    /// As [`blpop`](Self::blpop), but takes the last element.
    ///
    /// `BRPOP`, O(N) by the keys, since 2.0; parts of a second since 6.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    fn brpop<T>(keys: impl ToArgs, timeout: impl Into<Option<Duration>>) -> T {
        let command = Command::known(&table::BRPOP).arg(keys);
        command.block_for(timeout.into())?
    }
}
