//! Taking members from the ends of sorted sets.

use std::time::Duration;

use tower::{BoxError, Service};

use crate::cluster::Cluster;
use crate::command::{ArgWriter, Command, ToArgs, generated as table};
use crate::error::Error;
use crate::value::{FromValue, Value};

/// # Priority queues of sorted sets
///
/// A timeout of `None` is forever.
impl<S> Cluster<S>
where
    S: Service<Command, Response = Value> + Clone,
    S::Error: Into<BoxError>,
{
    /// Takes the member with the least score.
    ///
    /// `ZPOPMIN`, O(log(N)), since 5.0.
    pub async fn zpopmin<T: FromValue>(&self, key: impl ToArgs) -> Result<Option<(T, f64)>, Error> {
        self.pop_one(Command::known(&table::ZPOPMIN).one(key)?)
            .await
    }

    /// Takes up to so many members with the least scores, and gives them with their scores, the least first.
    ///
    /// `ZPOPMIN`, O(log(N)) for each, since 5.0.
    pub async fn zpopmin_count<T: FromValue>(
        &self,
        key: impl ToArgs,
        count: u64,
    ) -> Result<T, Error> {
        self.query(Command::known(&table::ZPOPMIN).one(key)?.arg(count))
            .await
    }

    /// Takes the member with the greatest score.
    ///
    /// `ZPOPMAX`, O(log(N)), since 5.0.
    pub async fn zpopmax<T: FromValue>(&self, key: impl ToArgs) -> Result<Option<(T, f64)>, Error> {
        self.pop_one(Command::known(&table::ZPOPMAX).one(key)?)
            .await
    }

    /// Takes up to so many members with the greatest scores, and gives them with their scores, the greatest first.
    ///
    /// `ZPOPMAX`, O(log(N)) for each, since 5.0.
    pub async fn zpopmax_count<T: FromValue>(
        &self,
        key: impl ToArgs,
        count: u64,
    ) -> Result<T, Error> {
        self.query(Command::known(&table::ZPOPMAX).one(key)?.arg(count))
            .await
    }

    /// Takes up to so many members from the first of these sorted sets that has any. The keys must be in one
    /// slot. Gives that key and its members with their scores, if any: ask for an
    /// `Option<(String, Vec<(String, f64)>)>`.
    ///
    /// `ZMPOP`, O(K+M*log(N)) by the keys and the members given, since 7.0.
    pub async fn zmpop<T: FromValue>(
        &self,
        keys: impl ToArgs,
        which: Extreme,
        count: u64,
    ) -> Result<T, Error> {
        let command = Command::known(&table::ZMPOP).counted(keys).arg(which);
        self.query(command.arg(("COUNT", count))).await
    }

    /// As [`zmpop`](Cluster::zmpop), and waits for a member; nil if none comes in time.
    ///
    /// `BZMPOP`, O(K+M*log(N)) by the keys and the members given, since 7.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    pub async fn bzmpop<T: FromValue>(
        &self,
        keys: impl ToArgs,
        which: Extreme,
        count: u64,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::BZMPOP).block_for(timeout.into())?;
        let command = command.counted(keys).arg(which);
        self.query(command.arg(("COUNT", count))).await
    }

    /// Takes the member with the least score from the first of these sorted sets that has any, and waits for one.
    /// The keys must be in one slot. Gives the key, the member and its score, nil if none comes in time: ask for
    /// an `Option<(String, String, f64)>`.
    ///
    /// `BZPOPMIN`, O(log(N)), since 5.0; parts of a second since 6.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    pub async fn bzpopmin<T: FromValue>(
        &self,
        keys: impl ToArgs,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::BZPOPMIN).arg(keys);
        self.query(command.block_for(timeout.into())?).await
    }

    /// As [`bzpopmin`](Cluster::bzpopmin), but takes the member with the greatest score.
    ///
    /// `BZPOPMAX`, O(log(N)), since 5.0; parts of a second since 6.0.
    /// [Blocks](crate::cluster::commands#blocking-commands).
    pub async fn bzpopmax<T: FromValue>(
        &self,
        keys: impl ToArgs,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<T, Error> {
        let command = Command::known(&table::BZPOPMAX).arg(keys);
        self.query(command.block_for(timeout.into())?).await
    }

    /// Without a count the reply is the member and its score, or an empty array.
    async fn pop_one<T: FromValue>(&self, command: Command) -> Result<Option<(T, f64)>, Error> {
        let mut pairs: Vec<(T, f64)> = self.query(command).await?;
        Ok(pairs.pop())
    }
}

/// An end of a sorted set.
///
/// ```
/// use tower_redis_cluster::{cluster::commands::Extreme, cmd};
///
/// let command = cmd("ZMPOP").arg((1, "scores", Extreme::Min));
/// assert!(command.args().skip(3).eq(["MIN".as_bytes()]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extreme {
    /// The members with the least scores.
    Min,
    /// The members with the greatest scores.
    Max,
}

impl ToArgs for Extreme {
    fn write_args(&self, out: &mut ArgWriter<'_>) {
        out.put(match self {
            Self::Min => "MIN",
            Self::Max => "MAX",
        });
    }
}
