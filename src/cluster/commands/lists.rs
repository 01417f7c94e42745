//! Lists.

use std::time::Duration;

use tower::{BoxError, Service};

use super::{IndexRange, Insert, LPosOptions, Side};
use crate::cluster::Cluster;
use crate::command::{Command, ToArgs, generated as table};
use crate::error::Error;
use crate::value::{FromValue, Value};

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
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// The element at a position, counted from 0; negative ones count from the end.
    ///
    /// `LINDEX`, O(N) by the elements to step over, since 1.0.
    pub async fn lindex<T: FromValue>(&self, key: impl ToArgs, index: i64) -> Result<T, Error> {
        self.query(Command::known(&table::LINDEX).one(key)?.arg(index))
            .await
    }

    /// Inserts an element beside another; gives the length, or `None` if there is no such other.
    ///
    /// `LINSERT`, O(N) by the elements to step over, since 2.2.
    pub async fn linsert(
        &self,
        key: impl ToArgs,
        place: Insert<impl ToArgs>,
        element: impl ToArgs,
    ) -> Result<Option<u64>, Error> {
        let command = Command::known(&table::LINSERT).one(key)?;
        // 0 if there is no key, -1 if it has no such element.
        let len: i64 = self.query(command.arg(place).one(element)?).await?;
        Ok(u64::try_from(len).ok().filter(|&len| len > 0))
    }

    /// The length, 0 if there is no such key.
    ///
    /// `LLEN`, O(1), since 1.0.
    pub async fn llen(&self, key: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::LLEN).one(key)?).await
    }

    /// Takes an element from one end of a list, puts it to an end of another in the same slot, and gives it.
    ///
    /// `LMOVE`, O(1), since 6.2.
    pub async fn lmove<T: FromValue>(
        &self,
        source: impl ToArgs,
        destination: impl ToArgs,
        from: Side,
        to: Side,
    ) -> Result<T, Error> {
        let command = Command::known(&table::LMOVE)
            .one(source)?
            .one(destination)?;
        self.query(command.arg((from, to))).await
    }

    /// Takes up to so many elements from the first of these lists that has any. The keys must be in one slot.
    /// Gives that key and its elements, if any: ask for an `Option<(String, Vec<String>)>`.
    ///
    /// `LMPOP`, O(N+M) by the keys and the elements given, since 7.0.
    pub async fn lmpop<T: FromValue>(
        &self,
        keys: impl ToArgs,
        side: Side,
        count: u64,
    ) -> Result<T, Error> {
        let command = Command::known(&table::LMPOP).counted(keys).arg(side);
        self.query(command.arg(("COUNT", count))).await
    }

    /// Takes the first element.
    ///
    /// `LPOP`, O(1), since 1.0.
    pub async fn lpop<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::LPOP).one(key)?).await
    }

    /// Takes up to so many of the first elements; nil if there is no such key, so ask for an `Option<Vec<_>>`.
    ///
    /// `LPOP`, O(N) by the elements given, since 6.2.
    pub async fn lpop_count<T: FromValue>(&self, key: impl ToArgs, count: u64) -> Result<T, Error> {
        self.query(Command::known(&table::LPOP).one(key)?.arg(count))
            .await
    }

    /// The position of the first element like this, counted from 0.
    ///
    /// `LPOS`, O(N), since 6.0.6.
    pub async fn lpos(&self, key: impl ToArgs, element: impl ToArgs) -> Result<Option<u64>, Error> {
        self.lpos_with(key, element, LPosOptions::new()).await
    }

    /// The position of an element like this, counted from 0.
    ///
    /// `LPOS`, O(N), since 6.0.6.
    pub async fn lpos_with(
        &self,
        key: impl ToArgs,
        element: impl ToArgs,
        options: LPosOptions,
    ) -> Result<Option<u64>, Error> {
        let command = Command::known(&table::LPOS).one(key)?;
        self.query(command.one(element)?.arg(options)).await
    }

    /// The positions of up to so many elements like this, counted from 0; a count of 0 is all.
    ///
    /// `LPOS .. COUNT`, O(N), since 6.0.6.
    pub async fn lpos_count(
        &self,
        key: impl ToArgs,
        element: impl ToArgs,
        count: u64,
        options: LPosOptions,
    ) -> Result<Vec<u64>, Error> {
        let command = Command::known(&table::LPOS).one(key)?.one(element)?;
        self.query(command.arg(options).arg(("COUNT", count))).await
    }

    /// Adds an element, or one after the other, at the left; gives the length.
    ///
    /// `LPUSH`, O(N), since 1.0.
    pub async fn lpush(&self, key: impl ToArgs, elements: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::LPUSH).one(key)?.arg(elements))
            .await
    }

    /// Adds an element, or one after the other, at the left if there is such a key; gives the length, else 0.
    ///
    /// `LPUSHX`, O(N), since 2.2.
    pub async fn lpushx(&self, key: impl ToArgs, elements: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::LPUSHX).one(key)?.arg(elements))
            .await
    }

    /// The elements at these positions: `..` is all, `..10` the first ten, `-10..` the last ten.
    ///
    /// `LRANGE`, O(S+N) by the distance of the start to the nearer end and the elements given, since 1.0.
    pub async fn lrange<T: FromValue>(
        &self,
        key: impl ToArgs,
        range: impl Into<IndexRange>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::LRANGE).one(key)?;
        self.query(command.arg(range.into())).await
    }

    /// Removes elements like this: so many from the left on, or from the right if negative, or all if 0. Gives
    /// how many there were.
    ///
    /// `LREM`, O(N+M) by the length and the elements removed, since 1.0.
    pub async fn lrem(
        &self,
        key: impl ToArgs,
        count: i64,
        element: impl ToArgs,
    ) -> Result<u64, Error> {
        let command = Command::known(&table::LREM).one(key)?;
        self.query(command.arg(count).one(element)?).await
    }

    /// Sets the element at a position, counted from 0; negative ones count from the end.
    ///
    /// `LSET`, O(N) by the elements to step over, since 1.0.
    ///
    /// # Errors
    ///
    /// Also if there is no such position, or no such key.
    pub async fn lset(
        &self,
        key: impl ToArgs,
        index: i64,
        element: impl ToArgs,
    ) -> Result<(), Error> {
        let command = Command::known(&table::LSET).one(key)?;
        self.query(command.arg(index).one(element)?).await
    }

    /// Removes all elements but those at these positions: `..10` keeps the first ten, `-10..` the last ten.
    ///
    /// `LTRIM`, O(N) by the elements removed, since 1.0.
    pub async fn ltrim(&self, key: impl ToArgs, range: impl Into<IndexRange>) -> Result<(), Error> {
        let command = Command::known(&table::LTRIM).one(key)?;
        self.query(command.arg(range.into())).await
    }

    /// Takes the last element.
    ///
    /// `RPOP`, O(1), since 1.0.
    pub async fn rpop<T: FromValue>(&self, key: impl ToArgs) -> Result<T, Error> {
        self.query(Command::known(&table::RPOP).one(key)?).await
    }

    /// Takes up to so many of the last elements; nil if there is no such key, so ask for an `Option<Vec<_>>`.
    ///
    /// `RPOP`, O(N) by the elements given, since 6.2.
    pub async fn rpop_count<T: FromValue>(&self, key: impl ToArgs, count: u64) -> Result<T, Error> {
        self.query(Command::known(&table::RPOP).one(key)?.arg(count))
            .await
    }

    /// Adds an element, or one after the other, at the right; gives the length.
    ///
    /// `RPUSH`, O(N), since 1.0.
    pub async fn rpush(&self, key: impl ToArgs, elements: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::RPUSH).one(key)?.arg(elements))
            .await
    }

    /// Adds an element, or one after the other, at the right if there is such a key; gives the length, else 0.
    ///
    /// `RPUSHX`, O(N), since 2.2.
    pub async fn rpushx(&self, key: impl ToArgs, elements: impl ToArgs) -> Result<u64, Error> {
        self.query(Command::known(&table::RPUSHX).one(key)?.arg(elements))
            .await
    }

    /// As [`lmove`](Cluster::lmove), and waits for an element; nil if none comes in time.
    ///
    /// `BLMOVE`, O(1), since 6.2. [Blocks](crate::cluster::commands#blocking-commands).
    pub async fn blmove<T: FromValue>(
        &self,
        source: impl ToArgs,
        destination: impl ToArgs,
        from: Side,
        to: Side,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::BLMOVE)
            .one(source)?
            .one(destination)?;
        let command = command.arg((from, to)).block_for(timeout.into())?;
        self.query(command).await
    }

    /// As [`lmpop`](Cluster::lmpop), and waits for an element; nil if none comes in time.
    ///
    /// `BLMPOP`, O(N+M) by the keys and the elements given, since 7.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    pub async fn blmpop<T: FromValue>(
        &self,
        keys: impl ToArgs,
        side: Side,
        count: u64,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::BLMPOP).block_for(timeout.into())?;
        let command = command.counted(keys).arg(side);
        self.query(command.arg(("COUNT", count))).await
    }

    /// Takes the first element of the first of these lists that has any, and waits for one. The keys must be in
    /// one slot. Gives the key and the element, nil if none comes in time: ask for an `Option<(String, String)>`.
    ///
    /// `BLPOP`, O(N) by the keys, since 2.0; parts of a second since 6.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    pub async fn blpop<T: FromValue>(
        &self,
        keys: impl ToArgs,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::BLPOP).arg(keys);
        self.query(command.block_for(timeout.into())?).await
    }

    /// As [`blpop`](Cluster::blpop), but takes the last element.
    ///
    /// `BRPOP`, O(N) by the keys, since 2.0; parts of a second since 6.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    pub async fn brpop<T: FromValue>(
        &self,
        keys: impl ToArgs,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::BRPOP).arg(keys);
        self.query(command.block_for(timeout.into())?).await
    }
}
